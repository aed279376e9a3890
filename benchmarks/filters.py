"""Filters of sounds, by SciPy, which the test tools bring along: second-order ones by the formulas of the audio EQ cookbook."""

import math

import numpy as np
import scipy.signal
import torch


def lfilter(wave: torch.Tensor, a: torch.Tensor, b: torch.Tensor, clamp: bool = True) -> torch.Tensor:
    """The recursive filter b / a along the last axis; `clamp` keeps the answer in -1..1."""
    out = torch.from_numpy(scipy.signal.lfilter(b.double().numpy(), a.double().numpy(), wave.double().numpy()).astype(np.float32))
    return out.clamp(-1, 1) if clamp else out


def lowpass_biquad(wave: torch.Tensor, rate: int, hertz: float, q: float = 0.707) -> torch.Tensor:
    """What lies below `hertz`."""
    cosine, alpha = _corner(rate, hertz, q)
    return _biquad(wave, alpha, cosine, ((1 - cosine) / 2, 1 - cosine, (1 - cosine) / 2))


def highpass_biquad(wave: torch.Tensor, rate: int, hertz: float, q: float = 0.707) -> torch.Tensor:
    """What lies above `hertz`."""
    cosine, alpha = _corner(rate, hertz, q)
    return _biquad(wave, alpha, cosine, ((1 + cosine) / 2, -1 - cosine, (1 + cosine) / 2))


def bandpass_biquad(wave: torch.Tensor, rate: int, hertz: float, q: float = 0.707) -> torch.Tensor:
    """What lies around `hertz`, which itself stays as loud as it is."""
    cosine, alpha = _corner(rate, hertz, q)
    return _biquad(wave, alpha, cosine, (alpha, 0.0, -alpha))


def fftconvolve(wave: torch.Tensor, response: torch.Tensor) -> torch.Tensor:
    """The whole convolution of two sounds [N] and [M], [N + M - 1]."""
    return torch.from_numpy(scipy.signal.fftconvolve(wave.numpy(), response.numpy()))


def _corner(rate: int, hertz: float, q: float) -> tuple[float, float]:
    angle = 2 * math.pi * hertz / rate
    return math.cos(angle), math.sin(angle) / (2 * q)


def _biquad(wave: torch.Tensor, alpha: float, cosine: float, b: tuple[float, float, float]) -> torch.Tensor:
    return lfilter(wave, torch.tensor([1 + alpha, -2 * cosine, 1 - alpha], dtype=torch.float64), torch.tensor(b, dtype=torch.float64))
