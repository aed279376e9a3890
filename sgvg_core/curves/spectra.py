"""Spectra of a sound that streams by: windows centred every `hop` samples, and where the energy of each bin really lies."""

import dataclasses
import functools
import math
from collections.abc import Iterable, Iterator

import torch
import torch.nn.functional as F

_AT_ONCE = 64
"""Windows that are looked at together, however long a chunk is."""


@dataclasses.dataclass(frozen=True)
class Stft:
    """Hann windows of `n_fft` samples, centred at sample i * `hop`; silence beyond the ends; 1 + N // hop of them, as librosa counts."""

    sample_rate: int
    n_fft: int
    hop: int

    @property
    def hertz(self) -> torch.Tensor:
        """The frequency of each bin [n_fft // 2 + 1]."""
        return torch.arange(self.n_fft // 2 + 1) * (self.sample_rate / self.n_fft)

    @property
    def to_mean_square(self) -> float:
        """What a sum of powers over the bins is multiplied with to be the mean square of the samples (Parseval)."""
        return 2 / (self.n_fft * float(_window(self.n_fft).square().sum()))

    def spectra(self, chunks: Iterable[torch.Tensor]) -> Iterator[torch.Tensor]:
        """Complex spectra [n, bins] of chunks [n] of samples. Windows that reach beyond an end are scaled up by the power they miss."""
        for pieces, scale in self._windows(chunks):
            yield torch.fft.rfft(pieces * _window(self.n_fft)) * scale[:, None]

    def powers(self, chunks: Iterable[torch.Tensor]) -> Iterator[torch.Tensor]:
        """Power spectra [n, bins], as `spectra`."""
        for spectrum in self.spectra(chunks):
            yield spectrum.real.square() + spectrum.imag.square()

    def reassigned(self, chunks: Iterable[torch.Tensor]) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Powers [n, bins] and the frequency [n, bins] (Hz) where each bin's energy really lies.

        Auger and Flandrin 1995: a bin's frequency is moved by the quotient of the spectra under the window's derivative and under the
        window, so that every bin of a tone's lobe names the tone's own frequency. Bins without energy keep their own.
        """
        for pieces, scale in self._windows(chunks):
            spectrum = torch.fft.rfft(pieces * _window(self.n_fft))
            slope = torch.fft.rfft(pieces * _window_slope(self.n_fft))
            power = spectrum.real.square() + spectrum.imag.square()
            moved = (slope * spectrum.conj()).imag / power.clamp(min=1e-20) * (self.sample_rate / (2 * math.pi))
            yield power * scale[:, None].square(), (self.hertz - moved).clamp(0, self.sample_rate / 2)

    def _windows(self, chunks: Iterable[torch.Tensor]) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Samples [n, n_fft] under each window, and the factor of each [n] that makes up for what lies beyond the ends."""
        half, done, total = self.n_fft // 2, 0, 0
        waiting = torch.zeros(half)
        for chunk in chunks:
            total += len(chunk)
            waiting = torch.cat([waiting, chunk.float()])
            count = (len(waiting) - self.n_fft) // self.hop + 1
            if count > 0:
                yield from self._in_parts(waiting, done, count, None)
                waiting, done = waiting[count * self.hop:].clone(), done + count
        left = 1 + total // self.hop - done
        if total and left > 0:
            waiting = F.pad(waiting, (0, max(0, (left - 1) * self.hop + self.n_fft - len(waiting))))
            yield from self._in_parts(waiting, done, left, total)

    def _in_parts(self, samples: torch.Tensor, first: int, count: int, total: int | None) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """The `count` windows of samples [n], of which the first is the sound's window `first`, a few at a time."""
        windows = samples.unfold(0, self.n_fft, self.hop)
        for begin in range(0, count, _AT_ONCE):
            end = min(count, begin + _AT_ONCE)
            yield windows[begin:end], self._scale(first + begin, end - begin, total)

    def _scale(self, first: int, count: int, total: int | None) -> torch.Tensor:
        """1 / sqrt of the share of the window's power that lies inside the sound; `total` None: the end isn't reached yet."""
        power = torch.cat([torch.zeros(1, dtype=torch.float64), _window(self.n_fft).double().square().cumsum(0)])
        starts = (first + torch.arange(count)) * self.hop - self.n_fft // 2
        low = (-starts).clamp(0, self.n_fft)
        high = torch.full_like(starts, self.n_fft) if total is None else (total - starts).clamp(0, self.n_fft)
        share = (power[high] - power[low]) / power[-1]
        return torch.where(share > 0.05, share.clamp(min=0.05).rsqrt(), 1.0).float()


@functools.lru_cache(maxsize=16)
def _window(n_fft: int) -> torch.Tensor:
    return torch.hann_window(n_fft)


@functools.lru_cache(maxsize=16)
def _window_slope(n_fft: int) -> torch.Tensor:
    """The derivative of the Hann window by samples."""
    angle = 2 * math.pi * torch.arange(n_fft, dtype=torch.float64) / n_fft
    return (math.pi / n_fft * angle.sin()).float()
