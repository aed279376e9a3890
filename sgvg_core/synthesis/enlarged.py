"""A StyleGAN2 that paints another shape than it was trained for: its constant and its noise are larger, all else is convolution."""

import copy

import torch
from torch import nn
from torch.nn import functional as F

from ..config import check_choice
from ..errors import ConfigError
from .generator import StyleGAN2Generator

_FILLS = ("mirror", "tile", "stretch")
ENLARGEMENTS = (*_FILLS, "panorama")
"""mirror: the constant and its mirror image in turn, so that nothing meets what it wasn't next to; tile: over and over, as wallpaper; stretch: the
constant itself, drawn out; panorama: several pictures side by side (see `panorama`)."""

_MOST = 64


def enlarge(generator: StyleGAN2Generator, rows: int, columns: int, how: str = "mirror") -> StyleGAN2Generator:
    """A copy of the generator whose constant is `rows` x `columns` instead of, usually, 4 x 4: its pictures grow in the same proportion.

    `how` is "mirror", "tile" or "stretch". What is in the middle of the trained constant stays in the middle. Weights are copied, and the
    generator stays as it is. Raises ConfigError.
    """
    check_choice("enlargement", how, _FILLS)
    const = generator.synthesis.blocks[0].const
    height, width = const.shape[1:]
    if not (height <= rows <= _MOST and width <= columns <= _MOST):
        raise ConfigError(f"shape: its constant would be {rows} x {columns}, expected {height} x {width}, the trained one, to {_MOST} x {_MOST}")
    made = copy.deepcopy(generator)
    made.synthesis.release_buffers()
    first = made.synthesis.blocks[0]
    first.const = nn.Parameter(_grown(const.detach(), (rows, columns), how), requires_grad=const.requires_grad)
    for conv in made.synthesis.convs:
        size = conv.height * rows // height, conv.width * columns // width
        conv.noise_const = _grown(conv.noise_const[None], size, "mirror" if how == "stretch" else how)[0]
        conv.height, conv.width = size
    made.synthesis.img_size = generator.img_size[0] * rows // height, generator.img_size[1] * columns // width
    made.img_size = made.synthesis.img_size
    return made


def _grown(values: torch.Tensor, size: tuple[int, int], how: str) -> torch.Tensor:
    """[C, h, w] as [C, H, W], the middle on the middle."""
    if how == "stretch":
        return F.interpolate(values[None], size=size, mode="bilinear", align_corners=False)[0]
    for axis, wanted in ((1, size[0]), (2, size[1])):
        trained = values.shape[axis]
        first = (wanted - trained) // 2
        places = torch.arange(wanted, device=values.device) - first
        inside = places % trained
        if how == "mirror":
            odd = places.div(trained, rounding_mode="floor") % 2 == 1
            inside = torch.where(odd, trained - 1 - inside, inside)
        values = values.index_select(axis, inside)
    return values.contiguous()


def constant_for(generator: StyleGAN2Generator, height: int, width: int) -> tuple[int, int]:
    """Rows and columns of the smallest constant whose picture holds one of this height and width."""
    rows, columns = generator.synthesis.blocks[0].const.shape[1:]
    pixels = generator.img_size[0] / rows, generator.img_size[1] / columns
    return max(rows, -int(-height // pixels[0])), max(columns, -int(-width // pixels[1]))
