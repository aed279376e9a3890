"""Loudness by ITU-R BS.1770-4 and EBU Tech 3341, and RMS, of a sound of any rate that streams by."""

import dataclasses
import math
from collections.abc import Iterable, Sequence
from fractions import Fraction

import numpy as np
import torch

from .gathered import Gathered

LOUDNESS_FLOOR = -70.0
"""LUFS of silence: the absolute gate, below which nothing counts."""
LEVEL_FLOOR = -100.0
"""dB of silence."""
MOMENTARY, SHORT_TERM = 0.4, 3.0
"""Seconds of the windows (EBU Tech 3341)."""
RMS_SECONDS = 0.046

_BLOCKS_A_SECOND = 200
_FILTER_SECONDS = 0.2
"""The weighting's impulse response has died away (below 1e-15) by then."""
_OFFSET = -0.691
_STEP = 0.1
_RELATIVE_GATE = -10.0


def channel_weights(channel_names: Sequence[str]) -> list[float]:
    """The weight of each channel in the sum (BS.1770-4, tables 3 and 4), by FFmpeg's names: LFE 0, surrounds 1.41, others 1.

    Surrounds are the sides, and the backs where there are no sides.
    """
    sides = any(name.startswith("S") for name in channel_names)
    surround = ("SL", "SR") if sides else ("BL", "BR", "BC")
    return [0.0 if name.startswith("LFE") else 1.41 if name in surround else 1.0 for name in channel_names]


def k_weighting(hertz: np.ndarray, sample_rate: int) -> np.ndarray:
    """The complex response of the two K-weighting biquads at frequencies `hertz` [n], for a sound of `sample_rate`.

    BS.1770-4 gives coefficients for 48 kHz alone. They are these analogue prototypes (a shelf at 1682 Hz, a high pass at 38 Hz) under
    the bilinear transform, whose coefficients follow for every other rate.
    """
    z = np.exp(-2j * np.pi * hertz / sample_rate)
    return _shelf(sample_rate)(z) * _high_pass(sample_rate)(z)


@dataclasses.dataclass(frozen=True)
class _Biquad:
    b: tuple[float, float, float]
    a: tuple[float, float, float]

    def __call__(self, z: np.ndarray) -> np.ndarray:
        return (self.b[0] + self.b[1] * z + self.b[2] * z**2) / (self.a[0] + self.a[1] * z + self.a[2] * z**2)


def _shelf(rate: int) -> _Biquad:
    gain, quality, k = 3.999843853973347, 0.7071752369554196, math.tan(math.pi * 1681.974450955533 / rate)
    high = 10 ** (gain / 20)
    band = high ** 0.4996667741545416
    b = (high + band * k / quality + k * k, 2 * (k * k - high), high - band * k / quality + k * k)
    return _Biquad(b, (1 + k / quality + k * k, 2 * (k * k - 1), 1 - k / quality + k * k))


def _high_pass(rate: int) -> _Biquad:
    quality, k = 0.5003270373238773, math.tan(math.pi * 38.13547087602444 / rate)
    norm = 1 + k / quality + k * k
    return _Biquad((1.0, -2.0, 1.0), (1.0, 2 * (k * k - 1) / norm, (1 - k / quality + k * k) / norm))


@dataclasses.dataclass(frozen=True)
class Loudness:
    """Energy of a sound in blocks of some milliseconds, from which every loudness follows for any frame times."""

    sample_rate: int
    block: int
    """Samples in a block; the last may be shorter."""
    num_samples: int
    weighted: np.ndarray
    """K-weighted energy, summed over the channels by their weights and over each block's samples [blocks], float64."""
    plain: np.ndarray
    """Energy, averaged over the channels and summed over each block's samples [blocks], float64."""

    def momentary(self, seconds: np.ndarray) -> np.ndarray:
        """LUFS over the 400 ms around each moment [T]."""
        return _lufs(self._means(seconds, MOMENTARY))

    def short_term(self, seconds: np.ndarray) -> np.ndarray:
        """LUFS over the 3 s around each moment [T]."""
        return _lufs(self._means(seconds, SHORT_TERM))

    def integrated(self) -> float:
        """LUFS of the whole, gated at -70 LUFS and at 10 LU below what passes that (400 ms windows, one each 100 ms)."""
        length = self.num_samples / self.sample_rate
        count = max(1, int((length - MOMENTARY) / _STEP + 1e-6) + 1)
        means = self._means(np.arange(count) * _STEP + MOMENTARY / 2, MOMENTARY)
        passed = means[_lufs(means) > LOUDNESS_FLOOR]
        if not len(passed):
            return LOUDNESS_FLOOR
        passed = passed[_lufs(passed) > _lufs(passed.mean(keepdims=True)) + _RELATIVE_GATE]
        return float(_lufs(passed.mean(keepdims=True))[0])

    def rms(self, seconds: np.ndarray, fps: Fraction) -> np.ndarray:
        """dBFS around each moment [T] of `seconds`, under a Hann window of 46 ms or two frames, the longer; a full sine reads -3.01."""
        means = self._hann_means(seconds, max(RMS_SECONDS, float(2 / fps)))
        return np.maximum(10 * np.log10(means + 1e-12), LEVEL_FLOOR)

    def _means(self, seconds: np.ndarray, window: float) -> np.ndarray:
        """Weighted mean squares over the window around each moment, as far as it lies in the sound."""
        edges = np.minimum(np.arange(len(self.weighted) + 1) * self.block, self.num_samples)
        total = np.concatenate([[0.0], np.cumsum(self.weighted)])
        low = np.clip((seconds - window / 2) * self.sample_rate, 0, self.num_samples - 1)
        high = np.clip((seconds + window / 2) * self.sample_rate, low + 1, self.num_samples)
        return (np.interp(high, edges, total) - np.interp(low, edges, total)) / (high - low)

    def _hann_means(self, seconds: np.ndarray, window: float) -> np.ndarray:
        half = window * self.sample_rate / 2
        offsets = np.arange(-int(half / self.block) - 1, int(half / self.block) + 3)
        made = np.empty(len(seconds))
        for first in range(0, len(seconds), 4096):
            centre = seconds[first:first + 4096, None] * self.sample_rate
            blocks = np.floor(centre / self.block).astype(np.int64) + offsets
            low, high = np.minimum(blocks * self.block, self.num_samples), np.minimum((blocks + 1) * self.block, self.num_samples)
            weight = _hann_integral((high - centre) / half) - _hann_integral((low - centre) / half)
            weight = np.where((blocks >= 0) & (high > low), weight, 0)
            density = self.plain[np.clip(blocks, 0, len(self.plain) - 1)] / np.maximum(high - low, 1)
            covered = weight.sum(1)
            made[first:first + 4096] = np.where(covered > 1e-9, (weight * density).sum(1) / np.maximum(covered, 1e-9), 0)
        return made


def measure_loudness(chunks: Iterable[torch.Tensor], sample_rate: int, weights: Sequence[float] | None = None) -> Loudness:
    """The energies of a sound in chunks [C, n]. `weights` has a number a channel (None: 1 for each)."""
    block = _block_samples(sample_rate)
    weighted, plain, left = Gathered(dtype=np.float64), Gathered(dtype=np.float64), (np.zeros(0), np.zeros(0))
    filtered, total = _Weighting(sample_rate), 0
    for chunk in chunks:
        samples = chunk.numpy().astype(np.float64)
        each = np.ones(len(samples)) if weights is None else np.asarray(weights, np.float64)
        total += samples.shape[1]
        energies = (each @ filtered(samples) ** 2, (samples**2).mean(0))
        joined = [np.concatenate([waiting, energy]) for waiting, energy in zip(left, energies, strict=True)]
        whole = len(joined[0]) - len(joined[0]) % block
        for kept, energy in zip((weighted, plain), joined, strict=True):
            kept.add(energy[:whole].reshape(-1, block).sum(1))
        left = (joined[0][whole:], joined[1][whole:])
    for kept, energy in zip((weighted, plain), left, strict=True):
        kept.add(energy.sum(keepdims=True) if len(energy) else energy)
    return Loudness(sample_rate, block, total, weighted.rows, plain.rows)


class _Weighting:
    """The K weighting of samples that stream by, as a product of spectra over blocks that overlap."""

    def __init__(self, sample_rate: int) -> None:
        self.rate, self.past = sample_rate, int(_FILTER_SECONDS * sample_rate)
        self._history: np.ndarray | None = None
        self._responses: dict[int, np.ndarray] = {}

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        history = np.zeros((len(samples), self.past)) if self._history is None else self._history
        joined = np.concatenate([history, samples], axis=1)
        self._history = joined[:, -self.past:]
        size = 1 << (joined.shape[1] - 1).bit_length()
        if size not in self._responses:
            self._responses[size] = k_weighting(np.fft.rfftfreq(size, 1 / self.rate), self.rate)
        spectrum = np.fft.rfft(joined, size) * self._responses[size]
        return np.fft.irfft(spectrum, size)[:, self.past:joined.shape[1]]


def _block_samples(rate: int) -> int:
    """A divisor of 100 ms where there's one, so that the gate's windows end with blocks."""
    most, step = max(1, rate // _BLOCKS_A_SECOND), rate // 10
    fitting = [size for size in range(max(1, most // 2), most + 1) if rate % 10 == 0 and step % size == 0]
    return max(fitting, default=most)


def _lufs(mean_squares: np.ndarray) -> np.ndarray:
    return np.maximum(_OFFSET + 10 * np.log10(np.maximum(mean_squares, 1e-12)), LOUDNESS_FLOOR)


def _hann_integral(place: np.ndarray) -> np.ndarray:
    """The integral of (1 + cos(pi u)) / 2 from -1 to `place`, held beyond -1 and 1."""
    held = np.clip(place, -1, 1)
    return (held + 1 + np.sin(np.pi * held) / np.pi) / 2
