"""Backbones that several networks of other people's files share: residual networks, their feature pyramid and heads of latents.

Sound inversion, the joint space's sound tower and image inversion are rooms that don't know one another; what they have in common
stands here, once, under plain names. Their files' own names are translated in `checkpoints.layouts`.
"""

from .heads import MapToStyle, WeightScaledLinear
from .pyramid import FeaturePyramid
from .residual import BasicBlock, ResidualSqueeze

__all__ = ["BasicBlock", "FeaturePyramid", "MapToStyle", "ResidualSqueeze", "WeightScaledLinear"]
