"""Trajectories between their steps."""

import torch

from ..shapes import check_shape


def interpolate_ws(steps: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
    """Latents [T, L, D] at fractional `positions` [T] among `steps` [S, L, D]; positions outside are held at the ends."""
    check_shape("steps", steps, "S L D")
    positions = positions.to(torch.float64).clamp(0, steps.shape[0] - 1)
    low = positions.floor().long().clamp(max=max(steps.shape[0] - 2, 0))
    high = (low + 1).clamp(max=steps.shape[0] - 1)
    share = (positions - low).to(steps.dtype)[:, None, None]
    return torch.lerp(steps[low], steps[high], share)
