"""Discriminators: D_V over clips, D_I over frames, one of images with a hint, and StyleGAN2's own.

Networks alone; their losses are in `training.losses`. Names of parameters are those of saved states.
"""

from .patches import HintedCritic, ImageCritic, VideoCritic
from .stylegan2 import StyleGAN2Discriminator

__all__ = [
    "HintedCritic",
    "ImageCritic",
    "StyleGAN2Discriminator",
    "VideoCritic",
]
