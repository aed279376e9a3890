"""Latents in W+: named layer groups, how far they lie apart, trajectories between their steps.

Shapes: ws [N, L, D], start_ws [1, L, D], trajectory [T, L, D]; L = num_ws, D = w_dim.
"""

import torch

from .errors import ConfigError
from .shapes import check_shape

GROUPS = ("coarse", "mid", "fine")


def group_slices(bounds: tuple[int, int], num_ws: int) -> dict[str, slice]:
    """The latents of each group: coarse [0, a), mid [a, b), fine [b, num_ws), for bounds (a, b).

    The paper's groups 0-2 / 3-5 / 6-(L-1) are bounds (3, 6); those of the released code, 0-3 / 4-7 / 8-15, are (4, 8).
    """
    first, second = bounds
    if not 0 < first < second < num_ws:
        raise ConfigError(f"group bounds: got {first} and {second}, expected 0 < a < b < {num_ws} (the generator's num_ws)")
    return dict(zip(GROUPS, (slice(0, first), slice(first, second), slice(second, num_ws)), strict=True))


def latent_scale(ws: torch.Tensor) -> float:
    """The standard deviation of mapped latents [N, L, D] around their mean: the unit in which distances in W+ are told."""
    check_shape("ws", ws, "N L D")
    return float((ws - ws.mean(0)).square().mean().sqrt().clamp(min=1e-6))


def distance_out(ws: torch.Tensor, centre: torch.Tensor, scale: float) -> torch.Tensor:
    """How many standard deviations `scale` the farthest of the L latents of each of `ws` [N, L, D] lies from `centre` [D], [N]."""
    return ((ws - centre) / scale).square().mean(2).amax(1).sqrt()


def interpolate_ws(steps: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
    """Latents [T, L, D] at fractional `positions` [T] among `steps` [S, L, D]; positions outside are held at the ends."""
    check_shape("steps", steps, "S L D")
    positions = positions.to(torch.float64).clamp(0, steps.shape[0] - 1)
    low = positions.floor().long().clamp(max=max(steps.shape[0] - 2, 0))
    high = (low + 1).clamp(max=steps.shape[0] - 1)
    share = (positions - low).to(steps.dtype)[:, None, None]
    return torch.lerp(steps[low], steps[high], share)
