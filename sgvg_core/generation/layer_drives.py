"""Curves that move layers: bass the coarse ones, treble the fine ones; or four stems, each its own direction and layers."""

import dataclasses
from collections.abc import Sequence

import torch

from ..config import check_range
from ..curves.curve import Curve
from ..errors import ConfigError
from ..latents import GROUPS, LatentWalk, WalkEdit, group_layers, group_slices
from ..motion import Displacement
from ..motion.latent_edits import layer_mask
from ..synthesis import Generator
from .spread import direction_of


@dataclasses.dataclass(frozen=True)
class LayerDrive:
    """What one curve does to some layers: at 1 they're moved by the whole of `strength` times the direction."""

    curve: Curve
    """0..1 usually."""
    direction: str = "pca 0"
    """See `spread.direction_of`."""
    layers: tuple[str | int, ...] = GROUPS
    """Groups (coarse, mid, fine: the first quarter of the latents, the second, the rest) or numbers of latents, from 0."""
    strength: float = 1.0

    def __post_init__(self) -> None:
        check_range("strength", self.strength, -20, 20)


BAND_DRIVES = {"coarse": ("bass", "pca 0", 2.5), "mid": ("mid", "pca 1", 1.0), "fine": ("high", "pca 0", 2.5)}
"""Which band moves each group, along which direction, how strongly: what bass moves is layout and large light, what treble moves is fine."""


def quarter_slices(num_ws: int) -> dict[str, slice]:
    """Coarse, mid and fine of a generator of any number of latents: bounds (3, 6) of 12, (4, 7) of 14, (4, 8) of 16, (4, 9) of 18."""
    return group_slices((round(num_ws / 4), num_ws // 2), num_ws)


def drive_layers(generator: Generator, walk: LatentWalk, drives: Sequence[LayerDrive], start_ws: torch.Tensor) -> LatentWalk:
    """The walk with the layers of each of `drives` moved by its curve.

    `generator` says which latents its directions are measured in; `start_ws` [1, L, D] is where the walk begins. Raises ConfigError.
    """
    slices = quarter_slices(generator.num_ws)
    for number, drive in enumerate(drives, start=1):
        try:
            mask = layer_mask(group_layers(slices, drive.layers), generator.num_ws)
            direction = direction_of(generator, drive.direction, start_ws) * mask[:, None]
        except ConfigError as error:
            raise ConfigError(f"drive {number}: {error}") from error
        edit: WalkEdit = Displacement(drive.strength * direction, drive.curve)
        walk = edit(walk)
    return walk
