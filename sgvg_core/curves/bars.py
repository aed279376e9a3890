"""Bars: which beats are the first of a bar, by their accents; phases between beats and between bars; beats of a file."""

import dataclasses
import math
from pathlib import Path

import numpy as np

from ..errors import DataError, shown
from .beat_tracking import Beats

METRES = (2, 3, 4, 5, 6)
SURE_FROM = 0.5
"""Confidence below which no beat is called the first of a bar."""
_AS_GOOD = 0.9
_MOST_BYTES = 64 * 2**20


@dataclasses.dataclass(frozen=True)
class Bars:
    """The first beats of the bars."""

    downbeats: np.ndarray
    """Seconds; none where the confidence is under 0.5."""
    beats_a_bar: int
    """The likeliest of 2 to 6; 0 without downbeats."""
    confidence: float
    """0..1: the share of the accents' variance that the place in the bar explains."""

    @classmethod
    def given(cls, downbeats: np.ndarray) -> "Bars":
        """First beats that are known, such as those of a file: `downbeats` [n] in seconds."""
        return cls(downbeats, 0, 1.0 if len(downbeats) else 0.0)


NO_BARS = Bars(np.zeros(0), 0, 0.0)


def find_bars(beats: Beats) -> Bars:
    """The bars of beats by their accents: the metre and offset whose first beats are strongest."""
    count = len(beats.seconds)
    if count < 2 * METRES[0] + 1:
        return NO_BARS
    accents = beats.accents[:count]
    salience = {metre: max((_explained(accents, metre, offset), offset) for offset in range(metre)) for metre in METRES if count >= 2 * metre}
    best = max(value for value, _ in salience.values())
    metre = next(metre for metre, (value, _) in salience.items() if value >= _AS_GOOD * best)
    confidence, offset = salience[metre]
    if confidence < SURE_FROM:
        return dataclasses.replace(NO_BARS, confidence=confidence)
    return Bars(beats.seconds[offset::metre], metre, confidence)


def _explained(accents: np.ndarray, metre: int, offset: int) -> float:
    """The share of the accents' variance between first and other beats, where the first ones are the stronger (adjusted, so chance gives 0)."""
    first = (np.arange(len(accents)) - offset) % metre == 0
    total = float(((accents - accents.mean()) ** 2).sum())
    if total < 1e-9 or accents[first].mean() <= accents[~first].mean():
        return 0.0
    within = sum(float(((part - part.mean()) ** 2).sum()) for part in (accents[first], accents[~first]))
    count = len(accents)
    return max(0.0, 1 - within / max(count - 2, 1) / (total / (count - 1)))


def phase(marks: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """Where each moment [T] lies between marks (beats, bars) in seconds, 0..1, continuing evenly beyond the first and last; 0 with fewer than two."""
    if len(marks) < 2:
        return np.zeros(len(seconds))
    return count(marks, seconds) % 1.0


def count(marks: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """How many `marks` [n] have gone by at each moment [T] of `seconds`, in fractions: 2.25 is a quarter past the third. Negative before the first.
    """
    if len(marks) < 2:
        return np.zeros(len(seconds))
    first, last = marks[1] - marks[0], marks[-1] - marks[-2]
    before, after = (marks[0] - seconds) / first, (seconds - marks[-1]) / last
    inside = np.interp(seconds, marks, np.arange(len(marks)))
    return np.where(before > 0, -before, np.where(after > 0, len(marks) - 1 + after, inside))


def pulse(marks: np.ndarray, seconds: np.ndarray, fall: float = 0.12) -> np.ndarray:
    """1 at each mark, falling to 1/e in `fall` seconds [T]; 0 before the first and without marks.

    A mark between two frames shows in the frame nearest to it, so that no beat is missed at any rate.
    """
    if not len(marks):
        return np.zeros(len(seconds))
    half = 0.5 * float(np.median(np.diff(seconds))) if len(seconds) > 1 else 0.0
    place = np.searchsorted(marks, seconds + half, side="right") - 1
    since = np.maximum(seconds - marks[np.maximum(place, 0)], 0)
    return np.where(place >= 0, np.exp(-since / fall), 0)


def read_beats(path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Beats and downbeats in seconds of a text file, as Beat This, BeatNet and madmom write them.

    A line a beat: its seconds, then, if known, its place in the bar (1: the first), parted by spaces, tabs or commas; lines that begin
    with # are left out. Raises DataError.
    """
    file = Path(path)
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise DataError(f"{file}: {file.stat().st_size} bytes are too many for a list of beats; expected a line a beat")
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise DataError(f"{file}: can't be read ({error.strerror or error}); check the path") from error
    rows = [(number, line.replace(",", " ").split()) for number, line in enumerate(lines, 1) if line.strip() and not line.lstrip().startswith("#")]
    read = [_row(file, number, words) for number, words in rows]
    seconds = np.array([second for second, _ in read])
    if not len(seconds) or (np.diff(seconds) <= 0).any():
        raise DataError(f"{file}: expected beats in rising order, a line each, at least one")
    return seconds, np.array([second for second, place in read if place == 1])


def _row(file: Path, number: int, words: list[str]) -> tuple[float, int]:
    try:
        second, place = float(words[0]), int(float(words[1])) if len(words) > 1 else 0
    except (ValueError, OverflowError):
        second, place = math.nan, 0
    if not 0 <= second < 1e8:
        raise DataError(f"{file}: line {number} is {shown(' '.join(words), 60)!r}, expected seconds, then the place in the bar")
    return second, place
