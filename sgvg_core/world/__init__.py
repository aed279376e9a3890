"""The world: procedural landscapes in which sound and picture have one hidden cause."""

from .captions import caption
from .clip import Clip, clip
from .envelopes import make_envelope
from .render import render
from .scene import KINDS, NUM_COMPOSITIONS, VALUES, Scene, random_scene
from .sounds import synth

__all__ = [
    "Clip",
    "KINDS",
    "NUM_COMPOSITIONS",
    "Scene",
    "VALUES",
    "caption",
    "clip",
    "make_envelope",
    "random_scene",
    "render",
    "synth",
]
