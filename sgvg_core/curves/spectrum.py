"""Loudness, onsets and chroma of a mono sound, one value a frame."""

import torch

NUM_CLASSES = 12
_A4 = 440.0
_N_FFT, _LOWEST = 4096, 55.0
_RANGE_DB = 60.0


def spectra(waveform: torch.Tensor, rate: int, fps: float, num_frames: int) -> torch.Tensor:
    """Magnitudes [num_frames, bins] around each frame's time, of a mono sound [N]; silence beyond its ends.

    `rate` is samples a second of `waveform`.
    """
    padded = torch.nn.functional.pad(waveform, (_N_FFT // 2, _N_FFT))
    starts = (torch.arange(num_frames) / fps * rate).round().long().clamp(max=len(padded) - _N_FFT)
    cut = padded[starts[:, None] + torch.arange(_N_FFT)]
    return torch.fft.rfft(cut * torch.hann_window(_N_FFT)).abs()


def loudness(magnitudes: torch.Tensor) -> torch.Tensor:
    """Level of each frame [T] in 0..1: dB below the loudest one, over a range of 60 dB. Silence is 0 throughout."""
    power = magnitudes.square().mean(1)
    if power.max() < 1e-10:
        return torch.zeros_like(power)
    return (10 * (power.clamp(min=1e-12) / power.max()).log10() / _RANGE_DB + 1).clamp(0, 1)


def onsets(magnitudes: torch.Tensor) -> torch.Tensor:
    """Onset strength of each frame [T] in 0..1: what the compressed spectrum gained since the one before, over its largest gain."""
    compressed = (1 + 1000 * magnitudes / magnitudes.max().clamp(min=1e-10)).log()
    gain = (compressed[1:] - compressed[:-1]).clamp(min=0).mean(1)
    strength = torch.cat([gain.new_zeros(1), gain])
    return strength / strength.max().clamp(min=1e-10)


def chroma(magnitudes: torch.Tensor, rate: int) -> torch.Tensor:
    """Share of the energy in each pitch class [T, 12], C first; each row sums to 1 (all alike in silence).

    `magnitudes` [T, bins] are those of `spectra` of a sound of `rate` samples a second.
    """
    hertz = torch.linspace(0, rate / 2, magnitudes.shape[1])
    classes = (torch.round(NUM_CLASSES * (hertz.clamp(min=1) / _A4).log2()) + 9).long() % NUM_CLASSES
    heard = magnitudes.square() * (hertz > _LOWEST)
    energy = torch.zeros(len(magnitudes), NUM_CLASSES).index_add_(1, classes, heard) + 1e-9
    return energy / energy.sum(1, keepdim=True)


def smoothed(curve: torch.Tensor, fps: float, seconds: float) -> torch.Tensor:
    """A curve [T, ...] that falls no faster than by the time constant `seconds`, and rises as fast."""
    keep = torch.exp(torch.tensor(-1 / (fps * seconds))).item()
    made = [curve[0]]
    for value in curve[1:]:
        made.append(keep * made[-1] + (1 - keep) * value)
    return torch.stack(made)
