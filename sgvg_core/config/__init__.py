"""Configurations, one file a room: frozen, refusing unknown keys, within limits before anything is built from them.

They come from file headers, so they are read as hostile input: every number has a range. A module takes plain arguments with the
same names; only `assembly` unpacks a configuration into one. A new setting needs a default, so that older files open.
"""

from .audio import MEL_EDGES, MelConfig
from .checks import MAX_PART_PARAMETERS, check_choice, check_range
from .critics import CriticConfig, DiscriminatorConfig
from .embedding import NORMS, JointSpaceConfig, ReleasedSoundTowerConfig, SoundTowerConfig
from .image_inversion import ImageEncoderConfig
from .judge import JudgeConfig
from .reading import from_dict, to_json
from .sound_inversion import ReleasedSoundConfig, SoundInversionConfig
from .synthesis import MAX_GENERATOR_FEATURES, MAX_GENERATOR_PARAMETERS, CodeFeaturesConfig, GeneratorConfig, StyleGAN3Config
from .walker import ReleasedBlockConfig, ReleasedWalkerConfig, WalkerConfig

__all__ = [
    "CodeFeaturesConfig",
    "CriticConfig",
    "DiscriminatorConfig",
    "GeneratorConfig",
    "ImageEncoderConfig",
    "JointSpaceConfig",
    "JudgeConfig",
    "MAX_GENERATOR_FEATURES",
    "MAX_GENERATOR_PARAMETERS",
    "MAX_PART_PARAMETERS",
    "MEL_EDGES",
    "MelConfig",
    "NORMS",
    "ReleasedBlockConfig",
    "ReleasedSoundConfig",
    "ReleasedSoundTowerConfig",
    "ReleasedWalkerConfig",
    "SoundInversionConfig",
    "SoundTowerConfig",
    "StyleGAN3Config",
    "WalkerConfig",
    "check_choice",
    "check_range",
    "from_dict",
    "to_json",
]
