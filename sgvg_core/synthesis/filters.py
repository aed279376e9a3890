"""Low-pass filters of the alias-free generator, designed in float64 (Karras et al. 2021, section 3 and appendix C.2).

Kaiser's window and his two formulas for its shape: "Nonrecursive digital filter design using the I0-sinh window function", 1974.
"""

import math

import torch


def kaiser_beta(num_taps: int, width: float, rate: float) -> float:
    """The window's shape for a transition of `width` between keeping and stopping, at sampling rate `rate` (same unit).

    `num_taps` is the window's length.
    """
    attenuation = 2.285 * (num_taps - 1) * math.pi * width / (rate / 2) + 7.95  # decibels
    if attenuation > 50:
        return 0.1102 * (attenuation - 8.7)
    if attenuation > 21:
        return 0.5842 * (attenuation - 21) ** 0.4 + 0.07886 * (attenuation - 21)
    return 0.0


def _window(num_taps: int, width: float, rate: float) -> torch.Tensor:
    return torch.kaiser_window(num_taps, periodic=False, beta=kaiser_beta(num_taps, width, rate), dtype=torch.float64, device="cpu")


def _positions(num_taps: int) -> torch.Tensor:
    return torch.arange(num_taps, dtype=torch.float64, device="cpu") - (num_taps - 1) / 2


def separable_lowpass(num_taps: int, cutoff: float, width: float, rate: float) -> torch.Tensor:
    """A windowed sinc [num_taps], float64, of sum one. `cutoff`, `width` (of the transition) and `rate` have one unit."""
    taps = torch.sinc(2 * cutoff / rate * _positions(num_taps)) * _window(num_taps, width, rate)
    return taps / taps.sum()


def radial_lowpass(num_taps: int, cutoff: float, width: float, rate: float) -> torch.Tensor:
    """The same for all directions: a windowed jinc [num_taps, num_taps], float64, of sum one.

    `cutoff` and `width` are in the unit of the sampling `rate`.
    """
    x = _positions(num_taps) / rate
    radius = torch.hypot(x[:, None], x[None, :])
    disc = torch.where(radius == 0, cutoff, torch.special.bessel_j1(2 * math.pi * cutoff * radius) / (math.pi * radius))  # J1(x) / x is 1/2 at 0
    window = _window(num_taps, width, rate)
    taps = disc * torch.outer(window, window)
    return taps / taps.sum()
