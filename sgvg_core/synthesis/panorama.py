"""Several pictures side by side as one: each of its own latents, and where two meet their features are faded into one another.

Every picture is painted in its own window, with the noise and at the place that the generator knows, so that nothing is repeated and nothing
stands where it never stood. From 16 px on, what two windows share is made the same after each resolution: the one fades into the other as
shapes do, while a fade of finished pixels would show both at once.
"""

import dataclasses
import itertools
from functools import cached_property
from typing import Any

import torch

from ..errors import ConfigError
from .generator import StyleGAN2Generator
from .rgb import as_rgb

_SHARED_FROM = 16
_LEAST_OVERLAP, _USUAL_OVERLAP = 1 / 8, 1 / 4
"""Of a window's width."""
MOST_WINDOWS = 16


@dataclasses.dataclass(frozen=True)
class Panorama:
    """Windows of `side` px that cover `width` px between them, evenly."""

    side: int
    width: int
    num_windows: int

    def __post_init__(self) -> None:
        most = self.num_windows * self.side - (self.num_windows - 1) * round(self.side * _LEAST_OVERLAP)
        if not (2 <= self.num_windows <= MOST_WINDOWS and self.side <= self.width <= most):
            raise ConfigError(
                f"shape: a panorama of {self.num_windows} pictures of {self.side} px is {self.side} to {most} px wide, got {self.width}; it takes "
                f"2 to {MOST_WINDOWS} pictures"
            )

    @classmethod
    def covering(cls, side: int, width: int) -> "Panorama":
        """As few windows of `side` px as cover `width` px with a quarter shared by neighbours. Raises ConfigError."""
        stride = side - round(side * _USUAL_OVERLAP)
        return cls(side, width, max(2, 1 + -((side - width) // stride)))

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """The first column of each window, whole pixels at every resolution that is shared."""
        unit = max(1, self.side // _SHARED_FROM)
        gap = (self.width - self.side) / (self.num_windows - 1)
        return tuple(-int(-gap * k // unit) * unit for k in range(self.num_windows))

    def weights(self, size: int) -> torch.Tensor:
        """How much each window counts in each column [K, columns] where windows are `size` px wide; sums to 1."""
        starts = [start * size // self.side for start in self.starts]
        made = torch.zeros(len(starts), starts[-1] + size)
        for row, start in zip(made, starts, strict=True):
            row[start : start + size] = 1
        for k, (left, right) in enumerate(itertools.pairwise(starts)):
            shared = left + size - right
            rise = (torch.arange(shared) + 0.5) / max(shared, 1)
            rise = rise * rise * (3 - 2 * rise)
            made[k, right : right + shared] *= 1 - rise
            made[k + 1, right : right + shared] *= rise
        return made / made.sum(0)

    def joined(self, x: torch.Tensor) -> torch.Tensor:
        """Windows [N * K, C, H, W] as one plane [N, C, H, columns]."""
        size = x.shape[-1]
        weights = self.weights(size).to(x)
        plane = x.new_zeros(len(x) // self.num_windows, *x.shape[1:3], weights.shape[1])
        for k, start in enumerate(start * size // self.side for start in self.starts):
            plane[..., start : start + size] += x[k :: self.num_windows] * weights[k, start : start + size]
        return plane

    def shared(self, x: torch.Tensor) -> torch.Tensor:
        """Windows [N * K, C, H, W] that are the same wherever two look at the same columns; below 16 px as they are."""
        size = x.shape[-1]
        if size < _SHARED_FROM:
            return x
        plane = self.joined(x)
        cut = [plane[..., start : start + size] for start in (first * size // self.side for first in self.starts)]
        return torch.stack(cut, 1).flatten(0, 1)


def paint_panorama(generator: StyleGAN2Generator, ws: torch.Tensor, width: int, **synthesis: Any) -> torch.Tensor:
    """What latents `ws` [N, K, L, D], K pictures from left to right, look like as one of `width` px, RGB [N, 3, H, width].

    `synthesis` goes to the network; what it gives to an item, each of its windows gets. Raises ConfigError.
    """
    if ws.ndim != 4:
        raise ConfigError("panorama: got latents of one picture, expected those of two or more that lie side by side")
    num_windows = ws.shape[1]
    view = Panorama(generator.img_size[1], width, num_windows)
    each = {name: _for_windows(value, num_windows) for name, value in synthesis.items()}
    if "noise_index" in each:
        each["noise_index"] *= num_windows
    plane = view.joined(as_rgb(generator.synthesis(ws.flatten(0, 1), between=view.shared, **each)))
    first = (plane.shape[-1] - width) // 2
    return plane[..., first : first + width]


def _for_windows(value: Any, num_windows: int) -> Any:
    """An argument of the network with the rows of each item once for every window; maps [H, W] serve all items as they are."""
    if isinstance(value, list | tuple):
        return [_for_windows(each, num_windows) for each in value]
    return value.repeat_interleave(num_windows, 0) if isinstance(value, torch.Tensor) and value.ndim != 2 else value
