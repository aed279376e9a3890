"""Pictures from latents: StyleGAN2 and StyleGAN3 in plain torch, with the names and the numbers of NVIDIA's networks."""

from .centres import MAX_CENTRES, compute_centres, truncate
from .code_features import CodeFeatures
from .generator import StyleGAN2Generator
from .labels import Label, drawn_label, labels_of_codes, read_label
from .noise import NOISE_MODES
from .pose import ANCHORS, Pose, anchor_placement, pose_transforms
from .pose_keys import PoseKeys, read_pose, read_pose_table
from .rgb import as_rgb, rgb_pictures
from .stylegan3 import StyleGAN3Generator

Generator = StyleGAN2Generator | StyleGAN3Generator
"""Either: both have the same vocabulary, so that whoever maps and synthesizes needn't know which."""

__all__ = [
    "ANCHORS",
    "MAX_CENTRES",
    "NOISE_MODES",
    "CodeFeatures",
    "Generator",
    "Label",
    "Pose",
    "PoseKeys",
    "StyleGAN2Generator",
    "StyleGAN3Generator",
    "anchor_placement",
    "as_rgb",
    "compute_centres",
    "drawn_label",
    "labels_of_codes",
    "pose_transforms",
    "read_label",
    "read_pose",
    "read_pose_table",
    "rgb_pictures",
    "truncate",
]
