"""A map from music to latents, in the manner of TraeumerAI (Jeong et al. 2021) and of audio-reactive clips (paper [1], [12]).

It hears loudness, onsets and chroma, and has no idea what a sound is: a baseline. Nothing in it is trained. Each of the twelve pitch
classes owns a latent; what sounds mixes them, loudness decides how far the picture goes there, an onset jolts the fine layers.
"""

import torch

from ...curves.spectrum import NUM_CLASSES, chroma, loudness, onsets, smoothed, spectra
from ...generation.seeded_start import random_start
from ...synthesis import Generator

_CHROMA_SECONDS, _ONSET_SECONDS = 0.5, 0.2
_SHARPNESS = 12
"""Power to which shares are raised: an even mix of twelve latents is near the mean latent, which shows nothing."""
_DIRECTIONS_SEED = 77_001
_JOLT = 0.5


def dominant(shares: torch.Tensor) -> torch.Tensor:
    """Shares [T, 12] with the larger ones made much larger; each row sums to 1."""
    raised = (shares / shares.amax(1, keepdim=True)) ** _SHARPNESS
    return raised / raised.sum(1, keepdim=True)


@torch.no_grad()
def music_walk(
    generator: Generator, waveform: torch.Tensor, rate: int, start_ws: torch.Tensor, *, fps: float, num_frames: int, fine: slice
) -> torch.Tensor:
    """Latents [T, L, D] of a sound [N] at `rate`, from `start_ws` [1, L, D] out; `fine` are the layers that an onset jolts.

    w_t = start + l_t (sum_c m_tc w_c - start) + 0.5 o_t (w_13 - w_avg) on the fine layers; m_t is the chroma, its larger shares
    made much larger; the 13 latents are the same for every sound.
    """
    owned = random_start(generator, _DIRECTIONS_SEED, num_codes=NUM_CLASSES + 1)
    analysed = spectra(waveform, rate, fps, num_frames)
    mix = torch.einsum("tc,cld->tld", dominant(smoothed(chroma(analysed, rate), fps, _CHROMA_SECONDS)), owned[:NUM_CLASSES])
    ws = torch.lerp(start_ws.expand_as(mix), mix, loudness(analysed)[:, None, None])
    jolt = smoothed(onsets(analysed), fps, _ONSET_SECONDS)[:, None, None] * _JOLT
    ws[:, fine] += jolt * (owned[NUM_CLASSES:] - generator.w_avg.float().cpu())[:, fine]
    return ws
