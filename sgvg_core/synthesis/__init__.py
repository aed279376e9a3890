"""StyleGAN2 and StyleGAN3 in plain torch, with the names and the numbers of NVIDIA's networks: the networks alone.

What is done with them (starts, truncation centres, poses, frames) is in `generation`; their fast operations are in `kernels`.
"""

from .code_features import CodeFeatures
from .enlarged import ENLARGEMENTS, constant_for, enlarge
from .generator import StyleGAN2Generator
from .mean_latent import mean_ws
from .noise import NOISE_MODES
from .panorama import Panorama, paint_panorama
from .rgb import as_rgb, rgb_images
from .stylegan3 import StyleGAN3Generator
from .wide import paint_wide

Generator = StyleGAN2Generator | StyleGAN3Generator
"""Either: both have the same vocabulary, so that whoever maps and synthesizes needn't know which."""

__all__ = [
    "CodeFeatures",
    "ENLARGEMENTS",
    "Generator",
    "NOISE_MODES",
    "Panorama",
    "StyleGAN2Generator",
    "StyleGAN3Generator",
    "as_rgb",
    "constant_for",
    "enlarge",
    "mean_ws",
    "paint_panorama",
    "paint_wide",
    "rgb_images",
]
