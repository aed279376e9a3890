"""The one place where a generator's pictures become red, green and blue, whatever channels it was trained with."""

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from .generator import StyleGAN2Generator
    from .stylegan3 import StyleGAN3Generator


def as_rgb(images: torch.Tensor) -> torch.Tensor:
    """Images [N, C, H, W] with three channels: of grey ones the first thrice, of others the first three (without alpha)."""
    return images[:, :3] if images.shape[1] >= 3 else images[:, :1].expand(-1, 3, -1, -1)


def rgb_images(generator: "StyleGAN2Generator | StyleGAN3Generator", ws: torch.Tensor, **synthesis: Any) -> torch.Tensor:
    """What latents ws [N, L, D] look like, RGB [N, 3, H, W] in -1..1; differentiable. `synthesis` goes to the network.

    Everybody who looks at pictures takes them from here: films, judges, joint spaces, encoders, sheets. Only who compares them with the data
    that the generator was trained on takes its own channels.
    """
    return as_rgb(generator.synthesis(ws, **synthesis))
