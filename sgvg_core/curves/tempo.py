"""The tempo over time: autocorrelation of the onsets in windows of 8 s, a prior about 120 BPM, and the smoothest way through."""

import dataclasses
import math

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
"""Weight of the bar's repetition beside the beat's own."""
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
    centres, correlations = _autocorrelations(np.convolve(onsets, (0.25, 0.5, 0.25), mode="same"), rate)
    bpm = 2 ** np.arange(math.log2(LOWEST_BPM), math.log2(HIGHEST_BPM) + 1e-9, 1 / _STATES_AN_OCTAVE)
    repeats = _at_lags(correlations, 60 / bpm * rate)
    prior = np.exp(-0.5 * (np.log2(bpm / _PRIOR_BPM) / _PRIOR_OCTAVES) ** 2)
    # A bar of three or four beats returns too; what lasts three half beats, as off-beat drums do, returns after none of its own.
    bar = np.maximum(_at_lags(correlations, 180 / bpm * rate), _at_lags(correlations, 240 / bpm * rate))
    evidence = (repeats + _BAR * bar) / (1 + _BAR)
    path = _smoothest(np.maximum(evidence, 0) ** _CONTRAST * prior)
    found = bpm[path]
    strength = _near(correlations, 60 / found * rate)
    while np.median(found) * 2 <= HIGHEST_BPM:
        halved = _near(correlations, 30 / found * rate)
        if np.median(halved) < _AS_GOOD * np.median(strength) or np.median(halved) <= 0:
            break
        found, strength = found * 2, halved
    return Tempo(centres, _refined(correlations, found, rate), np.clip(strength, 0, 1))


def _autocorrelations(onsets: np.ndarray, rate: float) -> tuple[np.ndarray, np.ndarray]:
    """Middles of the windows in seconds [W], and normalised autocorrelations [W, lags] of the onsets under a Hann window."""
    length = min(round(_WINDOW_SECONDS * rate), max(len(onsets), 8))
    step = max(1, round(_STEP_SECONDS * rate))
    padded = np.pad(onsets.astype(np.float64), (length // 2, length - length // 2))
    window = np.hanning(length + 2)[1:-1]
    size = 1 << (2 * length - 1).bit_length()
    own = np.fft.irfft(np.abs(np.fft.rfft(window, size)) ** 2)[:length]
    made = []
    for first in range(0, max(len(onsets), 1), step):
        piece = padded[first:first + length]
        inside = np.zeros(length)
        inside[max(0, length // 2 - first):min(length, length // 2 + len(onsets) - first)] = 1
        weight = window * inside
        centred = (piece - (piece * weight).sum() / max(weight.sum(), 1e-9)) * weight
        made.append(np.fft.irfft(np.abs(np.fft.rfft(centred, size)) ** 2)[:length].copy())  # a view would keep all of it
    correlation = np.stack(made)
    level = np.maximum(correlation[:, :1], 1e-9)
    return np.arange(len(made)) * step / rate, correlation / level / np.maximum(own / own[0], 0.15)


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
        back.append(best)
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
