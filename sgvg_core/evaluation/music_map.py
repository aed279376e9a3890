"""A map from music to latents, in the manner of TraeumerAI (Jeong et al. 2021) and of audio-reactive clips (paper [1], [12]).

It hears loudness, onsets and chroma, and has no idea what a sound is: a baseline. Nothing in it is trained. Each of the twelve pitch
classes owns a latent; what sounds mixes them, loudness decides how far the picture goes there, an onset jolts the fine layers.
"""

import torch

from ..generation.start import random_start
from ..synthesis import Generator

NUM_CLASSES = 12
_A4 = 440.0
_N_FFT, _LOWEST = 4096, 55.0
_RANGE_DB = 60.0
_CHROMA_SECONDS, _ONSET_SECONDS = 0.5, 0.2
_SHARPNESS = 12
"""Power to which shares are raised: an even mix of twelve latents is near the mean latent, which shows nothing."""
_DIRECTIONS_SEED = 77_001
_JOLT = 0.5


def spectra(waveform: torch.Tensor, rate: int, fps: float, num_frames: int) -> torch.Tensor:
    """Magnitudes [num_frames, bins] around each frame's time, of a mono sound [N]; silence beyond its ends."""
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
    """Share of the energy in each pitch class [T, 12], C first; each row sums to 1 (all alike in silence)."""
    hertz = torch.linspace(0, rate / 2, magnitudes.shape[1])
    classes = (torch.round(NUM_CLASSES * (hertz.clamp(min=1) / _A4).log2()) + 9).long() % NUM_CLASSES
    heard = magnitudes.square() * (hertz > _LOWEST)
    energy = torch.zeros(len(magnitudes), NUM_CLASSES).index_add_(1, classes, heard) + 1e-9
    return energy / energy.sum(1, keepdim=True)


def dominant(shares: torch.Tensor) -> torch.Tensor:
    """Shares [T, 12] with the larger ones made much larger; each row sums to 1."""
    raised = (shares / shares.amax(1, keepdim=True)) ** _SHARPNESS
    return raised / raised.sum(1, keepdim=True)


def smoothed(curve: torch.Tensor, fps: float, seconds: float) -> torch.Tensor:
    """A curve [T, ...] that falls no faster than by the time constant `seconds`, and rises as fast."""
    keep = torch.exp(torch.tensor(-1 / (fps * seconds))).item()
    made = [curve[0]]
    for value in curve[1:]:
        made.append(keep * made[-1] + (1 - keep) * value)
    return torch.stack(made)


@torch.no_grad()
def music_walk(
    generator: Generator, waveform: torch.Tensor, rate: int, start_ws: torch.Tensor, fps: float, num_frames: int, fine: slice
) -> torch.Tensor:
    """Latents [T, L, D] of a sound [N] at `rate`, from `start_ws` [1, L, D] out; `fine` are the layers that an onset jolts.

    w_t = start + l_t (sum_c m_tc w_c - start) + 0.5 o_t (w_13 - w_avg) on the fine layers; m_t is the chroma, its larger shares
    made much larger; the 13 latents are the same for every sound.
    """
    owned = random_start(generator, _DIRECTIONS_SEED, num_codes=NUM_CLASSES + 1)
    heard = spectra(waveform, rate, fps, num_frames)
    mix = torch.einsum("tc,cld->tld", dominant(smoothed(chroma(heard, rate), fps, _CHROMA_SECONDS)), owned[:NUM_CLASSES])
    ws = torch.lerp(start_ws.expand_as(mix), mix, loudness(heard)[:, None, None])
    jolt = smoothed(onsets(heard), fps, _ONSET_SECONDS)[:, None, None] * _JOLT
    ws[:, fine] += jolt * (owned[NUM_CLASSES:] - generator.w_avg.float().cpu())[:, fine]
    return ws
