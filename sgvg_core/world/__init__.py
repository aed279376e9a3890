"""The world: procedural landscapes in which sound and picture have one hidden cause."""

from .captions import caption
from .clip import Clip, clip
from .disturb import disturb
from .envelopes import make_envelope
from .render import render
from .scene import KINDS, NUM_COMPOSITIONS, VALUES, Scene, random_scene
from .sounds import synth

__all__ = ["KINDS", "NUM_COMPOSITIONS", "VALUES", "Clip", "Scene", "caption", "clip", "disturb", "make_envelope", "random_scene", "render", "synth"]
