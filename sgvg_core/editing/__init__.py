"""Pictures, latents and films changed towards a sound, a text or a picture: targets -> edits -> shifts of latents -> an edited trajectory."""

from .apply import EditedWalk, LinearShift, ResolvedEdit, Shift, StillWalk, Trajectory, apply_edits
from .directions import Direction, load_direction, save_direction
from .edits import Edit, layer_mask
from .joint_map import JointMap, joint_map
from .parsing import parse_edit, read_edits
from .resolve import ResolveSettings, resolve_edits, walk_edit
from .shifts import KnotShift
from .sources import LATENT_ENDINGS, Source, invert_with_model, load_source, save_source, show
from .stills import EditedStill, edit_still, strength_strip
from .targets import Target, TargetPart, load_embedding, save_embedding
from .understanding import Understood, understand

__all__ = [
    "Direction",
    "Edit",
    "EditedStill",
    "EditedWalk",
    "JointMap",
    "KnotShift",
    "LATENT_ENDINGS",
    "LinearShift",
    "ResolveSettings",
    "ResolvedEdit",
    "Shift",
    "Source",
    "StillWalk",
    "Target",
    "TargetPart",
    "Trajectory",
    "Understood",
    "apply_edits",
    "edit_still",
    "invert_with_model",
    "joint_map",
    "layer_mask",
    "load_direction",
    "load_embedding",
    "load_source",
    "parse_edit",
    "read_edits",
    "resolve_edits",
    "save_direction",
    "save_embedding",
    "save_source",
    "show",
    "strength_strip",
    "understand",
    "walk_edit",
]
