"""Discriminators: for training D_V over clips, D_I over frames, and one over pictures beside a hint; and StyleGAN2's own."""

from .patches import HintedCritic, ImageCritic, VideoCritic
from .stylegan2 import StyleGAN2Discriminator

__all__ = [
    "HintedCritic",
    "ImageCritic",
    "StyleGAN2Discriminator",
    "VideoCritic",
]
