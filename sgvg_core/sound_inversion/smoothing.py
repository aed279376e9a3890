"""Offsets over time without their trembling, and with their jumps: a bilateral filter (Tomasi and Manduchi 1998) over consecutive windows.

A steady sound has single drops and cracks, by which E_a hears it a little stronger or weaker from window to window, and what it shows trembles.
So each offset is averaged with those around it, the more the nearer they are in time and the more alike: a clap of thunder stays as
sudden as it is.
"""

import math
from collections.abc import Iterable, Iterator

import torch

from .neighbourhoods import neighbourhoods

_REACH = 3
"""Windows further away than this many standard deviations in time aren't looked at; the last that is counts a hundredth."""


def smoothing_reach(width: float) -> int:
    """How many offsets before and after each are looked at by a filter of this `width`, in windows."""
    return math.ceil(_REACH * width)


def smooth_stream(batches: Iterable[torch.Tensor], width: float, value_range: float, *, causal: bool = False) -> Iterator[torch.Tensor]:
    """Offsets [n, L, D], batch after batch of `batches` -> the same smoothed, streamed; held back by as many as are looked at ahead.

    `width` is the filter's standard deviation in time, in windows; `value_range` that in offsets, as the root mean square of the difference of
    two offsets' means over their latents. causal: only those before count. How they are batched changes nothing.
    """
    behind = smoothing_reach(width)
    ahead = 0 if causal else behind
    for (kept,), part in neighbourhoods(((batch,) for batch in batches), behind, ahead):
        yield _smoothed(kept, part, width, value_range, reach=(behind, ahead))


def smooth_clips(offsets: torch.Tensor, width: float, value_range: float) -> torch.Tensor:
    """Offsets of whole clips [B, T, L, D], smoothed as in `smooth_stream`, which says what `width` and `value_range` are."""
    return torch.stack([torch.cat(list(smooth_stream([clip], width, value_range))) for clip in offsets])


def _smoothed(offsets: torch.Tensor, part: slice, width: float, value_range: float, *, reach: tuple[int, int]) -> torch.Tensor:
    """The offsets `part` of [T, L, D], each averaged with as many before and after it as `reach` says."""
    moments = torch.arange(len(offsets), device=offsets.device)
    later = moments - moments[part, None]  # [n, T]
    shown = offsets.float().mean(1)
    apart = torch.cdist(shown[part], shown, compute_mode="donot_use_mm_for_euclid_dist") / math.sqrt(shown.shape[1])
    weights = torch.exp(-0.5 * ((later / width).square() + (apart / value_range).square()))
    weights = weights.masked_fill((later < -reach[0]) | (later > reach[1]), 0)
    weights = weights / weights.sum(1, keepdim=True)
    return (weights @ offsets.float().flatten(1)).unflatten(1, offsets.shape[1:]).to(offsets.dtype)
