"""Patch discriminators: D_V over short clips (3-D, as MoCoGAN-HD's, paper Eq. 7), D_I over frames (Eq. 8), one over pictures with a hint.

Each answers for every patch by itself; a loss takes the mean of the answers. Normalisation doesn't look at the batch.
"""

from collections.abc import Sequence

import torch
from torch import nn

from ..shapes import check_shape

_SLOPE = 0.2


class VideoCritic(nn.Module):
    """D_V: clips [B, T, 3, H, W] in -1..1 -> answers of their patches [B, T, h, w].

    Every convolution looks at three frames, so with n widths a patch's answer has seen n + 1 frames to either side.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width_in = 3
        for index, width in enumerate(widths):
            layers.append(nn.Conv3d(width_in, width, (3, 4, 4), (1, 2, 2), (1, 1, 1)))
            if index:
                layers.append(nn.InstanceNorm3d(width, affine=True))
            layers.append(nn.LeakyReLU(_SLOPE))
            width_in = width
        self.body = nn.Sequential(*layers, nn.Conv3d(width_in, 1, 3, 1, 1))

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        check_shape("clips", clips, "B T 3 H W")
        return self.body(clips.transpose(1, 2))[:, 0]


class ImageCritic(nn.Module):
    """D_I: frames [N, 3, H, W] in -1..1 -> answers of their patches [N, h, w]."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width_in = 3
        for index, width in enumerate(widths):
            layers.append(nn.Conv2d(width_in, width, 4, 2, 1))
            if index:
                layers.append(nn.InstanceNorm2d(width, affine=True))
            layers.append(nn.LeakyReLU(_SLOPE))
            width_in = width
        self.body = nn.Sequential(*layers, nn.Conv2d(width_in, 1, 3, 1, 1))

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        check_shape("frames", frames, "N 3 H W")
        return self.body(frames)[:, 0]


class HintedCritic(nn.Module):
    """Images [N, 3, H, W] in -1..1, each with a hint of what it should show [N, 3, H, W] -> answers of their patches [N, h, w].

    The hint says where things are, so that the answer is about the detail alone. Without normalisation: how strong detail is counts.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for width_in, width in zip((6, *widths), widths, strict=False):
            layers += [nn.Conv2d(width_in, width, 4, 2, 1), nn.LeakyReLU(_SLOPE)]
        self.body = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 3, 1, 1))

    def forward(self, images: torch.Tensor, hints: torch.Tensor) -> torch.Tensor:
        check_shape("pictures", images, "N 3 H W")
        check_shape("hints", hints, "N 3 H W")
        return self.body(torch.cat([images, hints], 1))[:, 0]
