"""Something to look at while E_a and the walker learn: for a few clips, real frames above made ones, and short films with the sound."""

import dataclasses
from fractions import Fraction
from pathlib import Path

import torch

from ...datasets import ClipInfo
from ...generation.render import frames
from ...generation.seeded_start import random_start
from ...generation.trajectory import count_windows, to_rate
from ...media import SoundTrack, VideoWriter, contact_sheet, save_png
from ...pixels import to_uint8
from ...sound_inversion import SoundInversionEncoder, encode_clips, smoothing_reach
from ...synthesis import Generator
from ...walker import RecurrentWalker, WalkSettings, roll_out
from .windows import ClipWindows

_NUM_CLIPS, _NUM_FRAMES, _SECONDS = 4, 8, 3.0


@dataclasses.dataclass(frozen=True)
class Sampled:
    """What films are made of."""

    generator: Generator
    encoder: SoundInversionEncoder
    walker: RecurrentWalker
    settings: WalkSettings
    """How the walker moves."""
    seed: int
    """Of the start latents."""


def write_samples(folder: Path, step: int, sampled: Sampled, windows: ClipWindows) -> torch.Tensor:
    """`step_N.png`, two rows a clip: real, then made; and `step_N_<clip>.mp4` of each. Always the same clips and starts.

    Returns the sheet, uint8 [H, W, 3].

    `step` is the number in the files' names.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for number, clip in enumerate(_different(windows)):
        made = sample_film(sampled, windows, clip, number)
        rate = to_rate(sampled.walker.walk_rate)
        real = to_uint8(windows.frames(clip, 0.0, rate, len(made), made.shape[1]))
        places = torch.linspace(0, len(made) - 1, _NUM_FRAMES).round().long()
        rows += [real[places], made[places]]
        _write_film(folder / f"step_{step:08d}_{number}.mp4", made, rate, windows.sound(clip)[0], windows.mel.sample_rate)
    sheet = contact_sheet(torch.cat(rows), _NUM_FRAMES)
    save_png(folder / f"step_{step:08d}.png", sheet)
    return sheet


def _different(windows: ClipWindows) -> list[ClipInfo]:
    """A few clips, of as many labels as there are."""
    order = sorted(range(len(windows)), key=lambda row: sum(other.label == windows.clips[row].label for other in windows.clips[:row]))
    return [windows.clips[row] for row in order[:_NUM_CLIPS]]


@torch.no_grad()
def sample_film(sampled: Sampled, windows: ClipWindows, clip: ClipInfo, number: int) -> torch.Tensor:
    """The film of a clip's sound from start latent `number` of the seed, uint8 [T, H, W, 3], at the walker's rate."""
    generator, encoder, walker = sampled.generator, sampled.encoder, sampled.walker
    device, rate = generator.w_avg.device, to_rate(walker.walk_rate)
    num_steps = max(2, int(min(clip.seconds, _SECONDS) * rate))
    ahead = encoder.reach + smoothing_reach(encoder.smoothing)
    count = max(num_steps, min(num_steps + ahead, count_windows(clip.seconds, rate)))
    heard = encode_clips(encoder, windows.windows(clip, 0.0, rate, count).to(device)[None])[0, :num_steps]
    start_ws = random_start(generator, sampled.seed, first=number).to(device)
    walk = roll_out(walker, start_ws, [heard], sampled.settings)
    return torch.cat(list(frames(generator, walk)))


def _write_film(path: Path, frames: torch.Tensor, rate: Fraction, samples: torch.Tensor, sample_rate: int) -> None:
    track = SoundTrack.from_waveform(samples[None, : int(len(frames) / rate * sample_rate)], sample_rate)
    with VideoWriter(path, fps=rate, width=frames.shape[2], height=frames.shape[1], sound=track) as writer:
        writer.write(frames)
