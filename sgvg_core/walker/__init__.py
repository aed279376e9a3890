"""The recurrent walker: latents that move as a sound goes on. Ours, the released one, and either fitted to another generator."""

from .blocks import RecurrentWalker
from .fitted import AnyWalker, FittedWalker
from .released import ReleasedBlock, ReleasedWalker
from .rollout import DEFAULT_PULL, RELEASED_WALK, WalkSettings, WalkState, roll_out, take_step

__all__ = [
    "AnyWalker",
    "DEFAULT_PULL",
    "FittedWalker",
    "RELEASED_WALK",
    "RecurrentWalker",
    "ReleasedBlock",
    "ReleasedWalker",
    "WalkSettings",
    "WalkState",
    "roll_out",
    "take_step",
]
