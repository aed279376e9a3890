"""The registry of scenes: every file in `scenes` is one, and nothing else has to know of it.

The nine of the paper's data come first, in its order, which codes and checkpoints depend on; further ones follow by the names of their files.
"""

import importlib
import pkgutil

import numpy as np

from ..config import check_choice
from . import scenes
from .scene import NUM_COMPOSITIONS, VALUES, Scene, SceneKind

_FIRST = ("thunderstorm", "waterfall", "volcano", "squishing", "wind", "fire", "raining", "underwater", "splashing")
_MORE = sorted(module.name for module in pkgutil.iter_modules(scenes.__path__) if module.name not in _FIRST)

SCENES: tuple[SceneKind, ...] = tuple(importlib.import_module(f".scenes.{name}", __package__).SCENE for name in (*_FIRST, *_MORE))

KINDS = tuple(scene.name for scene in SCENES)
"""The names of the scenes. A code's numbers and a judge's classes are in this order."""

_BY_NAME = {scene.name: scene for scene in SCENES}


def scene_kind(kind: str) -> SceneKind:
    """The scene of this name. Raises ConfigError for an unknown one."""
    check_choice("kind", kind, KINDS)
    return _BY_NAME[kind]


def random_scene(kind: str, seed: int) -> Scene:
    """A scene of a kind, the same for the same seed."""
    check_choice("kind", kind, KINDS)
    rng = np.random.default_rng([KINDS.index(kind), seed & 0xFFFFFFFFFFFFFFFF, 77])
    return Scene(int(rng.integers(NUM_COMPOSITIONS)), *rng.random(len(VALUES)).tolist())
