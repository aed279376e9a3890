"""Curves of one film together with its beats: what is drawn, stored and handed to other programs."""

import dataclasses
from collections.abc import Mapping
from fractions import Fraction

import numpy as np

from ..errors import ConfigError
from .analysis import SoundAnalysis
from .curve import Curve


@dataclasses.dataclass(frozen=True)
class CurveSet:
    """Curves of the same rate and length by name, and the beats of the same film."""

    fps: Fraction
    curves: Mapping[str, Curve]
    beats: tuple[float, ...] = ()
    """Seconds from the film's beginning."""
    downbeats: tuple[float, ...] = ()
    """Moments of the bars' first beats, in seconds."""
    tempo: float = 0.0
    """Beats a minute; 0 where there are none."""
    confidence: float = 0.0
    """0..1, of tempo and beats."""
    outline: tuple[np.ndarray, np.ndarray] | None = None
    """Lowest and highest samples of stretches of equal length over the whole film, for drawings."""

    def __post_init__(self) -> None:
        lengths = {len(curve) for curve in self.curves.values()}
        if not self.curves or len(lengths) > 1 or any(curve.rate != self.fps for curve in self.curves.values()):
            raise ConfigError(f"curves: got {len(self.curves)} curves of {sorted(lengths)} frames, expected one or more, all with as many frames, "
                              f"at {self.fps} frames a second")

    @property
    def num_frames(self) -> int:
        """T."""
        return len(next(iter(self.curves.values())))

    @property
    def seconds(self) -> float:
        """T / fps."""
        return float(self.num_frames / self.fps)

    def with_curves(self, curves: Mapping[str, Curve]) -> "CurveSet":
        """Other curves over the same beats."""
        return dataclasses.replace(self, curves=dict(curves))


def curves_at_frames(analysis: SoundAnalysis, fps: Fraction, num_frames: int | None = None, *, start: Fraction = Fraction(0),
              scale: str = "measured") -> CurveSet:
    """All measured curves at a film's frames, with the beats that lie in it. Raises ConfigError.

    `start`, `num_frames` (None: the rest of the sound) and `scale` are those of `SoundAnalysis.curve`.
    """
    count = analysis.num_frames(fps, start) if num_frames is None else num_frames
    first, last = float(start), float(start + count / fps)

    def inside(marks: np.ndarray) -> tuple[float, ...]:
        return tuple(round(float(mark) - first, 6) for mark in marks if first <= mark < last)

    curves = analysis.curves(fps, count, start=start, scale=scale)
    return CurveSet(fps, curves, inside(analysis.beats.seconds), downbeats=inside(analysis.bars.downbeats), tempo=analysis.beats.tempo,
                    confidence=analysis.beats.confidence, outline=_outline(analysis, first, last))


def _outline(analysis: SoundAnalysis, first: float, last: float) -> tuple[np.ndarray, np.ndarray]:
    low, high = analysis.peaks
    a_second = len(low) / max(float(analysis.duration), 1e-9)
    part = slice(int(first * a_second), max(int(last * a_second), int(first * a_second) + 1))
    missing = max(0, round((last - first) * a_second) - len(low[part]))
    return np.pad(low[part], (0, missing)), np.pad(high[part], (0, missing))
