"""The sound inversion encoder: sound to offsets in W+. Ours, the released one, and either fitted to another generator."""

from .encoder import SoundInversionEncoder
from .fitted import AnySoundEncoder, FittedSoundEncoder
from .in_order import hear_clips, hear_in_order, hear_part
from .released import ReleasedSoundEncoder

__all__ = ["AnySoundEncoder", "FittedSoundEncoder", "ReleasedSoundEncoder", "SoundInversionEncoder", "hear_clips", "hear_in_order",
           "hear_part"]
