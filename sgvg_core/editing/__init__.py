"""Pictures, latents and films changed towards a sound, a text or a picture: targets -> edits -> shifts of latents -> an edited trajectory."""

from .apply import EditedWalk, LinearShift, ResolvedEdit, Shift, StillWalk, Trajectory, apply_edits
from .directions import Direction, load_direction, save_direction
from .edits import Edit, layer_mask
from .parsing import parse_edit, read_edits
from .targets import EmbeddedTarget, Target, TargetPart, embed_target, load_embedding, save_embedding

__all__ = [
    "Direction",
    "Edit",
    "EditedWalk",
    "EmbeddedTarget",
    "LinearShift",
    "ResolvedEdit",
    "Shift",
    "StillWalk",
    "Target",
    "TargetPart",
    "Trajectory",
    "apply_edits",
    "embed_target",
    "layer_mask",
    "load_direction",
    "load_embedding",
    "parse_edit",
    "read_edits",
    "save_direction",
    "save_embedding",
]
