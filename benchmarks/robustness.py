"""Does a film keep the scene of its sound where the sound is nothing that training knew?

    python benchmarks/robustness.py                      # 20 sounds a scene and row, about a quarter of an hour on two cores
    python benchmarks/robustness.py --clips 4            # a glance
    python benchmarks/robustness.py --recordings DIR     # films of real recordings too (those that E_a learned from aren't held out)

Rows: the world's own held-out sounds; the same in shoebox rooms by image sources (Allen and Berkley 1979), over a telephone (300 to 3,400 Hz,
8 bits of mu-law, lost packets), and through MP3 at 32 and Opus at 12 kbit/s; then the sounds of a second synthesiser
(`other_synthesiser.py`). Training knows none of these: its rooms are noise that dies away, its codecs are band limits and coarse steps.
"heard" is the scene that the joint space names, "shown" the one that the judge sees in the film, from a random start.
"""

import argparse
import dataclasses
import io
import itertools
import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import torch
from filters import bandpass_biquad, fftconvolve
from other_synthesiser import SCENES, synthesise
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).parents[1]))

from sgvg_core.assembly import BUNDLED, SoundModel, load_judge, load_model
from sgvg_core.audio.waveform import resample
from sgvg_core.evaluation.judged.table import (
    SOUND_RATE,
    Films,
    HeldOutClip,
    held_out_clips,
    judge_film,
)
from sgvg_core.evaluation.statistics import bootstrap
from sgvg_core.generation import Sound
from sgvg_core.generation.listening import classify_sound
from sgvg_core.judge import Judge
from sgvg_core.media.decode import read_sound
from sgvg_core.world import KINDS
from sgvg_core.world.recordings import read_recordings

SECONDS, FPS = 4.0, 12.0
SPEED_OF_SOUND = 343.0


def in_a_room(wave: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """A sound [N] in a shoebox of 3 to 12 m, walls that give back 60 to 90 %, up to 8 reflections an axis."""
    size, gain = rng.uniform(3, 12, 3), rng.uniform(0.6, 0.9)
    source, ear = rng.uniform(0.2, 0.8, (2, 3)) * size
    response = torch.zeros(int(0.8 * SOUND_RATE))
    for cell in itertools.product(range(-4, 5), repeat=3):
        for mirrored in itertools.product((0, 1), repeat=3):
            image = np.array([2 * n * length + (1 - 2 * m) * x for n, m, x, length in zip(cell, mirrored, source, size, strict=True)])
            bounces = sum(abs(n) + abs(n - m) for n, m in zip(cell, mirrored, strict=True))
            metres = max(0.5, float(np.linalg.norm(image - ear)))
            at = int(metres / SPEED_OF_SOUND * SOUND_RATE)
            if at < len(response):
                response[at] += gain**bounces / metres
    return fftconvolve(wave, response)[: len(wave)]


def by_telephone(wave: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """A sound [N] through a band of 300 to 3,400 Hz, 8 bits of mu-law, and 3 % of its packets of 20 ms lost."""
    low = resample(wave[None], SOUND_RATE, 8000)[0]
    low = bandpass_biquad(bandpass_biquad(low, 8000, 1000, 0.35), 8000, 1000, 0.35)
    low = low / (low.abs().max() + 1e-9)
    coded = torch.sign(low) * torch.log1p(255 * low.abs()) / math.log(256)
    coded = (coded * 127).round() / 127
    low = torch.sign(coded) * (256 ** coded.abs() - 1) / 255
    for packet in np.flatnonzero(rng.random(len(low) // 160) < 0.03):
        low[packet * 160 : (packet + 1) * 160] = 0
    return resample(low[None], 8000, SOUND_RATE)[0]


def coded(codec: str, container: str, rate: int, bit_rate: int) -> Callable[[torch.Tensor, np.random.Generator], torch.Tensor]:
    """A sound [N] encoded and decoded again."""

    def through(wave: torch.Tensor, _rng: np.random.Generator) -> torch.Tensor:
        samples = resample(wave[None] / (wave.abs().max() + 1e-9) * 0.7, SOUND_RATE, rate).numpy().astype(np.float32)
        file = io.BytesIO()
        with av.open(file, "w", format=container) as out:
            stream = out.add_stream(codec, rate=rate, layout="mono")
            stream.bit_rate = bit_rate
            frame = av.AudioFrame.from_ndarray((samples * 32767).astype(np.int16), format="s16", layout="mono")
            frame.sample_rate = rate
            resampler = av.AudioResampler(stream.codec_context.format or "s16", "mono", rate)
            for part in [*resampler.resample(frame), *resampler.resample(None)]:
                out.mux(stream.encode(part))
            out.mux(stream.encode(None))
        file.seek(0)
        with av.open(file) as back:
            resampler = av.AudioResampler("flt", "mono", SOUND_RATE)
            frames = [part for frame in back.decode(audio=0) for part in resampler.resample(frame)] + resampler.resample(None)
        decoded = torch.from_numpy(np.concatenate([part.to_ndarray()[0] for part in frames]))
        return functional.pad(decoded, (0, max(0, len(wave) - len(decoded))))[: len(wave)]

    return through


WEARS: dict[str, Callable[[torch.Tensor, np.random.Generator], torch.Tensor]] = {
    "as they are": lambda wave, rng: wave,
    "in rooms": in_a_room,
    "by telephone": by_telephone,
    "MP3 at 32 kbit/s": coded("libmp3lame", "mp3", 22_050, 32_000),
    "Opus at 12 kbit/s": coded("libopus", "ogg", 24_000, 12_000),
}


def worn_clips(name: str, num_clips: int, seed: int) -> Iterator[HeldOutClip]:
    """Held-out sounds of all nine scenes, worn."""
    for clip in held_out_clips(num_clips, seed, SECONDS, FPS):
        yield dataclasses.replace(clip, waveform=WEARS[name](clip.waveform, np.random.default_rng(clip.seed)))


def other_clips(a_scene: int, seed: int) -> Iterator[HeldOutClip]:
    """Sounds of the second synthesiser, under the hidden envelopes of held-out clips."""
    for clip in held_out_clips(a_scene * len(KINDS), seed + 1, SECONDS, FPS):
        if KINDS[clip.kind] in SCENES:
            times = np.arange(int(SECONDS * SOUND_RATE)) / SOUND_RATE
            strength = torch.from_numpy(np.interp(times, np.arange(len(clip.envelope)) / FPS, clip.envelope)).float()
            yield dataclasses.replace(clip, waveform=synthesise(KINDS[clip.kind], clip.seed, strength))


def real_clips(folder: Path) -> Iterator[HeldOutClip]:
    """The first eight seconds of every recording; nobody knows their strength."""

    def load(path: Path) -> np.ndarray:
        return np.asarray(read_sound(path, sample_rate=SOUND_RATE, mono=True)[0][0].numpy())

    for index, recording in enumerate(read_recordings(folder, load)):
        waveform = torch.from_numpy(recording.waveform[: 8 * SOUND_RATE])
        yield HeldOutClip(KINDS.index(recording.kind), index, waveform, np.zeros(math.ceil(len(waveform) / SOUND_RATE * FPS)))


def print_row(name: str, model: SoundModel, films: Films, judge: Judge, clips: Iterator[HeldOutClip]) -> None:
    """Hear and see every clip; print what was right, by scene too."""
    heard, shown, strengths, kinds = [], [], [], []
    for clip in clips:
        heard.append(classify_sound(model, Sound.from_waveform(clip.waveform[None], SOUND_RATE)).labels[0].text == KINDS[clip.kind])
        film = judge_film(judge, films.random_start(clip), clip.kind, clip.envelope, FPS)
        shown.append(film.right)
        strengths.append(film.correlation)
        kinds.append(clip.kind)
    low, high = bootstrap(np.array(shown, float), "mean")
    strength = f"{np.median(strengths):.2f}" if np.isfinite(np.median(strengths)) and max(map(abs, strengths)) > 0 else "-"
    seen = f"shown {np.mean(shown):6.1%} ({low:.1%} to {high:.1%})   strength {strength}"
    print(f"{name:20s} {len(kinds):4d} clips   heard {np.mean(heard):6.1%}   {seen}")
    rows = {kind: [i for i, each in enumerate(kinds) if each == kind] for kind in sorted(set(kinds))}
    scenes = [f"{KINDS[kind].split()[0]} {np.mean([heard[i] for i in own]):.2f}/{np.mean([shown[i] for i in own]):.2f}" for kind, own in rows.items()]
    balanced = [np.mean([[heard[i] for i in own], [shown[i] for i in own]], 1) for own in rows.values()]
    print(f"{'':20s} heard/shown: {'  '.join(scenes)}   balanced {np.mean(balanced, 0)[0]:.2f}/{np.mean(balanced, 0)[1]:.2f}", flush=True)


def main() -> None:
    """All rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=20, help="sounds a scene and row (default 20)")
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--model", type=Path, default=BUNDLED)
    parser.add_argument("--rows", type=lambda text: text.split(","), default=[*WEARS, "second synthesiser"], help="only these rows")
    parser.add_argument("--recordings", type=Path, default=None, help="a folder DIR/<scene>/*.ogg|opus|wav|...")
    args = parser.parse_args()
    model, judge = load_model(args.model), load_judge(args.model / "judge.safetensors")
    films = Films(model, FPS, args.seed)
    for name in args.rows:
        clips = other_clips(args.clips, args.seed) if name not in WEARS else worn_clips(name, args.clips * len(KINDS), args.seed)
        print_row(name, model, films, judge, clips)
    if args.recordings is not None:
        print_row("real recordings", model, films, judge, real_clips(args.recordings))


if __name__ == "__main__":
    main()
