"""A backbone of four stages with the feature pyramid of pixel2style2pixel (Richardson et al., arXiv 2008.00951, Section 3.1)."""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from .residual import BasicBlock, ResidualSqueeze

UNITS = ("irse", "resnet")


class FeaturePyramid(nn.Module):
    """Images [N, C, H, W] -> maps, coarse first: [N, W4, H/16, W/16] and, with `pyramid`, [N, P, H/8, W/8] and [N, P, H/4, W/4].

    `unit` "irse": a 3x3 stem, and every stage halves. "resnet": a 7x7 stem that halves, and every stage but the first does.
    `depths` and `widths` are the number of units and of channels of each of the four stages; `squeeze` divides the width of an "irse" unit
    into that of its squeeze-excite. With `pyramid` the width of the last stage must be `pyramid_width`: the coarse map enters as it is.
    """

    def __init__(
        self,
        unit: str,
        in_channels: int,
        depths: Sequence[int],
        widths: Sequence[int],
        *,
        pyramid: bool = True,
        pyramid_width: int = 512,
        squeeze: int = 16,
    ) -> None:
        super().__init__()
        stem = nn.Conv2d(in_channels, widths[0], 3, 1, 1, bias=False) if unit == "irse" else nn.Conv2d(in_channels, widths[0], 7, 2, 3, bias=False)
        self.input_layer = nn.Sequential(stem, nn.BatchNorm2d(widths[0]), nn.PReLU(widths[0]))
        units: list[nn.Module] = []
        width_in = widths[0]
        for stage, (depth, width) in enumerate(zip(depths, widths, strict=True)):
            for index in range(depth):
                stride = 2 if index == 0 and (unit == "irse" or stage > 0) else 1
                units.append(ResidualSqueeze(width_in, width, stride, squeeze) if unit == "irse" else BasicBlock(width_in, width, stride))
                width_in = width
        self.body = nn.Sequential(*units)
        self.pyramid = pyramid
        self._ends = [sum(depths[: stage + 1]) - 1 for stage in range(len(depths))]
        if pyramid:
            self.latlayer1, self.latlayer2 = nn.Conv2d(widths[2], pyramid_width, 1), nn.Conv2d(widths[1], pyramid_width, 1)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        x = self.input_layer(x)
        ends = []
        for index, unit in enumerate(self.body):
            x = unit(x)
            if index in self._ends:
                ends.append(x)
        if not self.pyramid:
            return [x]
        mid = _grown(ends[3], ends[2].shape) + self.latlayer1(ends[2])
        return [ends[3], mid, _grown(mid, ends[1].shape) + self.latlayer2(ends[1])]


def _grown(x: torch.Tensor, shape: torch.Size) -> torch.Tensor:
    """A map at the size of a finer one; corners lie on corners, as these weights were trained."""
    return F.interpolate(x, size=shape[-2:], mode="bilinear", align_corners=True)
