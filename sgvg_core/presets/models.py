"""Named sizes: numbers with their source, nothing else."""

import dataclasses
from collections.abc import Mapping

from ..config import (
    CodeFeaturesConfig,
    GeneratorConfig,
    JointSpaceConfig,
    JudgeConfig,
    MelConfig,
    SoundInversionConfig,
    WalkerConfig,
)


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """The parts of one sound-to-video model, made for each other: the encoder and walker fit the generator's num_ws and w_dim."""

    mel: MelConfig
    generator: GeneratorConfig
    joint_space: JointSpaceConfig
    sound_encoder: SoundInversionConfig
    walker: WalkerConfig
    judge: JudgeConfig


LANDSCAPES = ModelConfig(
    mel=JointSpaceConfig().mel,
    generator=GeneratorConfig(
        img_resolution=256,
        channels=(256, 256, 256, 128, 64, 32, 16),
        z_dim=64,
        w_dim=256,
        mapping_layers=4,
        mapping_lr_multiplier=1.0,
        code_features=CodeFeaturesConfig(),
        smaller_sizes=(128,),
    ),
    joint_space=JointSpaceConfig(sound_texture=128),
    sound_encoder=SoundInversionConfig(
        num_ws=14,
        w_dim=256,
        log_mel_size=64,
        depths=(1, 1, 2, 1),
        widths=(24, 48, 80, 128),
        pyramid_width=64,
        segment_rate=12.0,
        stem_stride=2,
        texture=64,
        texture_reach=1.5,
        smoothing_seconds=0.2,
    ),
    walker=WalkerConfig(num_ws=14, w_dim=256, hidden=256, walk_rate=12.0, clock=True),
    judge=JudgeConfig(),
)
"""The bundled model: nine landscapes at 256 px, and at 128 px by the first blocks alone."""

TINY = ModelConfig(
    mel=LANDSCAPES.mel,
    generator=GeneratorConfig(img_resolution=32, channels=(16, 16, 16, 8), z_dim=16, w_dim=24, mapping_layers=2, mapping_lr_multiplier=1.0),
    joint_space=dataclasses.replace(LANDSCAPES.joint_space),
    sound_encoder=dataclasses.replace(
        LANDSCAPES.sound_encoder,
        num_ws=8,
        w_dim=24,
        depths=(1, 1, 1, 1),
        widths=(8, 8, 8, 8),
        pyramid_width=8,
        stem_stride=1,
        texture=4,
        texture_reach=0.25,
        smoothing_seconds=0.0,
    ),
    walker=WalkerConfig(num_ws=8, w_dim=24, hidden=16, walk_rate=12.0),
    judge=LANDSCAPES.judge,
)
"""A model of the real classes that builds in milliseconds; with random weights it serves the tests."""

TINY_WORLD = dataclasses.replace(
    TINY,
    generator=dataclasses.replace(TINY.generator, z_dim=64, code_features=CodeFeaturesConfig()),
    walker=dataclasses.replace(TINY.walker, clock=True),
)
"""The same with codes that the world can read: every stage of training runs on it in seconds."""

WORLD_MODELS: Mapping[str, ModelConfig] = {"landscapes": LANDSCAPES, "tiny": TINY_WORLD}
"""What the procedural world can teach, by the names of `train --preset`."""

PAPER_SOUND_INVERSION = SoundInversionConfig()
"""E_a at the paper's size: IR-SE-50 on 256 x 256 log-mel spectrograms of 10 s, 16 latents of 512 (paper 3.1; released weights)."""

PAPER_WALKER = WalkerConfig(num_ws=16, w_dim=512, hidden=512, num_layers=5)
"""Recurrent blocks of five layers with 512 hidden numbers (released code)."""
