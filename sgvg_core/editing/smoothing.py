"""Latents smoothed over time: a kernel in seconds, its ends reflected, so that no frame is lost and nothing comes late."""

import math
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import TypeVar

import torch

T = TypeVar("T")

_REACH = 2.5
"""Where a Gaussian kernel ends, in standard deviations."""


def gaussian_kernel(seconds: float, fps: Fraction | float) -> torch.Tensor:
    """A Gaussian's weights [2 r + 1] for frames around one, of `seconds` standard deviation; [1] where that's less than a fifth of a frame."""
    sigma = seconds * float(fps)
    radius = math.ceil(_REACH * sigma) if sigma >= 0.2 else 0
    weights = torch.exp(-0.5 * (torch.arange(-radius, radius + 1) / max(sigma, 1e-6)).square())
    return weights / weights.sum()


def smoothed(frames: Iterable[tuple[torch.Tensor, T]], kernel: torch.Tensor) -> Iterator[tuple[torch.Tensor, T]]:
    """Latents [L, D], each with whatever belongs to its frame, the latents averaged over time by `kernel` [2 r + 1].

    Beyond the first and the last frame the film is taken to run backwards (frame -k is frame k). Keeps 2 r + 1 frames.
    """
    radius, kept, first = len(kernel) // 2, [], 0
    centre = 0
    for item in frames:
        kept.append(item)
        if first + len(kept) - 1 >= centre + radius and len(kept) > radius:
            yield _at(kept, first, centre, kernel, None), kept[centre - first][1]
            centre += 1
            drop = max(0, centre - radius - first)
            kept, first = kept[drop:], first + drop
    total = first + len(kept)
    while centre < total:
        yield _at(kept, first, centre, kernel, total), kept[centre - first][1]
        centre += 1


def _at(kept: list[tuple[torch.Tensor, T]], first: int, centre: int, kernel: torch.Tensor, total: int | None) -> torch.Tensor:
    radius = len(kernel) // 2
    places = [_reflected(place, total) - first for place in range(centre - radius, centre + radius + 1)]
    return torch.stack([kernel[k] * kept[place][0] for k, place in enumerate(places)]).sum(0) if radius else kept[places[0]][0]


def _reflected(place: int, total: int | None) -> int:
    """A frame's number inside 0 .. total - 1 by reflection at the first and last frame, as often as needed."""
    if total is None or total < 1:
        return abs(place)
    if total == 1:
        return 0
    period = 2 * (total - 1)
    place = abs(place) % period
    return min(place, period - place)
