"""The sound inversion encoder: sound to offsets in W+. Ours, the released one, and either fitted to another generator."""

from .adapted import AnySoundEncoder, FittedSoundEncoder
from .encoder import SoundInversionEncoder
from .encoder_config import config_of
from .released import ReleasedSoundEncoder
from .streaming import hear_clips, hear_in_order, hear_part

__all__ = [
    "AnySoundEncoder",
    "FittedSoundEncoder",
    "ReleasedSoundEncoder",
    "SoundInversionEncoder",
    "config_of",
    "hear_clips",
    "hear_in_order",
    "hear_part",
]
