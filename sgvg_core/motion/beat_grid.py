"""Moments in beats and bars: a grid of real beats, with its swing, and moments written down in it."""

import dataclasses
import math
import re
from collections.abc import Sequence

import numpy as np

from ..curves.curve import Curve
from ..errors import ConfigError, shown

STRAIGHT = 0.5
_MOMENT = re.compile(r"\s*(-?\d+(?:\.\d+)?)\s*(s|seconds?|beats?|bars?)?\s*", re.IGNORECASE)
_SWINGS = (0.4, 0.8)


@dataclasses.dataclass(frozen=True)
class BeatGrid:
    """The beats of a sound. Beat 0 is the first of the first bar; between the beats found, and beyond them, beats are counted evenly."""

    beats: tuple[float, ...]
    """Seconds, rising; two at least."""
    beats_a_bar: int = 4
    """1 to 16."""
    first: int = 0
    """Which of the beats is the first of a bar."""
    swing: float = STRAIGHT
    """Where the second half of a beat begins, as a share of the beat: 0.5 is straight, 0.667 a triplet's."""

    def __post_init__(self) -> None:
        if len(self.beats) < 2 or not all(one < other for one, other in zip(self.beats, self.beats[1:], strict=False)):
            raise ConfigError(f"beats: got {len(self.beats)}, expected two or more, each later than the one before")
        if not 1 <= self.beats_a_bar <= 16 or not 0 <= self.first < len(self.beats):
            raise ConfigError(f"beats: got {self.beats_a_bar} a bar and the first bar at beat {self.first}, expected 1 to 16, and one of the beats")
        if not 0 < self.swing < 1:
            raise ConfigError(f"swing: got {self.swing}, expected a share of the beat between 0 and 1; 0.5 is straight, 0.667 a triplet's")

    def seconds(self, beat: float) -> float:
        """When a beat is, counted from the first of the first bar; halves swing."""
        place = beat + self.first
        whole = min(max(math.floor(place), 0), len(self.beats) - 2)
        share = place - whole
        inside = math.floor(share)
        part = share - inside
        swung = part * 2 * self.swing if part < 0.5 else self.swing + (part - 0.5) * 2 * (1 - self.swing)
        return self.beats[whole] + (inside + swung) * (self.beats[whole + 1] - self.beats[whole])

    def beat(self, seconds: float) -> float:
        """Which beat a moment is, straight: the inverse of `seconds` on the beats themselves."""
        place = float(np.clip(np.searchsorted(self.beats, seconds, side="right") - 1, 0, len(self.beats) - 2))
        below = int(place)
        return below - self.first + (seconds - self.beats[below]) / (self.beats[below + 1] - self.beats[below])

    def nearest(self, seconds: float, unit: float = 1.0) -> float:
        """The moment of the grid that's nearest to `seconds`: of whole beats, or of multiples of `unit` beats (0.5: halves, swung)."""
        around = math.floor(self.beat(seconds) / unit)
        return min((self.seconds(unit * (around + step)) for step in (-1, 0, 1, 2)), key=lambda moment: abs(moment - seconds))


def read_moment(said: "str | int | float", grid: BeatGrid | None) -> float:
    """Seconds of a moment, as it's `said`: a number or "2.5 s" in seconds, "3 beats" or "2 bars" on the grid, counted from 0.

    Raises ConfigError, also for beats and bars where there is no `grid` (None).
    """
    if isinstance(said, int | float) and not isinstance(said, bool):
        return float(said)
    match = _MOMENT.fullmatch(said) if isinstance(said, str) else None
    if match is None:
        raise ConfigError(f"at: got {shown(repr(said), 40)}, expected seconds, or a text such as '2.5 s', '3 beats' or '2 bars'")
    number, unit = float(match[1]), (match[2] or "s").lower()
    if unit.startswith("s"):
        return number
    if grid is None:
        raise ConfigError(f"at: got {shown(said, 40)!r}, but no beats were found in the sound; give moments in seconds")
    return grid.seconds(number * (grid.beats_a_bar if unit.startswith("bar") else 1))


def measure_swing(onsets: Curve, beats: Sequence[float]) -> tuple[float, float]:
    """Where the second half of the beats is played, as a share of the beat (0.5: straight, 0.667: a triplet's), and a confidence 0..1.

    Of the onset strength (`onsets`) the profile over the beat is taken, `beats` being their moments in seconds; its strongest place between 0.4
    and 0.8 is the swing, and the confidence says how far it rises above the mean of that stretch. Without a clear place it's 0.5 and 0.
    """
    times = np.asarray(beats, np.float64)
    if len(times) < 3:
        return STRAIGHT, 0.0
    shares = np.linspace(*_SWINGS, 81)
    values, rate = onsets.values.double().numpy(), float(onsets.rate)
    moments = times[:-1, None] + shares[None] * np.diff(times)[:, None]
    profile = np.interp(moments * rate, np.arange(len(values)), values).mean(0)
    beat = np.interp(times * rate, np.arange(len(values)), values).mean()
    peak = int(profile.argmax())
    stands_out = (profile[peak] - profile.mean()) / max(float(beat), float(profile[peak]), 1e-9)
    if stands_out < 0.1:
        return STRAIGHT, 0.0
    near = np.abs(np.arange(len(shares)) - peak) <= 4
    weights = (profile - profile.min())[near]
    return float((shares[near] * weights).sum() / weights.sum()), float(min(stands_out * 2, 1.0))
