"""The sound inversion encoder: sound to offsets in W+. Ours, the released one, and either adapted to another generator.

`streaming` is how sounds of any length go through, `smoothing` what keeps them from trembling; how windows are batched changes nothing. Names of
parameters are those of files.
"""

from .adapted import AdaptedSoundEncoder, AnySoundEncoder
from .encoder import SoundInversionEncoder
from .encoder_config import config_of_encoder
from .released import ReleasedSoundEncoder
from .smoothing import smoothing_reach
from .streaming import encode_clips, encode_stream, hear_part

__all__ = [
    "AnySoundEncoder",
    "AdaptedSoundEncoder",
    "ReleasedSoundEncoder",
    "SoundInversionEncoder",
    "config_of_encoder",
    "encode_clips",
    "encode_stream",
    "hear_part",
    "smoothing_reach",
]
