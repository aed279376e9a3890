"""Pictures of the world: one file a kind paints it."""

import functools

import numpy as np
from numpy.typing import NDArray

from ..config import check_choice, check_range
from .kinds import KINDS, scene_kind
from .paint import Grid
from .scene import Frame, Scene


@functools.lru_cache(32)
def _painted(kind: str, scene: Scene, size: int) -> Frame:
    """The painter of a scene with its still layers done."""
    return scene_kind(kind).paint(Grid(size), scene)


def render(kind: str, scene: Scene, envelope: float, phase: float, size: int = 128) -> NDArray[np.uint8]:
    """One picture, uint8 [size, size, 3]: continuous in the envelope (0..1) and in the phase (turns; one turn comes back to the start).

    `kind` is one of `KINDS`; `size` is in pixels.
    """
    check_choice("kind", kind, KINDS)
    check_range("envelope", envelope, 0, 1)
    check_range("size", size, 16, 2048)
    image = _painted(kind, scene, size)(float(envelope), float(phase) % 1)
    return (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8).transpose(1, 2, 0)
