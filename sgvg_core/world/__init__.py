"""The world: procedural landscapes in which sound and picture have one hidden cause.

A new scene is one file in `scenes`; the registry (`kinds`) finds it. What a seed gives must stay what it is: checkpoints were taught by it.
"""

from .captions import caption
from .clip import Clip, clip
from .envelopes import make_envelope
from .kinds import KINDS, SCENES, random_scene
from .render import render
from .scene import NUM_COMPOSITIONS, VALUES, Scene, SceneKind
from .synth import synth

__all__ = [
    "Clip",
    "KINDS",
    "NUM_COMPOSITIONS",
    "SCENES",
    "Scene",
    "SceneKind",
    "VALUES",
    "caption",
    "clip",
    "make_envelope",
    "random_scene",
    "render",
    "synth",
]
