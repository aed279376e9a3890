"""How lifelike are the synthesised sounds? Their statistics next to those of real recordings, class by class.

    python benchmarks/sound_statistics.py --recordings DIR [--seeds 40] [kinds ...]

A row is a mean and a spread over clips of five seconds; bands are quarters of the mel axis, the lowest first:
level    mean power of each band, dB below the strongest (spectral tilt and its spread)
spread   standard deviation over time of the level in a mel band, dB (about 5.6 for pure noise in one bin, less the wider the band)
tail     99th percentile above the median of that level, dB (bursts and how heavy their tail is)
motion   modulation of the bands' levels under 2 Hz, at 2-8 Hz and over 8 Hz, dB
together correlation between the bands' levels
loud     standard deviation of the whole level, and its 98th percentile above the median, dB
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))

from sgvg_core.audio.mel import mel_power
from sgvg_core.config import MelConfig
from sgvg_core.training.world.sound_data import KINDS, load_recordings
from sgvg_core.world import synth
from sgvg_core.world.envelopes import make_envelope

MEL = MelConfig(sample_rate=22_050, n_fft=1024, hop=256, n_mels=32, segment_seconds=0.75, resized_mels=32, resized_frames=64)
CLIP_SECONDS = 5
NUM_BANDS = 4
NAMES = (*(f"level {i}" for i in range(NUM_BANDS)), *(f"spread {i}" for i in range(NUM_BANDS)), *(f"tail {i}" for i in range(NUM_BANDS)),
         "motion<2", "mot. 2-8", "motion>8", "together", "loud", "loud 98%")


def statistics(waveform: NDArray[np.float32]) -> NDArray[np.float64]:
    """The figures named in `NAMES` of one clip [N]."""
    power = mel_power(torch.from_numpy(waveform)[None], MEL)[0].double().numpy() + 1e-12
    total = power.sum(0)
    power = power[:, total > total.max() * 1e-6]  # digital silence says nothing
    decibels = 10 * np.log10(power)
    grouped = power.reshape(NUM_BANDS, -1, power.shape[1])
    levels = 10 * np.log10(grouped.mean((1, 2)))
    spreads = decibels.std(1).reshape(NUM_BANDS, -1).mean(1)
    tails = (np.percentile(decibels, 99, axis=1) - np.median(decibels, axis=1)).reshape(NUM_BANDS, -1).mean(1)
    bands = 10 * np.log10(grouped.mean(1))
    spectrum = np.abs(np.fft.rfft(bands - bands.mean(1, keepdims=True), axis=1)) ** 2 / (bands.shape[1] ** 2 / 2)
    hertz = np.fft.rfftfreq(bands.shape[1], MEL.hop / MEL.sample_rate)
    motions = [np.sqrt(spectrum[:, (hertz > low) & (hertz <= high)].sum(1)).mean() for low, high in ((0.1, 2), (2, 8), (8, 1e3))]
    together = np.corrcoef(bands)[np.triu_indices(NUM_BANDS, 1)].mean()
    whole = 10 * np.log10(power.sum(0))
    return np.array([*(levels - levels.max()), *spreads, *tails, *motions, together, whole.std(), np.percentile(whole, 98) - np.median(whole)])


def print_row(title: str, clips: list[NDArray[np.float32]]) -> None:
    """Mean and spread of every figure over some clips."""
    found = np.array([statistics(clip) for clip in clips])
    print(f"{title:32s}" + "".join(f"{mean:7.1f}±{spread:<4.1f}" for mean, spread in zip(found.mean(0), found.std(0), strict=True)), flush=True)


def main() -> None:
    """Print a row of real and a row of synthesised clips for each class."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", default=KINDS)
    parser.add_argument("--recordings", type=Path, help="a folder DIR/<scene>/*.ogg|opus|wav|...; without it only the synthesised rows")
    parser.add_argument("--seeds", type=int, default=40)
    args = parser.parse_args()
    torch.set_num_threads(1)
    recordings = load_recordings(args.recordings, MEL.sample_rate) if args.recordings else []
    num_samples = CLIP_SECONDS * MEL.sample_rate
    print(" " * 32 + "".join(f"{name:>8s}    " for name in NAMES))
    for kind in args.kinds:
        waves = [recording.waveform for recording in recordings if recording.kind == kind]
        real = [wave[first:first + num_samples] for wave in waves for first in range(0, max(1, len(wave) - num_samples // 2), num_samples)]
        if real:
            print_row(f"{kind}, {len(real)} real", real)
        made = [synth(kind, seed, make_envelope(kind, seed, CLIP_SECONDS, MEL.sample_rate), MEL.sample_rate) for seed in range(args.seeds)]
        print_row(f"{kind}, {len(made)} made", made)


if __name__ == "__main__":
    main()
