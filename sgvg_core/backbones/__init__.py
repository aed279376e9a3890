"""Backbones that several networks of other people's files share: residual networks, their feature pyramid and heads of latents; the
texture of a sound and the course of its loudness; and normalisation that looks at one item alone.

Sound inversion, the joint space's sound tower and image inversion are rooms that don't know one another; what they have in common
is here, once, under plain names. Their files' own names are translated in `checkpoints.layouts`.
"""

from .heads import MapToStyle, WeightScaledLinear
from .item_norm import measure_norms, normalise_items
from .pyramid import FeaturePyramid
from .residual import BasicBlock, ResidualSqueeze, SqueezeExcite
from .texture import NUM_LOUDNESSES, SoundTexture, loudness_course

__all__ = [
    "BasicBlock",
    "FeaturePyramid",
    "MapToStyle",
    "NUM_LOUDNESSES",
    "ResidualSqueeze",
    "SoundTexture",
    "SqueezeExcite",
    "WeightScaledLinear",
    "loudness_course",
    "measure_norms",
    "normalise_items",
]
