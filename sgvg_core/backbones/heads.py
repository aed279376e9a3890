"""Heads: one latent out of a feature map (pixel2style2pixel, arXiv 2008.00951, Section 3.1: "map2style")."""

import torch
from torch import nn
from torch.nn import functional as F

from ..errors import ShapeError

LEAK = 0.01
"""Slope of the leaky ReLUs below zero."""


class WeightScaledLinear(nn.Linear):
    """A linear layer whose stored weights are multiplied by 1 / sqrt(inputs) when used (StyleGAN's equalized learning rate)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.linear(x, self.weight * self.in_features**-0.5, self.bias)


class MapToStyle(nn.Module):
    """A map [N, width, H, W], halved by `num_convs` convolutions down to one point, then a linear layer: [N, width].

    The image encoders scale the linear layer's weights (`scaled`); the released sound encoder doesn't, and ends in a leaky ReLU instead
    (`activated`).
    """

    def __init__(self, width: int, num_convs: int, *, scaled: bool, activated: bool) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(width, width, 3, 2, 1) for _ in range(num_convs))
        self.linear = (WeightScaledLinear if scaled else nn.Linear)(width, width)
        self.activated = activated

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for conv in self.convs:
            x = F.leaky_relu(conv(x), LEAK)
        if x.shape[2:] != (1, 1):
            raise ShapeError(f"picture: its map ends with {x.shape[2]} x {x.shape[3]} points in a head of {len(self.convs)} halvings, expected one; "
                             "resize the picture to the encoder's own size")
        x = self.linear(x.flatten(1))
        return F.leaky_relu(x, LEAK) if self.activated else x
