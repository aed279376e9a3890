"""The mean of a generator's mapped codes, as latents."""

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from .generator import StyleGAN2Generator
    from .stylegan3 import StyleGAN3Generator


def mean_ws(generator: "StyleGAN2Generator | StyleGAN3Generator") -> torch.Tensor:
    """`w_avg` of a generator for each of its layers, [1, L, D], float32 on the CPU: a copy."""
    return generator.w_avg.detach().float().cpu().expand(1, generator.num_ws, -1).clone()
