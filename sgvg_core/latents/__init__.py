"""Latents in W+: layer groups, distances, interpolation between steps, and latents of one generator as those of another.

Pure functions on tensors [T, L, D]; nothing here knows a generator.
"""

from .distance import distance_out, latent_scale
from .groups import GROUPS, group_layers, group_slices
from .interpolation import interpolate_ws
from .layer_map import FAMILIES, LatentAxis, layer_map, map_latents, map_slices
from .walks import (
    ChangedWalk,
    LatentWalk,
    StoredWalk,
    WalkEdit,
    WalksSideBySide,
    WrappedWalk,
    edited,
    held_rows,
    on_another,
    origin_of,
    parts_of,
    start_of,
)

__all__ = [
    "ChangedWalk",
    "FAMILIES",
    "GROUPS",
    "LatentAxis",
    "LatentWalk",
    "StoredWalk",
    "WalkEdit",
    "WalksSideBySide",
    "WrappedWalk",
    "distance_out",
    "edited",
    "group_layers",
    "group_slices",
    "held_rows",
    "on_another",
    "interpolate_ws",
    "latent_scale",
    "layer_map",
    "map_latents",
    "map_slices",
    "origin_of",
    "parts_of",
    "start_of",
]
