"""What envelopes are put together from: swaying, strokes, treads; and the random numbers of each stream of a clip."""

import zlib

import numpy as np
from numpy.typing import NDArray

Curve = NDArray[np.float64]

MAX_EVENTS = 4_000
"""Strokes that one clip can hold; at the shortest gap that is more than half an hour."""


def random_of(kind: str, seed: int, stream: str) -> np.random.Generator:
    """The random numbers of one stream ("envelope", "sound") of one clip; every stream is independent of the others. `kind` is one of `KINDS`."""
    return np.random.default_rng([zlib.crc32(kind.encode()), seed & 0xFFFFFFFFFFFFFFFF, zlib.crc32(stream.encode())])


class Gait:
    """The pieces from which envelopes are put together, all functions of time (`times` [N], in seconds): a longer clip extends a shorter one."""

    def __init__(self, rng: np.random.Generator, times: Curve) -> None:
        self.rng, self.times = rng, times

    def between(self, low: float, high: float) -> float:
        """A number between `low` and `high`, drawn evenly."""
        return float(self.rng.uniform(low, high))

    def sway(self, low_hz: float, high_hz: float, num_waves: int = 5) -> Curve:
        """Slow irregular motion of unit power, about -2..2.

        `low_hz` to `high_hz` are the frequencies of `num_waves` sines.
        """
        hz = np.exp(self.rng.uniform(np.log(low_hz), np.log(high_hz), num_waves))
        turn = self.rng.uniform(0, 2 * np.pi, num_waves)
        return np.sin(2 * np.pi * hz[:, None] * self.times + turn[:, None]).sum(0) * np.sqrt(2 / num_waves)

    def strokes(self, gap_seconds: tuple[float, float], rise: float, fall: float, flicker: float = 0.0) -> Curve:
        """Strokes that rise within `rise` seconds and die away over `fall` seconds; `flicker` is a dip right after the first flash.

        `gap_seconds` are the shortest and the longest time between two.
        """
        gaps = np.exp(self.rng.uniform(np.log(gap_seconds[0]), np.log(gap_seconds[1]), MAX_EVENTS))
        at = np.cumsum(gaps) - gaps[0] * self.between(0.3, 1)
        sizes = self.rng.uniform(0.6, 1, MAX_EVENTS)
        out = np.zeros_like(self.times)
        reach = rise + 7 * fall
        for start, size in zip(at, sizes, strict=True):
            first, last = np.searchsorted(self.times, [start, start + reach])
            if first == len(out):
                break
            since = self.times[first:last] - start
            one = size * np.minimum(since / rise, 1) * np.exp(-np.maximum(since - rise, 0) / fall)
            one *= 1 - flicker * np.exp(-(((since - 0.16) / 0.04) ** 2))
            out[first:last] = np.maximum(out[first:last], one)
        return out

    def treads(self) -> Curve:
        """A tread, again and again, some deeper than others."""
        beat = self.between(0.8, 1.9) * self.times + 0.13 * self.sway(0.2, 0.6) + self.rng.random()
        return np.abs(np.sin(np.pi * beat)) ** self.between(2, 5) * (0.78 + 0.16 * self.sway(0.2, 0.8))
