"""The judge: which of the world's kinds a picture shows, and how strong it is. Used to measure, never in a loss.

It's trained on rendered pictures only, under random gain, gamma and hue, so that brightness alone tells it nothing.
"""

from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from ..shapes import check_shape


class Verdict(NamedTuple):
    """What the judge says of N pictures."""

    logits: torch.Tensor
    """[N, K], one score a kind."""
    envelope: torch.Tensor
    """[N], strength in 0..1."""
    features: torch.Tensor
    """[N, E], what it saw (for a Frechet distance)."""


class Judge(nn.Module):
    """Images [N, 3, H, W] in -1..1 -> `Verdict`. Arguments as in `JudgeConfig`."""

    def __init__(self, image_size: int = 64, widths: tuple[int, ...] = (24, 48, 96, 128), labels: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.image_size, self.labels = image_size, labels
        layers: list[nn.Module] = []
        width_in = 3
        for width in widths:
            layers += [nn.Conv2d(width_in, width, 3, 1, 1), nn.GroupNorm(8, width), nn.SiLU()]
            layers += [nn.Conv2d(width, width, 3, 2, 1), nn.GroupNorm(8, width), nn.SiLU()]
            width_in = width
        self.body = nn.Sequential(*layers)
        self.kind = nn.Linear(width_in * 2, len(labels))
        self.strength = nn.Sequential(nn.Linear(width_in * 2, 64), nn.SiLU(), nn.Linear(64, len(labels)))

    def forward(self, images: torch.Tensor) -> Verdict:
        check_shape("pictures", images, "N 3 H W")
        small = F.interpolate(images, size=(self.image_size, self.image_size), mode="bilinear", antialias=True, align_corners=False)
        maps = self.body(small)
        features = torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], 1)
        logits = self.kind(features)
        # one reading of strength a kind, mixed by what the picture seems to be: strength looks different in fire and in rain
        envelope = (logits.detach().softmax(1) * self.strength(features).sigmoid()).sum(1)
        return Verdict(logits, envelope, features)
