"""StyleGAN2 and StyleGAN3 in plain torch, with the names and the numbers of NVIDIA's networks: the networks alone.

What is done with them (starts, truncation centres, poses, frames) is in `generation`; their fast operations are in `kernels`.
"""

from .code_features import CodeFeatures
from .generator import StyleGAN2Generator
from .noise import NOISE_MODES
from .rgb import as_rgb, rgb_images
from .stylegan3 import StyleGAN3Generator

Generator = StyleGAN2Generator | StyleGAN3Generator
"""Either: both have the same vocabulary, so that whoever maps and synthesizes needn't know which."""

__all__ = [
    "CodeFeatures",
    "Generator",
    "NOISE_MODES",
    "StyleGAN2Generator",
    "StyleGAN3Generator",
    "as_rgb",
    "rgb_images",
]
