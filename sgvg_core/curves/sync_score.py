"""How well a video moves with its sound: by how much the picture lags, and how like the two are then."""

import dataclasses
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

from ..config import check_range
from ..errors import MediaError
from ..media import read_small_frames
from ..progress import Progress, silent
from .analysis import SoundAnalysis, analyse_sound
from .curve import Curve
from .lags import lag_correlations
from .source import SoundSource
from .tools import smooth

_RATE = Fraction(100)
_SMOOTH_SECONDS = 0.04
_LEAST_SECONDS = 0.5


@dataclasses.dataclass(frozen=True)
class SyncScore:
    """How a picture moves with its sound."""

    lag_seconds: float
    """By how much the picture is later than the sound (negative: earlier) where they're most alike."""
    correlation: float
    """Pearson's there, -1..1; unrelated films of ten seconds reach about 0.3."""
    against: str
    """What of the sound the motion is most like: its onsets, its level, or how fast its level changes."""


def score_sync(video: str | Path, *, max_lag: float = 1.0, progress: Progress = silent) -> SyncScore:
    """The score of a video file with sound, both streamed; lags up to `max_lag` seconds either way are tried. Raises MediaError, ConfigError."""
    analysis = analyse_sound(SoundSource.from_file(video), ("onset", "rms"), progress=progress)

    def watched() -> Iterable[tuple[Fraction, np.ndarray]]:
        for seconds, image in read_small_frames(video):
            yield seconds, image
            progress(min(float(seconds), float(analysis.duration)), float(analysis.duration), "sync: picture")

    return score_motion(motion_curve(watched()), analysis, max_lag=max_lag)


def motion_curve(frames: Iterable[tuple[Fraction, np.ndarray]], rate: Fraction = _RATE) -> Curve:
    """How much a picture changes a second [T] at `rate`, of frames [H, W] in 0..255 with their times in seconds, which may be uneven.

    The mean absolute change from frame to frame, over the time between them, counted at the later one. Raises MediaError.
    """
    times, changes, before = [], [], None
    for seconds, image in frames:
        now = image.astype(np.float32) / 255
        if before is not None and before[1].shape == now.shape and seconds > before[0]:
            times.append(float(seconds))
            changes.append(float(np.abs(now - before[1]).mean()) / float(seconds - before[0]))
        before = (seconds, now)
    if len(changes) < 3:
        raise MediaError(f"sync: got {len(changes) + 1} frames, expected four or more that can be compared")
    count = int(Fraction(times[-1]).limit_denominator(100_000) * rate) + 1
    return Curve(torch.from_numpy(np.interp(np.arange(count) / float(rate), times, changes)), rate, "motion", "a second")


def score_motion(motion: Curve, analysis: SoundAnalysis, *, max_lag: float = 1.0) -> SyncScore:
    """The score of a motion [T] against a sound that was analysed for "onset" and "rms". Raises MediaError, ConfigError. `max_lag` is in seconds."""
    check_range("max_lag", max_lag, 0.01, 30)
    rate = motion.rate
    count = min(len(motion), analysis.num_frames(rate))
    if count < _LEAST_SECONDS * rate:
        raise MediaError(f"sync: got {count / float(rate):.2f} s of picture with sound, expected {_LEAST_SECONDS:g} s or more")
    moves = _prepared(motion.at(rate, count))
    level = analysis.curve("rms", rate, count, scale="relative")
    change = level.with_values(np.abs(np.gradient(level.values.double().numpy())))
    sounds = {"onsets": analysis.curve("onset", rate, count), "level": level, "change of level": change}
    found = [(*_best(moves, _prepared(sound), round(max_lag * float(rate))), name) for name, sound in sounds.items()]
    correlation, lag, name = max(found)
    return SyncScore(round(lag / float(rate), 4), round(correlation, 4), name)


def _prepared(curve: Curve) -> np.ndarray:
    return smooth(curve, _SMOOTH_SECONDS).values.double().numpy()


def _best(moves: np.ndarray, sound: np.ndarray, most: int) -> tuple[float, float]:
    """The largest correlation over the lags, and its lag in samples, between them too; 0 where one of the two never changes."""
    most = min(most, len(moves) * 2 // 3)
    found = np.nan_to_num(lag_correlations(moves, sound, most))
    top = int(found.argmax())
    offset = 0.0
    if 0 < top < len(found) - 1:
        left, here, right = found[top - 1:top + 2]
        bend = left - 2 * here + right
        offset = 0.5 * (left - right) / bend if bend < -1e-12 else 0.0
    return (float(found[top]), top - most + float(offset)) if found[top] != 0 else (0.0, 0.0)
