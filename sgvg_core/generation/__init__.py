"""Sound in, film out: sound -> start -> trajectory -> render -> film, each a file.

Everything streams: a film of an hour needs no more memory than one of a second.

Names are imported on first use: training needs sounds and trajectories, and no package that reads media.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..pixels import to_uint8
    from .centres import MAX_CENTRES, compute_centres, truncate
    from .class_labels import Label, drawn_label, labels_of_codes, read_label
    from .film import GeneratedVideo, generate, walk_of_sound, write_film
    from .listening import SoundLabels, classify_sound
    from .pose import ANCHORS, Pose, anchor_placement, pose_transforms
    from .pose_keys import PoseKeys, read_pose, read_pose_table
    from .render import NOISE_MODES, RenderSettings, final_size, frames, images_of, resize, size_of_image, synthesize
    from .seeded_start import random_start
    from .settings import GenerateSettings, StartSettings
    from .sound import AnalysedSound, Sound, analyse_sound
    from .sound_embedding import embed_sound
    from .text_constraint import Prompt, RankedStarts, candidates_sheet, choose_start, read_prompts
    from .trajectory import Walk
    from .walk_render import driven_render, numbers_of, sound_of_walk

__all__ = [
    "ANCHORS",
    "GenerateSettings",
    "GeneratedVideo",
    "AnalysedSound",
    "Label",
    "SoundLabels",
    "MAX_CENTRES",
    "NOISE_MODES",
    "Pose",
    "PoseKeys",
    "Prompt",
    "RankedStarts",
    "RenderSettings",
    "Sound",
    "StartSettings",
    "Walk",
    "anchor_placement",
    "candidates_sheet",
    "choose_start",
    "compute_centres",
    "drawn_label",
    "driven_render",
    "embed_sound",
    "size_of_image",
    "final_size",
    "frames",
    "generate",
    "analyse_sound",
    "labels_of_codes",
    "numbers_of",
    "classify_sound",
    "images_of",
    "pose_transforms",
    "random_start",
    "read_label",
    "read_pose",
    "read_pose_table",
    "read_prompts",
    "resize",
    "sound_of_walk",
    "synthesize",
    "to_uint8",
    "truncate",
    "walk_of_sound",
    "write_film",
]

_HOME = {
    "ANCHORS": ".pose",
    "GenerateSettings": ".settings",
    "GeneratedVideo": ".film",
    "AnalysedSound": ".sound",
    "Label": ".class_labels",
    "SoundLabels": ".listening",
    "MAX_CENTRES": ".centres",
    "NOISE_MODES": ".render",
    "Pose": ".pose",
    "PoseKeys": ".pose_keys",
    "Prompt": ".text_constraint",
    "RankedStarts": ".text_constraint",
    "RenderSettings": ".render",
    "Sound": ".sound",
    "StartSettings": ".settings",
    "Walk": ".trajectory",
    "anchor_placement": ".pose",
    "candidates_sheet": ".text_constraint",
    "choose_start": ".text_constraint",
    "compute_centres": ".centres",
    "driven_render": ".walk_render",
    "numbers_of": ".walk_render",
    "sound_of_walk": ".walk_render",
    "drawn_label": ".class_labels",
    "embed_sound": ".sound_embedding",
    "size_of_image": ".render",
    "final_size": ".render",
    "frames": ".render",
    "generate": ".film",
    "analyse_sound": ".sound",
    "labels_of_codes": ".class_labels",
    "classify_sound": ".listening",
    "images_of": ".render",
    "pose_transforms": ".pose",
    "random_start": ".seeded_start",
    "read_label": ".class_labels",
    "read_pose": ".pose_keys",
    "read_pose_table": ".pose_keys",
    "read_prompts": ".text_constraint",
    "resize": ".render",
    "synthesize": ".render",
    "to_uint8": "..pixels",
    "truncate": ".centres",
    "walk_of_sound": ".film",
    "write_film": ".film",
}
"""Where each name lives."""


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name], __name__), name)
