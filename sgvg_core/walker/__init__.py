"""The recurrent walker: latents that move with a sound. Ours, the released one, one by formula (`analytic`), and either adapted to another generator.

`rollout.take_step` is the one place where a walk moves. Names of parameters are those of files.
"""

from .adapted import AdaptedWalker, AnyWalker
from .analytic import config_of_walker
from .blocks import Clock, RecurrentWalker, circle_point
from .released import ReleasedBlock, ReleasedWalker
from .rollout import DEFAULT_PULL, RELEASED_WALK, SettingsOfStep, WalkSettings, WalkState, roll_out, take_step

__all__ = [
    "AnyWalker",
    "DEFAULT_PULL",
    "AdaptedWalker",
    "Clock",
    "RELEASED_WALK",
    "RecurrentWalker",
    "ReleasedBlock",
    "ReleasedWalker",
    "SettingsOfStep",
    "WalkSettings",
    "WalkState",
    "circle_point",
    "config_of_walker",
    "roll_out",
    "take_step",
]
