"""Small films with sound that are quickly told apart: three kinds, a few films of each, as class folders."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

from sgvg_core.media import SoundTrack, VideoWriter

RATE, FPS = 22_050, Fraction(12)


def _glow(rng: np.random.Generator, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """A warm disc that grows and shrinks with a low tone."""
    swell = 0.5 + 0.45 * np.sin(2 * np.pi * rng.uniform(0.5, 1.5) * np.linspace(0, seconds, int(seconds * FPS)) + rng.uniform(0, 6))
    y, x = np.mgrid[-1:1:32j, -1:1:32j]
    disc = np.clip(4 * (swell[:, None, None] - np.hypot(x - rng.uniform(-0.3, 0.3), y)), 0, 1)
    time = np.arange(int(seconds * RATE)) / RATE
    tone = np.sin(2 * np.pi * rng.uniform(150, 300) * time) * np.interp(time, np.arange(len(swell)) / float(FPS), swell)
    return disc[..., None] * np.array([255, 140, 30]), 0.5 * tone


def _rain(rng: np.random.Generator, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """Blue stripes that fall, and hiss."""
    num, phase = int(seconds * FPS), rng.uniform(0, 6)
    y, x = np.mgrid[0:32, 0:32]
    stripes = [0.5 + 0.5 * np.sin(0.8 * y + 1.7 * np.sin(x) - 2 * t + phase) for t in range(num)]
    return np.stack(stripes)[..., None] * np.array([40, 90, 255]), 0.2 * rng.standard_normal(int(seconds * RATE))


def _clicks(rng: np.random.Generator, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """Green flashes, and clicks with them."""
    num, every = int(seconds * FPS), int(rng.integers(4, 8))
    flash = np.array([1.0 if t % every == 0 else 0.25 for t in range(num)])
    noise = rng.random((num, 8, 8)).repeat(4, 1).repeat(4, 2)
    sound = np.zeros(int(seconds * RATE))
    for t in range(0, num, every):
        first = int(t / FPS * RATE)
        sound[first : first + 300] = rng.standard_normal(300) * np.exp(-np.arange(300) / 60)
    return (flash[:, None, None] * (0.5 + 0.5 * noise))[..., None] * np.array([30, 255, 60]), sound[: int(seconds * RATE)]


KINDS = {"warm glow": _glow, "blue rain": _rain, "green clicks": _clicks}


def write_clips(folder: Path, num_each: int = 4, seconds: float = 2.0) -> Path:
    """`folder/<kind>/<number>.mp4`, 32 x 32."""
    for kind, make in KINDS.items():
        (folder / kind).mkdir(parents=True)
        for index in range(num_each):
            frames, sound = make(np.random.default_rng([len(kind), index]), seconds)
            track = SoundTrack.from_waveform(torch.from_numpy(np.clip(sound, -1, 1)).float()[None], RATE)
            with VideoWriter(folder / kind / f"{index}.mp4", fps=FPS, width=32, height=32, sound=track) as writer:
                writer.write(torch.from_numpy(np.clip(frames, 0, 255).astype(np.uint8)))
    return folder
