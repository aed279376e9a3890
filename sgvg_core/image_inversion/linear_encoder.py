"""An encoder of images that is fitted in closed form, for any generator: a ridge regression of mapped codes on what they look like.

What it answers is no inversion yet, but a far nearer start than the most alike of the codes.
"""

import dataclasses
from collections.abc import Callable

import torch
from torch.nn import functional as F

from ..shapes import check_shape
from .ground import Ground

Embed = Callable[[torch.Tensor], torch.Tensor]
"""Images [N, 3, H, W] in -1..1 -> [N, E], what a network of one's own sees of them."""
_RIDGE = 1e-3
"""Of the sum of squares, for each of the codes that it's fitted on."""


@dataclasses.dataclass(frozen=True, eq=False)
class LinearEncoder:
    """Images of any size -> latents."""

    weights: torch.Tensor
    """[F, D]: from features to latents in standard deviations along independent axes (`Ground.whiten`)."""
    ground: Ground
    embed: Embed
    small_size: int
    """Side of the small images that are seen besides the embeddings."""

    @torch.no_grad()
    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Latents [N, D] of images [N, 3, H, W] in -1..1, float32 on the CPU."""
        check_shape("images", images, "N 3 H W")
        small = F.adaptive_avg_pool2d(images.float(), self.small_size).clamp(-1, 1)
        return self.ground.colour(_features(self.embed(images).float().cpu(), small.cpu()) @ self.weights)


@torch.no_grad()
def fit_encoder(ws: torch.Tensor, small: torch.Tensor, embeds: torch.Tensor, ground: Ground, embed: Embed) -> LinearEncoder:
    """The encoder of a generator, out of mapped codes.

    `ws` [N, D] are the codes, `small` [N, 3, h, h] and `embeds` [N, E] what they look like; `embed` gives the latter of other images.
    """
    check_shape("small", small, "N 3 H W", N=len(ws))
    seen = _features(embeds, small)
    ridge = _RIDGE * len(ws) * torch.eye(seen.shape[1])
    weights = torch.linalg.solve(seen.T @ seen + ridge, seen.T @ ground.whiten(ws))
    return LinearEncoder(weights, ground, embed, small.shape[2])


def _features(embeds: torch.Tensor, small: torch.Tensor) -> torch.Tensor:
    """What is regressed on, [N, F]: embeddings, points of the small image and their squares, and 1."""
    points = small.flatten(1)
    return torch.cat([embeds, points, points.square(), torch.ones(len(points), 1)], 1)
