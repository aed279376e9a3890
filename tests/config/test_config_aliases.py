"""Older names of settings are read for good: headers of weights, files of settings, states of trainings."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from sgvg_core import config
from sgvg_core.config import GeneratorConfig, SoundInversionConfig, WalkerConfig, from_dict
from sgvg_core.config.aliases import ADDED, RENAMED, current_names, current_path, same_settings
from sgvg_core.errors import ConfigError
from sgvg_core.training.clips.adversarial_config import AdversarialConfig
from sgvg_core.training.clips.joint_space_config import CLIP_JOINT_SPACE_PRESETS, ClipJointSpaceConfig
from sgvg_core.training.clips.sgvg_config import CLIP_SGVG_PRESETS, ClipSgvgConfig
from sgvg_core.training.runs.settings import read_stage_config
from sgvg_core.training.world.detail_finetune import DetailConfig

HEADERS = json.loads(Path(__file__).with_name("headers_of_first_models.json").read_text())
KINDS = {
    "generator": config.GeneratorConfig,
    "sound_encoder": config.SoundInversionConfig,
    "walker": config.WalkerConfig,
    "joint_space": config.JointSpaceConfig,
    "judge": config.JudgeConfig,
}


def first_names(value: Any, cls: type) -> Any:
    """Plain settings of `cls` under the names they had first."""
    oldest = {new: old for old, new in RENAMED.get(cls.__name__, {}).items()}
    types = {field.name: field for field in dataclasses.fields(cls)}
    default = cls() if all(f.default is not dataclasses.MISSING or f.default_factory is not dataclasses.MISSING for f in types.values()) else None
    return {
        oldest.get(name, name): first_names(inner, type(getattr(default, name))) if dataclasses.is_dataclass(getattr(default, name, None)) else inner
        for name, inner in value.items()
    }


@pytest.mark.parametrize("part", sorted(HEADERS))
def test_headers_of_the_first_models_are_read(part: str) -> None:
    stored = HEADERS[part]["config"]
    read = from_dict(KINDS[part], stored, part)
    now = dataclasses.asdict(read)
    renamed = RENAMED.get(KINDS[part].__name__, {})
    assert {renamed.get(name, name) for name in stored} <= set(now)
    for name, value in stored.items():
        if not isinstance(value, dict):
            assert json.loads(json.dumps(now[renamed.get(name, name)])) == value


def test_the_sound_settings_inside_a_header_are_read() -> None:
    mel = from_dict(config.MelConfig, {"picture_mels": 48, "picture_frames": 40}, "mel")
    assert (mel.resized_mels, mel.resized_frames) == (48, 40)
    assert from_dict(config.JointSpaceConfig, HEADERS["joint_space"]["config"], "space").mel.resized_mels == 64


@pytest.mark.parametrize("cls", [AdversarialConfig, ClipSgvgConfig, ClipJointSpaceConfig])
def test_older_files_of_settings_mean_the_same(cls: type) -> None:
    presets = {AdversarialConfig: {}, ClipSgvgConfig: CLIP_SGVG_PRESETS, ClipJointSpaceConfig: CLIP_JOINT_SPACE_PRESETS}[cls]
    settings = presets.get("tiny", cls())
    now = dataclasses.asdict(settings)
    older = first_names(now, cls)
    assert older != now
    assert from_dict(cls, json.loads(json.dumps(older)), "older") == settings


def test_older_names_in_single_changes(tmp_path: Path) -> None:
    changed = read_stage_config(CLIP_SGVG_PRESETS, preset="tiny", changes=["walker_rate=0.25", "warm_start.rate=0.5"])
    assert (changed.walker_lr, changed.warm_start.lr) == (0.25, 0.5)
    file = tmp_path / "settings.json"
    file.write_text('{"steps_before": [0, 3], "lost_at": 9.0}')
    read = read_stage_config(CLIP_SGVG_PRESETS, preset="tiny", file=file)
    assert (read.burn_in_steps, read.reset_distance) == ((0, 3), 9.0)


def test_both_names_at_once_are_refused() -> None:
    with pytest.raises(ConfigError, match="picture_size"):
        from_dict(config.JudgeConfig, {"picture_size": 64, "image_size": 64}, "judge")


def test_states_of_older_trainings_fit_their_settings() -> None:
    assert current_path(".space.picture_norm", {".space.image_norm"}) == ".space.image_norm"
    assert current_path(".batch", {".batch"}) == ".batch"
    before = json.dumps([{"picture_size": 64, "rate": 0.1}, 5], sort_keys=True)
    assert same_settings(before, json.dumps([{"image_size": 64, "lr": 0.1}, 5], sort_keys=True))
    assert not same_settings(before, json.dumps([{"image_size": 65, "lr": 0.1}, 5], sort_keys=True))
    assert not same_settings(None, before)


def test_a_run_that_was_begun_before_a_setting_came_resumes_where_the_setting_does_nothing() -> None:
    before = json.dumps([{"img_resolution": 64, "widths": [{"w_dim": 2}]}])
    assert same_settings(before, json.dumps([{"img_resolution": 64, "smaller_sizes": [], "widths": [{"w_dim": 2, "clock": False}]}]))
    assert not same_settings(before, json.dumps([{"img_resolution": 64, "smaller_sizes": [32], "widths": [{"w_dim": 2}]}]))
    assert not same_settings(json.dumps([{"muon_lr": 0.01}]), json.dumps([{"muon_lr": 0.0}]))


def test_what_was_added_is_a_setting_with_that_default() -> None:
    classes: tuple[Any, ...] = (WalkerConfig, SoundInversionConfig, GeneratorConfig, DetailConfig)
    defaults = [{field.name: field.default for field in dataclasses.fields(cls)} for cls in classes]
    for name, value in ADDED.items():
        assert any(name in known and json.loads(json.dumps(known[name])) == value for known in defaults), name


def test_nothing_else_is_renamed() -> None:
    assert current_names(config.WalkerConfig, {"hidden": 3}) == {"hidden": 3}
    assert current_names(config.WalkerConfig, "text") == "text"


def test_every_alias_leads_to_a_setting() -> None:
    from sgvg_core.augmentation import adaptive
    from sgvg_core.guidance import few_shot_fit, label_directions
    from sgvg_core.training.clips import adversarial_config, joint_space_config, sgvg_config
    from sgvg_core.training.world import detail_finetune, paper_losses, stages, walker_warmup
    from sgvg_core.training.world import joint_space as taught_space

    trainings = (adversarial_config, joint_space_config, sgvg_config, detail_finetune, taught_space, paper_losses, stages, walker_warmup)
    rooms = (config, adaptive, *trainings, label_directions, few_shot_fit)
    for name, renamed in RENAMED.items():
        cls = next(getattr(room, name) for room in rooms if hasattr(room, name))
        fields = {field.name for field in dataclasses.fields(cls)}
        assert set(renamed.values()) <= fields
        assert not set(renamed) & fields
