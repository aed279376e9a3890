"""The recurrent walker: latents that move as a sound goes on."""

from .blocks import RecurrentWalker
from .rollout import WalkSettings, WalkState, roll_out, take_step

__all__ = ["RecurrentWalker", "WalkSettings", "WalkState", "roll_out", "take_step"]
