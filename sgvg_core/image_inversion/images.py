"""Own images made ready for a generator: read upright in RGB, and brought to its shape as the user says."""

from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from ..config import check_choice, check_range
from ..errors import MediaError
from ..pixels import from_uint8
from ..shapes import check_shape

FITS = ("crop", "pad", "stretch")
"""How an image of another shape is brought to the generator's: cut to the middle, filled up at its edges, or stretched."""
_LONGEST_SIDE = 16_384


def read_image(path: str | Path) -> torch.Tensor:
    """An image file as [1, 3, H, W] in -1..1: upright RGB, of an animation the first image. Raises MediaError."""
    from ..media.still import read_image as read_still  # here, as encoders go without packages that read media

    image = read_still(path)
    if max(image.size) > _LONGEST_SIDE:
        raise MediaError(f"{path}: got {image.width} x {image.height} points, expected at most {_LONGEST_SIDE} a side; make it smaller")
    return from_uint8(torch.from_numpy(np.array(image)))[None]


def fit_image(image: torch.Tensor, size: tuple[int, int], how: str = "crop") -> torch.Tensor:
    """An image [N, 3, H, W] in -1..1 at the height and width of `size`, antialiased; `how` is one of `FITS`.

    "pad" repeats the points at the edges. Raises ConfigError, ShapeError.
    """
    check_shape("image", image, "N 3 H W")
    check_choice("fit", how, FITS)
    height, width = size
    check_range("height", height, 1, _LONGEST_SIDE)
    check_range("width", width, 1, _LONGEST_SIDE)
    if tuple(image.shape[2:]) == size:
        return image
    if how == "crop":
        image = _cropped(image, height / width)
    scaled = size if how != "pad" else _inside(image, size)
    image = F.interpolate(image.float(), size=scaled, mode="bicubic", antialias=True, align_corners=False).clamp(-1, 1)
    below, right = height - image.shape[2], width - image.shape[3]
    return F.pad(image, (right // 2, right - right // 2, below // 2, below - below // 2), mode="replicate") if below or right else image


def _cropped(image: torch.Tensor, ratio: float) -> torch.Tensor:
    """The largest part in the middle whose height over width is `ratio`."""
    rows, columns = image.shape[2:]
    height, width = min(rows, max(1, round(columns * ratio))), min(columns, max(1, round(rows / ratio)))
    top, left = (rows - height) // 2, (columns - width) // 2
    return image[:, :, top:top + height, left:left + width]


def _inside(image: torch.Tensor, size: tuple[int, int]) -> tuple[int, int]:
    """The largest height and width of the image's own shape that fit into `size`."""
    scale = min(size[0] / image.shape[2], size[1] / image.shape[3])
    return min(size[0], max(1, round(image.shape[2] * scale))), min(size[1], max(1, round(image.shape[3] * scale)))
