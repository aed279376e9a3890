"""Pictures from latents: StyleGAN2 in plain torch, with the names and the numbers of NVIDIA's networks."""

from .code_features import CodeFeatures
from .generator import StyleGAN2Generator
from .noise import NOISE_MODES

__all__ = ["NOISE_MODES", "CodeFeatures", "StyleGAN2Generator"]
