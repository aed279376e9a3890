"""Pictures as an image tower wants them: resized, cut, normalised, and differentiable all the way.

Equal to open_clip's own preprocessing of 8-bit pictures within 2/255: the same antialiased kernels, width first, then height,
kept within 0..1 after each as an 8-bit picture is. (Newer Pillows resize some tall pictures the other way round; that differs by
more only where hard edges make a kernel overshoot.)
"""

import functools
import math
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from ..config import check_choice, check_range
from ..errors import ConfigError
from ..shapes import check_shape

RESIZE_MODES = ("shortest", "longest", "squash")
INTERPOLATIONS = ("bicubic", "bilinear")


def resize_exactly(images: torch.Tensor, size: tuple[int, int], mode: str) -> torch.Tensor:
    """Images [N, C, H, W] at `size`, as `interpolate` resizes them (antialiased; "area": the mean of what a pixel covers).

    The same bits every time: on CUDA torch's own backward passes of these add in any order, so where gradients are wanted there the two
    axes are products with the kernels' matrices.

    `images` may have any range; `mode` is "bicubic", "bilinear" or "area".
    """
    if images.is_cuda and images.requires_grad:
        down, across = (resize_matrix(before, after, mode).to(images) for before, after in zip(images.shape[2:], size, strict=True))
        return down @ images @ across.T
    if mode == "area":
        return functional.interpolate(images, size, mode="area")
    return functional.interpolate(images, size, mode=mode, antialias=True, align_corners=False)


@functools.lru_cache(maxsize=64)
def resize_matrix(before: int, after: int, mode: str) -> torch.Tensor:
    """What `resize_exactly` multiplies an axis of `before` pixels with: [after, before]. `mode` is "bicubic", "bilinear" or "area"."""
    columns = torch.eye(before)[None, None]  # column k is the picture whose row k is lit
    if mode == "area":
        return functional.interpolate(columns, (after, before), mode="area")[0, 0]
    return functional.interpolate(columns, (after, before), mode=mode, antialias=True, align_corners=False)[0, 0]


class ImagePreparation(nn.Module):
    """Images [N, 3, H, W] in -1..1 of any size -> [N, 3, h, w], normalised.

    `resize_mode`: "shortest" fits the shorter side and cuts the centre, "longest" fits the longer side and fills the border with
    `fill` (0..255), "squash" ignores the proportions.

    `mean` and `std` are those of a channel's values in 0..1, three each; `interpolation` is "bicubic" or "bilinear". Raises ConfigError.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, size: int | Sequence[int], mean: Sequence[float], std: Sequence[float], *, interpolation: str = "bicubic",
                 resize_mode: str = "shortest", fill: float = 0.0) -> None:
        super().__init__()
        check_choice("picture resize_mode", resize_mode, RESIZE_MODES)
        check_choice("picture interpolation", interpolation, INTERPOLATIONS)
        self.size = (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))
        for side in self.size:
            check_range("picture size", side, 1, 4096)
        if len(mean) != 3 or len(std) != 3 or min(std) <= 0:
            raise ConfigError(f"picture normalisation: got mean {list(mean)} and std {list(std)}, expected three numbers each, std above 0")
        self.interpolation, self.resize_mode, self.fill = interpolation, resize_mode, fill / 255
        self.register_buffer("mean", torch.tensor(list(mean), dtype=torch.float32).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(list(std), dtype=torch.float32).view(3, 1, 1), persistent=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        check_shape("images", images, "N 3 H W")
        images = ((images.float() + 1) / 2).clamp(0, 1)
        images = self._centre(self._resize(images, *self._resized(*images.shape[2:])))
        return (images - self.mean) / self.std

    def _resized(self, height: int, width: int) -> tuple[int, int]:
        """The size to which a picture is resized before its centre is taken, rounded as torchvision does."""
        if self.resize_mode == "squash":
            return self.size
        if self.resize_mode == "shortest" and self.size[0] == self.size[1]:
            short = self.size[0]
            return (short, int(short * width / height)) if height <= width else (int(short * height / width), short)
        ratios = height / self.size[0], width / self.size[1]
        ratio = max(ratios) if self.resize_mode == "longest" else min(ratios)
        return round(height / ratio), round(width / ratio)

    def _resize(self, images: torch.Tensor, height: int, width: int) -> torch.Tensor:
        for size in ((images.shape[2], width), (height, width)):
            if size != tuple(images.shape[2:]):
                images = resize_exactly(images, size, self.interpolation).clamp(0, 1)
        return images

    def _centre(self, images: torch.Tensor) -> torch.Tensor:
        """The centre of the wanted size; what is missing is filled."""
        missing = [max(wanted - seen, 0) for wanted, seen in zip(self.size, images.shape[2:], strict=True)]
        if any(missing):
            left, top = missing[1] // 2, missing[0] // 2
            images = functional.pad(images, (left, math.ceil(missing[1] / 2), top, math.ceil(missing[0] / 2)), value=self.fill)
        top, left = (round((seen - wanted) / 2) for wanted, seen in zip(self.size, images.shape[2:], strict=True))
        return images[:, :, top: top + self.size[0], left: left + self.size[1]]
