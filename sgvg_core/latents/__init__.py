"""Latents in W+: layer groups, distances, interpolation between steps, and latents of one generator as those of another.

Pure functions on tensors [T, L, D]; nothing here knows a generator.
"""

from .distance import distance_out, latent_scale
from .groups import GROUPS, group_slices
from .interpolation import interpolate_ws
from .layer_map import FAMILIES, LatentAxis, layer_map, map_latents, map_slices

__all__ = [
    "FAMILIES",
    "GROUPS",
    "LatentAxis",
    "distance_out",
    "group_slices",
    "interpolate_ws",
    "latent_scale",
    "layer_map",
    "map_latents",
    "map_slices",
]
