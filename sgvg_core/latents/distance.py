"""How far latents lie apart."""

import torch

from ..shapes import check_shape


def latent_scale(ws: torch.Tensor) -> float:
    """The standard deviation of mapped latents [N, L, D] around their mean: the unit in which distances in W+ are told."""
    check_shape("ws", ws, "N L D")
    return float((ws - ws.mean(0)).square().mean().sqrt().clamp(min=1e-6))


def distance_out(ws: torch.Tensor, centre: torch.Tensor, scale: float) -> torch.Tensor:
    """How many standard deviations `scale` the farthest of the L latents of each of `ws` [N, L, D] lies from `centre` [D], [N]."""
    return ((ws - centre) / scale).square().mean(2).amax(1).sqrt()
