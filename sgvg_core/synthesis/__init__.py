"""Pictures from latents: StyleGAN2 and StyleGAN3 in plain torch, with the names and the numbers of NVIDIA's networks."""

from .centres import compute_centres, truncate
from .code_features import CodeFeatures
from .generator import StyleGAN2Generator
from .noise import NOISE_MODES
from .pose import ANCHORS, Pose, anchor_placement, pose_transforms
from .stylegan3 import StyleGAN3Generator

Generator = StyleGAN2Generator | StyleGAN3Generator
"""Either: both have the same vocabulary, so that whoever maps and synthesizes needn't know which."""

__all__ = [
    "ANCHORS",
    "NOISE_MODES",
    "CodeFeatures",
    "Generator",
    "Pose",
    "StyleGAN2Generator",
    "StyleGAN3Generator",
    "anchor_placement",
    "compute_centres",
    "pose_transforms",
    "truncate",
]
