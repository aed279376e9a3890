"""Small real videos and sounds, made by the pack's own writers, and folders of them."""

import contextlib
import hashlib
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

from sgvg_core.media import SoundTrack, VideoWriter, write_wav

RATE = 8_000
SMALL = {"size": 32, "fps": "5", "sample_rate": RATE, "seconds": 1.0, "shortest": 0.5}
"""Options of `PrepareOptions` that keep tests quick."""


def tone(seconds: float, hertz: float = 440.0, level: float = 0.5) -> torch.Tensor:
    """A sine [1, N] at `RATE`."""
    times = torch.arange(round(seconds * RATE)) / RATE
    return (level * torch.sin(2 * torch.pi * hertz * times))[None]


def brightening(num: int, height: int = 48, width: int = 64) -> torch.Tensor:
    """Grey frames [num, H, W, 3] whose level is 20 + 8 k in frame k."""
    level = torch.arange(num).mul(8).add(20).clamp(max=255).to(torch.uint8)
    return level[:, None, None, None].expand(num, height, width, 3).contiguous()


def make_video(path: Path, frames: torch.Tensor, fps: int = 10, waveform: torch.Tensor | None = None) -> Path:
    """An mp4 with the frames and, if given, a sound [1, N] at `RATE`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sound = None
    with contextlib.ExitStack() as stack:
        if waveform is not None:
            wav = path.with_name(f".{path.stem}.wav")
            write_wav(wav, waveform, RATE)
            stack.callback(wav.unlink)
            sound = SoundTrack.from_file(wav)
        writer = stack.enter_context(VideoWriter(path, fps=Fraction(fps), width=frames.shape[2], height=frames.shape[1], sound=sound, crf=4))
        writer.write(frames)
    return path


def make_clip(path: Path, seconds: float = 1.0, hertz: float = 440.0) -> Path:
    """A short video with a tone."""
    return make_video(path, brightening(round(10 * seconds)), waveform=tone(seconds, hertz))


def make_sound(path: Path, seconds: float = 1.0, hertz: float = 440.0, level: float = 0.5) -> Path:
    """A short wav."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_wav(path, tone(seconds, hertz, level), RATE)


def fingerprint(folder: Path) -> dict[str, str]:
    """The hash of every file in a folder."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def levels(frames: torch.Tensor) -> np.ndarray:
    """The mean level, 0..255, of frames [T, 3, H, W] in -1..1."""
    return ((frames.mean((1, 2, 3)) + 1) * 127.5).numpy()
