"""Settings of trainings on own data, by the names of presets: what differs from a setting's own default.

Plain numbers, so that this room knows no trainer; the trainers' configurations read them by `config.from_dict`, with its checks.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from .models import LANDSCAPES, PAPER_SOUND_INVERSION, PAPER_WALKER

Numbers = Mapping[str, Mapping[str, Any]]

PRESET_NAMES = ("paper", "small", "tiny")
"""`paper`: the authors' sizes, for GPUs. `small`: the bundled model's, one GPU or a patient CPU. `tiny`: minutes on a CPU, to see that all runs."""

ADVERSARIAL: Numbers = {
    "paper": {
        "size": 256, "channel_base": 16_384, "channel_max": 512, "z_dim": 512, "w_dim": 512, "mapping_layers": 8, "batch": 64,
        "mbstd_group_size": 8, "r1_gamma": 1.0, "ema_images": 20_000.0, "ema_ramp": None, "mirror": True,
    },
    "small": {},
    "tiny": {
        "size": 32, "channel_base": 512, "channel_max": 32, "z_dim": 32, "w_dim": 32, "batch": 8, "ema_images": 500.0,
        "augment": {"images_to_full": 20_000},
    },
}  # fmt: skip
"""A generator against its discriminator. `paper`: StyleGAN2-ADA's own settings for 256 px ("paper256"), days on a GPU. `small`: 128 px.
`tiny`: 32 px."""

CLIP_JOINT_SPACE: Numbers = {
    "paper": {
        "onto": "open_clip:ViT-B-32@openai",
        "space": {"sound_widths": (32, 64, 128, 256), "sound_texture": 256, "sound_norm": "item", "mel": {}},
        "weights": {"contrastive_image_text": 0.0, "sound_image": 1.0, "sound_text": 1.0},
        "batch": 128, "num_steps": 50_000, "lr": 5e-4, "warm_up": 1000,
    },
    "small": {},
    "tiny": {"batch": 16, "num_steps": 200, "warm_up": 10, "test_every": 50, "num_test": 64, "num_merges": 100},
}  # fmt: skip
"""The joint space. `paper`: F_a onto CLIP's ViT-B/32, as the authors did, hearing the paper's 10 s windows. `small`: all towers from nothing,
for thousands of clips, about an hour on a CPU."""

_LONG_WALKS = {"burn_in_steps_other_clips": (0, 24, 84), "reset_distance": 2.5}
"""Walks of up to nine seconds; six hundred random latents lay up to 1.7 out."""

CLIP_SGVG: Numbers = {
    "paper": {
        "encoder": dataclasses.asdict(PAPER_SOUND_INVERSION),
        "walker": dataclasses.asdict(PAPER_WALKER),
        "mel": {},
        "critics": {"image_size": 128, "image_widths": (64, 128, 256, 512), "video_widths": (64, 128, 256, 512)},
        "encoder_lr": 5e-4, "batch": 8, "num_steps": 100_000, **_LONG_WALKS,
    },
    "small": _LONG_WALKS,
    "tiny": {
        "encoder": dataclasses.asdict(
            dataclasses.replace(LANDSCAPES.sound_encoder, depths=(1, 1, 1, 1), widths=(8, 16, 24, 32), pyramid_width=16)
        ),
        "walker": dataclasses.asdict(dataclasses.replace(LANDSCAPES.walker, hidden=48, clock=False)),
        "critics": {"image_size": 32, "image_widths": (8, 16), "video_widths": (8, 16), "num_frames": 4},
        "warm_start": {"search": {"num_codes": 48, "num_steps": 10}, "num_steps": 60, "batch": 24, "lr": 3e-3},
        "critic_lr": 2e-3, "batch": 2, "num_steps": 60, "burn_in_steps": (0, 8), "share_every": 10, **_LONG_WALKS,
    },
}  # fmt: skip
"""E_a and the walker. `paper`: the paper's networks, its rates and its 10 s windows. `small`: the bundled model's networks. In `tiny` D_V and
D_I learn ten times as fast, for they have few steps to become of use."""

LABELLED_SOUNDS: Numbers = {
    "paper": {"search": {"num_codes": 2000, "num_steps": 300, "batch": 8}, "num_steps": 3000, "variants": 8},
    "small": {},
    "tiny": {"search": {"num_codes": 32, "num_steps": 8}, "num_steps": 60, "batch": 24, "lr": 3e-3, "variants": 2},
}
"""E_a and a walker from labelled sounds. `paper`: long, for a large generator on a GPU. `small`: a few minutes on a CPU."""
