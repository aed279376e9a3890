"""Pictures, latents and films changed towards a sound, a text or a picture: targets -> edits -> shifts of latents -> an edited trajectory."""

from .apply import EditedWalk, LinearShift, ResolvedEdit, Shift, StillWalk, apply_edits
from .directions import Direction, load_direction, save_direction
from .edits import WAYS, Edit, layer_mask
from .found_directions import direction_between, direction_by_name, direction_to
from .joint_map import JointMap, joint_map, weights_hash
from .mixing import MixedWalk, layer_weights, mix_ws
from .parsing import parse_edit, read_curve, read_edits, read_layers
from .regions import PlacedEdits, Region, edited_walk, place_edits, read_mask, synthesize_edited
from .resolve import ResolveSettings, resolve_edits, walk_edit
from .shifts import KnotShift
from .smoothing import gaussian_kernel, smoothed
from .sources import (
    LATENT_ENDINGS,
    Source,
    delta_generator,
    invert_with_model,
    load_noise,
    load_source,
    named_distance,
    noise_generator,
    noise_model,
    perceptual_of,
    save_source,
    show,
    tuned_model,
)
from .stills import EditedStill, edit_still, strength_strip
from .targets import Target, TargetPart, load_embedding, save_embedding
from .understanding import Understood, understand
from .video import FrameInverter, InversionLog, VideoEditSettings, edit_video, inverted_frames

__all__ = [
    "Direction",
    "Edit",
    "EditedStill",
    "EditedWalk",
    "FrameInverter",
    "InversionLog",
    "JointMap",
    "KnotShift",
    "LATENT_ENDINGS",
    "LinearShift",
    "MixedWalk",
    "PlacedEdits",
    "Region",
    "ResolveSettings",
    "ResolvedEdit",
    "Shift",
    "Source",
    "StillWalk",
    "Target",
    "TargetPart",
    "Understood",
    "VideoEditSettings",
    "WAYS",
    "apply_edits",
    "delta_generator",
    "direction_between",
    "direction_by_name",
    "direction_to",
    "edit_still",
    "edit_video",
    "edited_walk",
    "gaussian_kernel",
    "invert_with_model",
    "inverted_frames",
    "joint_map",
    "layer_mask",
    "layer_weights",
    "load_direction",
    "load_embedding",
    "load_noise",
    "load_source",
    "named_distance",
    "mix_ws",
    "noise_generator",
    "noise_model",
    "parse_edit",
    "perceptual_of",
    "place_edits",
    "read_curve",
    "read_edits",
    "read_layers",
    "read_mask",
    "resolve_edits",
    "save_direction",
    "save_embedding",
    "save_source",
    "show",
    "smoothed",
    "strength_strip",
    "synthesize_edited",
    "tuned_model",
    "understand",
    "walk_edit",
    "weights_hash",
]
