"""Sounds with one click, and the film that one of them goes into."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from media_samples import click_at, image

from sgvg_core.media import SoundTrack, VideoWriter, read_sound

RATE = 48_000


def clicked(seconds: float = 4.0, at: float = 1.0) -> np.ndarray:
    return click_at(at, seconds, RATE) + 0.01 * np.random.default_rng(0).standard_normal((1, round(seconds * RATE))).astype(np.float32)


def in_film(path: Path, sound_codec: str = "auto", track: int | None = None) -> tuple[torch.Tensor, int, str]:
    """The sound of a film that was made with a file's sound, its rate, and what became of it."""
    output = path.with_name("film.mp4")
    with VideoWriter(output, fps=Fraction(5), width=16, height=16, sound=SoundTrack.from_file(path, track=track), sound_codec=sound_codec) as writer:
        writer.write(image(5, 16, 16))
    return *read_sound(output), writer.sound_codec
