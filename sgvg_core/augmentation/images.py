"""Images under random colour, softness and noise."""

import torch
from torch.nn import functional as F


def augment_for_judge(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Images [N, 3, H, W] in -1..1 under random gain, gamma, hue, softness and noise, so that only what they show tells anything."""
    num = len(images)

    def uniform(low: float, high: float, *shape: int) -> torch.Tensor:
        return torch.rand(num, *shape, generator=generator) * (high - low) + low

    bright = (images / 2 + 0.5).clamp(1e-4, 1)
    bright = bright ** torch.exp(uniform(-0.6, 0.6, 1, 1, 1)) * uniform(0.6, 1.3, 1, 1, 1)
    bright = turn_hue(bright, uniform(-0.5, 0.5)) * uniform(0.85, 1.15, 3, 1, 1)
    soft = F.avg_pool2d(F.pad(bright, (1, 1, 1, 1), mode="replicate"), 3, 1)
    bright = torch.lerp(bright, soft, uniform(0, 1, 1, 1, 1) * (uniform(0, 1, 1, 1, 1) < 0.5))
    return (bright + 0.03 * torch.randn(bright.shape, generator=generator) * uniform(0, 1, 1, 1, 1)).clamp(0, 1) * 2 - 1


def turn_hue(images: torch.Tensor, angle: torch.Tensor) -> torch.Tensor:
    """Images [N, 3, H, W] with their colours turned about the grey axis by `angle` [N], in radians."""
    cos, sin = angle.cos()[:, None, None], angle.sin()[:, None, None]
    axis = torch.full((3,), 3**-0.5)
    cross = torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]) * 3**-0.5
    turn = cos * torch.eye(3) + sin * cross + (1 - cos) * torch.outer(axis, axis)
    return torch.einsum("nij,njhw->nihw", turn, images)


def augment_images(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Images [N, 3, H, W] in -1..1 under slight gain, gamma and hue, blurred or coarse at times, moved a little.

    So much that a generator's imperfect picture lands where the rendered one does, and so little that night stays night.
    """
    num, _, height, width = images.shape

    def uniform(low: float, high: float, *shape: int) -> torch.Tensor:
        return torch.rand(num, *shape, generator=generator) * (high - low) + low

    bright = (images / 2 + 0.5).clamp(1e-4, 1) ** torch.exp(uniform(-0.2, 0.2, 1, 1, 1)) * uniform(0.85, 1.15, 1, 1, 1)
    bright = turn_hue(bright, uniform(-0.15, 0.15)) * uniform(0.94, 1.06, 3, 1, 1)
    side = int(torch.randint(height // 3, height, (1,), generator=generator))
    coarse = F.interpolate(bright, (side, side), mode="bilinear", antialias=True, align_corners=False)
    coarse = F.interpolate(coarse, (height, width), mode="bilinear", align_corners=False)
    bright = torch.lerp(bright, coarse, (uniform(0, 1, 1, 1, 1) < 0.4).float() * uniform(0.3, 1, 1, 1, 1))
    down, right = (int(x) for x in torch.randint(-3, 4, (2,), generator=generator))
    bright = F.pad(bright, (3, 3, 3, 3), mode="replicate")[:, :, 3 + down: 3 + down + height, 3 + right: 3 + right + width]
    return (bright + 0.02 * torch.randn(bright.shape, generator=generator) * uniform(0, 1, 1, 1, 1)).clamp(0, 1) * 2 - 1
