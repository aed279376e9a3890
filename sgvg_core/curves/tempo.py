"""The tempo over time: autocorrelation of the onsets in windows of 8 s, a prior about 120 BPM, and the smoothest way through."""

import dataclasses
import math
from collections.abc import Iterator

import numpy as np

LOWEST_BPM, HIGHEST_BPM = 40.0, 200.0
_WINDOW_SECONDS, _STEP_SECONDS = 8.0, 0.5
_PRIOR_BPM, _PRIOR_OCTAVES = 120.0, 1.2
_STATES_AN_OCTAVE = 60
_JUMP = 40.0
"""What a change of tempo by an octave between two windows costs, by its square root; see `_smoothest`."""
_CONTRAST = 2.0
"""Power of the evidence, so that the prior decides only between tempi that repeat about equally well."""
_BAR = 0.75
"""Weight of the bar's repetition, relative to the beat's own."""
_AT_ONCE = 256
"""Windows whose autocorrelations are in memory together."""
_AS_GOOD = 0.95
"""Half a period repeats itself as well as the period if its autocorrelation is so much of it: then nothing parts beats from half beats."""


@dataclasses.dataclass(frozen=True)
class Tempo:
    """The period of the beat over time."""

    seconds: np.ndarray
    """[W], the middle of each window."""
    bpm: np.ndarray
    """[W]."""
    strength: np.ndarray
    """[W], the autocorrelation at that period, 0..1."""

    def periods(self, seconds: np.ndarray) -> np.ndarray:
        """Seconds a beat at each moment [T]."""
        return 60 / np.interp(seconds, self.seconds, self.bpm)

    @property
    def overall(self) -> float:
        """The median in beats a minute."""
        return float(np.median(self.bpm))


def measure_tempo(onsets: np.ndarray, rate: float) -> Tempo:
    """The tempo of onset strengths [T], `rate` a second. `onsets` are 0 or more."""
    # Softened by a window on either side, so that periods between two windows repeat as well as whole ones.
    windows = _Windows(np.convolve(onsets, (0.25, 0.5, 0.25), mode="same"), rate)
    bpm = 2 ** np.arange(math.log2(LOWEST_BPM), math.log2(HIGHEST_BPM) + 1e-9, 1 / _STATES_AN_OCTAVE)
    prior = np.exp(-0.5 * (np.log2(bpm / _PRIOR_BPM) / _PRIOR_OCTAVES) ** 2)
    scores = np.concatenate([np.maximum(_evidence(each, bpm, rate), 0) ** _CONTRAST * prior for _, each in windows.correlations()])
    found = bpm[_smoothest(scores)]
    strength = windows.near(60 / found * rate)
    while np.median(found) * 2 <= HIGHEST_BPM:
        halved = windows.near(30 / found * rate)
        if np.median(halved) < _AS_GOOD * np.median(strength) or np.median(halved) <= 0:
            break
        found, strength = found * 2, halved
    refined = np.concatenate([_refined(each, found[part], rate) for part, each in windows.correlations()])
    return Tempo(windows.seconds, refined, np.clip(strength, 0, 1))


def _evidence(correlations: np.ndarray, bpm: np.ndarray, rate: float) -> np.ndarray:
    """How well windows repeat themselves after a beat and after a bar of each tempo [W, tempi]."""
    repeats = _at_lags(correlations, 60 / bpm * rate)
    # A bar of three or four beats returns too; what lasts three half beats, as off-beat drums do, returns after none of its own.
    bar = np.maximum(_at_lags(correlations, 180 / bpm * rate), _at_lags(correlations, 240 / bpm * rate))
    return (repeats + _BAR * bar) / (1 + _BAR)


class _Windows:
    """Windows of onset strengths [T], one each half second, with their autocorrelations: made anew a few at a time when they're asked for,
    since those of an hour would be hundreds of numbers a frame.
    """

    def __init__(self, onsets: np.ndarray, rate: float) -> None:
        """`rate` is onsets a second."""
        self._num_onsets = len(onsets)
        self._length = min(round(_WINDOW_SECONDS * rate), max(len(onsets), 8))
        self._padded = np.pad(onsets.astype(np.float64), (self._length // 2, self._length - self._length // 2))
        step = max(1, round(_STEP_SECONDS * rate))
        self._firsts = np.arange(0, max(len(onsets), 1), step)
        self.seconds = self._firsts / rate
        """The middle of each window [W]."""
        self._size = 1 << (2 * self._length - 1).bit_length()
        self._hann = np.hanning(self._length + 2)[1:-1]
        own = self._products(self._hann)
        self._own = np.maximum(own / own[0], 0.15)

    def correlations(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Which windows, and their autocorrelations [n, lags] under a Hann window, 1 at no lag."""
        for begin in range(0, len(self._firsts), _AT_ONCE):
            part = slice(begin, begin + _AT_ONCE)
            correlation = np.stack([self._products(self._centred(first)) for first in self._firsts[part]])
            yield part, correlation / np.maximum(correlation[:, :1], 1e-9) / self._own

    def near(self, lags: np.ndarray) -> np.ndarray:
        """The largest correlation of each window [W] near its lag [W]."""
        return np.concatenate([_near(each, lags[part]) for part, each in self.correlations()])

    def _products(self, values: np.ndarray) -> np.ndarray:
        """Sums of products of values a lag apart, for each lag."""
        return np.fft.irfft(np.abs(np.fft.rfft(values, self._size)) ** 2)[:self._length]

    def _centred(self, first: int) -> np.ndarray:
        """A window's onsets less their mean, under the Hann window as far as it lies in the sound."""
        length, inside = self._length, np.zeros(self._length)
        inside[max(0, length // 2 - first):min(length, length // 2 + self._num_onsets - first)] = 1
        weight = self._hann * inside
        piece = self._padded[first:first + length]
        return (piece - (piece * weight).sum() / max(weight.sum(), 1e-9)) * weight


def _at_lags(correlations: np.ndarray, lags: np.ndarray) -> np.ndarray:
    """Correlations [W, n] at lags between the samples (0 beyond the longest)."""
    low = np.floor(lags).astype(int)
    part, last = lags - low, correlations.shape[1] - 1
    values = correlations[:, np.minimum(low, last)] * (1 - part) + correlations[:, np.minimum(low + 1, last)] * part
    return np.where(lags < last, values, 0)


def _near(correlations: np.ndarray, lags: np.ndarray, reach: int = 2) -> np.ndarray:
    """The largest correlation of each window [W] within `reach` samples of its lag."""
    rows = np.arange(len(correlations))
    around = np.clip(np.round(lags)[:, None].astype(int) + np.arange(-reach, reach + 1), 0, correlations.shape[1] - 1)
    return correlations[rows[:, None], around].max(1)


def _smoothest(scores: np.ndarray) -> np.ndarray:
    """The way [W] through scores [W, states] that scores most, less what its changes cost (Viterbi)."""
    states = np.arange(scores.shape[1])
    cost = np.minimum((np.abs(states[:, None] - states) / _STATES_AN_OCTAVE * _JUMP) ** 2 / 100, 2.0)
    total, back = scores[0], []
    for score in scores[1:]:
        reached = total[:, None] - cost
        best = reached.argmax(0)
        back.append(best.astype(np.int16))
        total = reached[best, states] + score
    path = [int(total.argmax())]
    for best in reversed(back):
        path.append(int(best[path[-1]]))
    return np.array(path[::-1])


def _refined(correlations: np.ndarray, bpm: np.ndarray, rate: float) -> np.ndarray:
    """Tempi moved onto the top of the correlation's peak, by a parabola through four periods where the window holds them."""
    made = bpm.copy()
    for row, value in enumerate(bpm):
        lag = 60 / value * rate
        times = max(1, min(4, int(correlations.shape[1] * 0.6 / lag)))
        middle = round(lag * times)
        reach = max(1, round(0.02 * middle))
        low = max(1, middle - reach)
        piece = correlations[row, low:middle + reach + 1]
        top = low + int(piece.argmax()) if len(piece) else middle
        if 0 < top < correlations.shape[1] - 1:
            left, here, right = correlations[row, top - 1:top + 2]
            bend = left - 2 * here + right
            made[row] = 60 * rate * times / (top + (0.5 * (left - right) / bend if bend < 0 else 0))
    return made
