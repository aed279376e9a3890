"""From files to modules: a model saved and loaded is the same model; parts that don't fit are named."""

import dataclasses
import shutil
from pathlib import Path

import pytest
import torch

from sgvg_core.assembly import SoundModel, build_model, load_generator, load_joint_space, load_model, load_sound_encoder, load_walker, save_walker
from sgvg_core.config import GeneratorConfig, WalkerConfig, from_dict, to_json
from sgvg_core.errors import CheckpointError, ConfigError
from sgvg_core.presets import LANDSCAPES, TINY
from sgvg_core.walker import RecurrentWalker


@pytest.mark.slow
def test_a_model_comes_back_from_its_folder(tiny_model: SoundModel, tiny_model_folder: Path) -> None:
    model = load_model(tiny_model_folder, "cpu")
    z = torch.randn(2, TINY.generator.z_dim, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(model.generator(z), tiny_model.generator(z), atol=2e-2, rtol=0)  # stored as float16
    assert model.mel == tiny_model.mel
    assert model.name == "tiny"
    assert not any(parameter.requires_grad for parameter in model.walker.parameters())
    assert load_sound_encoder(tiny_model_folder / "sound_encoder.safetensors")[1] == TINY.mel
    assert load_joint_space(tiny_model_folder / "joint_space.safetensors").mel == TINY.joint_space.mel
    assert load_walker(tiny_model_folder / "walker.safetensors").num_ws == TINY.walker.num_ws


def test_random_weights_depend_on_the_seed_alone() -> None:
    torch.manual_seed(7)
    before = torch.rand(1)
    torch.manual_seed(7)
    one, again, other = build_model(TINY, 3), build_model(TINY, 3), build_model(TINY, 4)
    assert torch.equal(torch.rand(1), before), "building must not touch the global generator"
    assert all(torch.equal(a, b) for a, b in zip(one.walker.parameters(), again.walker.parameters(), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(one.walker.parameters(), other.walker.parameters(), strict=True))


def test_parts_that_dont_fit_are_named(tiny_model_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    shutil.copytree(tiny_model_folder, folder)
    config = WalkerConfig(num_ws=12, w_dim=24, hidden=8)
    save_walker(folder / "walker.safetensors", RecurrentWalker(num_ws=12, w_dim=24, hidden=8), config)
    with pytest.raises(ConfigError, match=r"walker: made for 12 latents of 24, but the generator .* takes 8 of 24"):
        load_model(folder, "cpu")


def test_another_kind_of_file_is_refused(tiny_model_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="generator"):
        load_generator(tiny_model_folder / "walker.safetensors")
    with pytest.raises(CheckpointError, match="no such model folder"):
        load_model(tmp_path / "nothing")


def test_a_model_without_a_joint_space_loads(tiny_model_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    shutil.copytree(tiny_model_folder, folder)
    (folder / "joint_space.safetensors").unlink()
    assert load_model(folder, "cpu").joint_space is None


def test_configurations_survive_json_and_refuse_strangers() -> None:
    import json

    for config in (LANDSCAPES.generator, LANDSCAPES.joint_space, LANDSCAPES.sound_encoder, LANDSCAPES.walker, LANDSCAPES.mel, LANDSCAPES.judge):
        assert from_dict(type(config), json.loads(to_json(config)), "file") == config
    plain = dataclasses.asdict(LANDSCAPES.generator)
    with pytest.raises(ConfigError, match="unknown setting 'layers'"):
        from_dict(GeneratorConfig, {**plain, "layers": 3}, "file")
    with pytest.raises(ConfigError, match="w_dim: got '64', expected int"):
        from_dict(GeneratorConfig, {**plain, "w_dim": "64"}, "file")
    with pytest.raises(ConfigError, match="img_resolution: got 8192"):
        from_dict(GeneratorConfig, {**plain, "img_resolution": 8192}, "file")
    with pytest.raises(ConfigError, match="missing setting channels"):
        from_dict(GeneratorConfig, {"img_resolution": 64}, "file")
