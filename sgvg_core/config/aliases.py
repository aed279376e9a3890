"""Older names, read for good: of settings (in headers of weights, files of settings, states of trainings), of flags and of choices.

Nodes and their inputs have the ids they always had.
"""

import dataclasses
import functools
import itertools
import json
import types
import typing
from collections.abc import Collection, Mapping
from typing import Any

RENAMED: Mapping[str, Mapping[str, str]] = {
    "MelConfig": {
        "picture_mels": "resized_mels",
        "picture_frames": "resized_frames",
    },
    "SoundInversionConfig": {
        "picture_size": "log_mel_size",
    },
    "ReleasedSoundConfig": {
        "picture_size": "log_mel_size",
    },
    "JudgeConfig": {
        "picture_size": "image_size",
    },
    "CriticConfig": {
        "picture_size": "image_size",
    },
    "ImageEncoderConfig": {
        "picture_size": "image_size",
    },
    "JointSpaceConfig": {
        "picture_norm": "image_norm",
        "sound_statistics": "sound_texture",
    },
    "SoundTowerConfig": {
        "statistics": "texture",
    },
    "AdversarialConfig": {
        "path_every": "g_reg_interval",
        "r1_every": "d_reg_interval",
        "ema_pictures": "ema_images",
        "path_shrink": "pl_batch_shrink",
        "style_mixing": "style_mixing_prob",
        "critic_rate": "critic_lr",
        "generator_rate": "generator_lr",
    },
    "AugmentConfig": {
        "pictures_to_full": "images_to_full",
    },
    "ClipSgvgConfig": {
        "encoder_rate": "encoder_lr",
        "walker_rate": "walker_lr",
        "critic_rate": "critic_lr",
        "lost_at": "reset_distance",
        "steps_before": "burn_in_steps",
        "steps_of_others": "burn_in_steps_other_clips",
    },
    "SgvgTerms": {
        "sound_picture": "sound_image",
    },
    "WarmStart": {
        "rate": "lr",
    },
    "LabelSearch": {
        "rate": "lr",
    },
    "SoundFitSettings": {
        "rate": "lr",
    },
    "ClipJointSpaceConfig": {
        "rate": "lr",
        "wear": "augment",
    },
    "JointSpaceWeights": {
        "sound_picture": "sound_image",
        "contrastive_picture_text": "contrastive_image_text",
        "contrastive_sound_picture": "contrastive_sound_image",
    },
    "FinetuneConfig": {
        "encoder_rate": "encoder_lr",
        "walker_rate": "walker_lr",
        "critic_rate": "critic_lr",
        "steps_before": "burn_in_steps",
    },
    "TrainSettings": {
        "generator_rate": "generator_lr",
    },
    "DetailConfig": {
        "rate": "lr",
        "critic_rate": "critic_lr",
        "average_pictures": "ema_images",
        "r1_every": "d_reg_interval",
    },
    "JointSpaceRun": {
        "rate": "lr",
    },
    "WalkTraining": {
        "encoder_rate": "encoder_lr",
        "walker_rate": "walker_lr",
    },
}
"""The older name of a setting and its name now, for each class of settings."""

FLAGS: Mapping[str, tuple[str, ...]] = {"--init-from": ("--begin-with",)}
"""The older names of a command's flag."""

CHOICES: Mapping[str, str] = {"sound_picture": "sound_image"}
"""The older name of a choice that is given to a command, and its name now."""

ADDED: Mapping[str, Any] = {
    "clock": False,
    "compiled": False,
    "frozen_size": 0,
    "muon_lr": 0.0,
    "size": 0,
    "smaller_sizes": [],
    "smoothing_range": 0.06,
    "smoothing_seconds": 0.0,
    "square_weight": 0.0,
}
"""Settings that came later, with the value at which all is as it was before: a training that was begun without them resumes."""

_OLDER = sorted({old for names in RENAMED.values() for old in names})
_NEWER = {old: sorted({names[old] for names in RENAMED.values() if old in names}) for old in _OLDER}
_OLDEST = {new: old for old, names in _NEWER.items() for new in names}


def current_names(cls: type, data: Any) -> Any:
    """Plain data with the settings of the dataclass `cls`, and of those nested in it, under their present names.

    Where the older and the present name are both there, both stay, so that the older one is refused as unknown.
    """
    if not isinstance(data, Mapping):
        return data
    renamed = RENAMED.get(cls.__name__, {})
    named = {name if renamed.get(name, name) in data else renamed.get(name, name): value for name, value in data.items()}
    return {name: _nested(_types(cls).get(name), value) for name, value in named.items()}


def current_path(name: str, known: Collection[str]) -> str:
    """A dotted path of settings under their present names, if that is one of `known`; else as it is."""
    options = [(part, *_NEWER.get(part, ())) for part in name.split(".")]
    return name if name in known else next((path for path in map(".".join, itertools.product(*options)) if path in known), name)


def first_names(value: Any) -> Any:
    """Plain data with all keys under the first name they had, so that a fingerprint of settings stays what it was."""
    if isinstance(value, dict):
        return {_OLDEST.get(name, name): first_names(inner) for name, inner in value.items()}
    return [first_names(inner) for inner in value] if isinstance(value, list) else value


def flag_names(flag: str) -> tuple[str, ...]:
    """A flag of a command under its present name, and under those it had."""
    return (flag, *FLAGS.get(flag, ()))


def current_choice(choice: str) -> str:
    """A choice that was given to a command, under its present name."""
    return CHOICES.get(choice, choice)


def same_settings(before: Any, now: str) -> bool:
    """Whether two settings, stored as JSON, are the same but for older names of their keys, and for what was `ADDED`; other texts must be equal.

    `before` is what an older state holds, `now` the settings of this run.
    """
    if before == now:
        return True
    try:
        return _without_added(first_names(json.loads(before))) == _without_added(first_names(json.loads(now)))
    except (TypeError, ValueError):
        return False


def _without_added(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_added(inner) for name, inner in value.items() if name not in ADDED or ADDED[name] != inner}
    return [_without_added(inner) for inner in value] if isinstance(value, list) else value


@functools.cache
def _types(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls) if dataclasses.is_dataclass(cls) else {}


def _nested(wanted: Any, value: Any) -> Any:
    options = typing.get_args(wanted) if typing.get_origin(wanted) in (types.UnionType, typing.Union) else (wanted,)
    nested = next((option for option in options if dataclasses.is_dataclass(option)), None)
    return current_names(nested, value) if isinstance(nested, type) else value

