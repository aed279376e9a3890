"""The recurrent walker: latents that move as a sound goes on."""

from .blocks import RecurrentWalker
from .rollout import DEFAULT_PULL, WalkSettings, WalkState, roll_out, take_step

__all__ = ["DEFAULT_PULL", "RecurrentWalker", "WalkSettings", "WalkState", "roll_out", "take_step"]
