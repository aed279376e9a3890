"""A StyleGAN3 that paints beyond its square: windows of one plane, side by side, laid over each other where they meet.

The network paints an endless plane; its transform says which window of it is shown. Windows at whole pixels agree where
they overlap, as far as the network is equivariant (Karras et al. 2021), and are faded into one another there.
"""

from typing import Any

import torch

from ..config import check_range
from .rgb import rgb_images
from .stylegan3 import StyleGAN3Generator

_OVERLAP = 0.25  # of a window
_MOST = 16  # times the trained square, in each direction


def paint_wide(
    generator: StyleGAN3Generator, ws: torch.Tensor, size: tuple[int, int], transform: torch.Tensor | None = None, **more: Any
) -> torch.Tensor:
    """What latents `ws` [N, L, D] look like at `size` (height, width), RGB [N, 3, H, W]; the square that was trained for is in the middle.

    `transform` [3, 3] or [N, 3, 3] moves the whole plane; None leaves it. `more` goes to the network. Raises ConfigError for a size under the
    trained one or too far above it.

    `ws` may lie on any device.
    """
    side = generator.img_resolution
    for name, extent in zip(("height", "width"), size, strict=True):
        check_range(name, extent, side, _MOST * side)
    canvas = ws.new_zeros(len(ws), 3, *size)
    weight = canvas.new_zeros(1, 1, *size)
    rows, columns = (window_starts(extent, side) for extent in size)
    for top in rows:
        for left in columns:
            moved = _window(transform, ws, (left + side / 2 - size[1] / 2) / side, (top + side / 2 - size[0] / 2) / side)
            fade = _fade(top, size[0], side)[:, None] * _fade(left, size[1], side)
            fade = fade.to(canvas)
            part = (..., slice(top, top + side), slice(left, left + side))
            canvas[part] += rgb_images(generator, ws, transform=moved, **more) * fade
            weight[part] += fade
    return canvas / weight


def window_starts(extent: int, side: int) -> list[int]:
    """The first pixels of the windows of `side` pixels that cover `extent`, a quarter of a window shared by neighbours at the least."""
    stride = side - max(1, int(side * _OVERLAP))
    count = 1 + -int(-(extent - side) // stride)
    return [round(k * (extent - side) / max(count - 1, 1)) for k in range(count)]


def _window(transform: torch.Tensor | None, ws: torch.Tensor, right: float, down: float) -> torch.Tensor:
    """The transforms [N, 3, 3] of a window whose distance from the middle is given in picture widths."""
    shift = torch.eye(3, device=ws.device)
    shift[0, 2], shift[1, 2] = right, down
    base = torch.eye(3, device=ws.device) if transform is None else transform.to(ws.device)
    return (base @ shift).expand(len(ws), 3, 3)


def _fade(start: int, extent: int, side: int) -> torch.Tensor:
    """The weight of a window's pixels along one axis [side]: fading at the sides where it has a neighbour."""
    place = torch.arange(side, dtype=torch.float32)
    width = max(1.0, side * _OVERLAP)
    weight = torch.ones(side)
    if start > 0:
        weight = torch.minimum(weight, (place + 1) / width)
    if start + side < extent:
        weight = torch.minimum(weight, (side - place) / width)
    return weight.clamp(min=1e-3)
