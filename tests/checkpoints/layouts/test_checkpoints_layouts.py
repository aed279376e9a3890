"""Files of StyleGAN2 as others write them: what they're taken for, what is said about them, and what comes out."""

import dataclasses
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow_by_hand
import torch
from foreign_networks import (
    FILTER,
    Network,
    converted_shapes,
    filled,
    persistent,
    synthesis_attributes,
    tensorflow_discriminator,
    tensorflow_generator,
    tensorflow_network,
    write_pickle,
)

from sgvg_core.assembly import build_discriminator, build_generator, load_discriminator, load_generator, mean_latent, save_generator
from sgvg_core.checkpoints import Recognised
from sgvg_core.checkpoints.layouts.detect import recognise
from sgvg_core.checkpoints.plain import read_plain
from sgvg_core.config import DiscriminatorConfig, GeneratorConfig, from_dict
from sgvg_core.critics import StyleGAN2Discriminator
from sgvg_core.errors import CheckpointError, ConfigError, ShapeError

G_CONFIG = GeneratorConfig(16, (8, 7, 6), z_dim=5, w_dim=6, mapping_layers=2, conv_clamp=2.0)
D_CONFIG = DiscriminatorConfig(16, (8, 7, 6), conv_clamp=3.0, mapping_layers=0, mbstd_group_size=2)


def weights(network: torch.nn.Module, lr_multiplier: float = 0.01) -> dict[str, torch.Tensor]:
    return filled({name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}, lr_multiplier)


def nvidia(config: GeneratorConfig = G_CONFIG) -> Any:
    """A pickled generator."""
    state = weights(build_generator(config), config.mapping_lr_multiplier)
    filters = {name.replace("weight", "resample_filter"): FILTER for name in state if name.endswith("conv0.weight")}
    return persistent({**state, **filters}, synthesis_attributes(state, config.conv_clamp, config.mapping_lr_multiplier))


def found_in(path: Path) -> Recognised:
    return recognise(read_plain(path), path)


def saved(path: Path, data: Any) -> Path:
    torch.save(data, path)
    return path


def converted(**changed: Any) -> dict[str, Any]:
    return {"g_ema": filled(converted_shapes((8, 7, 6), 5, 2)), "latent_avg": torch.arange(5.0)} | changed


# -- NVIDIA's pickles


@pytest.mark.parametrize("changed", [
    {}, {"architecture": "resnet"}, {"architecture": "orig", "img_channels": 4}, {"c_dim": 3, "embed_features": 4}, {"img_channels": 1},
    {"mapping_layers": 8, "mapping_lr_multiplier": 0.1}, {"mapping_layers": 3, "mapping_features": 9}, {"conv_clamp": None},
    {"img_resolution": 4, "channels": (8,)}, {"const_size": (4, 3)},
])  # fmt: skip
def test_a_snapshot_gives_back_its_configuration_and_weights(changed: dict[str, Any], tmp_path: Path) -> None:
    config = dataclasses.replace(G_CONFIG, **changed)
    path = write_pickle(tmp_path / "any.name", {"G": None, "G_ema": nvidia(config), "D": None, "training_set_kwargs": {"a": 1}})
    found = found_in(path)
    assert (found.kind, found.layout) == ("generator", "nvidia-stylegan2-ada")
    assert from_dict(GeneratorConfig, found.config, "") == config
    assert any("training_set_kwargs" in note for note in found.notes)
    generator = load_generator(path)
    for name, tensor in weights(build_generator(config), config.mapping_lr_multiplier).items():
        assert torch.equal(generator.state_dict()[name], tensor), name
    assert not any(parameter.requires_grad for parameter in generator.parameters())
    assert not generator.training


def test_the_averaged_generator_comes_first_and_the_others_beside_it(tmp_path: Path) -> None:
    state = weights(build_discriminator(D_CONFIG))
    critic = persistent(state, synthesis_attributes(state, 3.0, 0.01) | {"b4.mbstd": {"group_size": 2}}, "Discriminator")
    critic.meta["state"]["_modules"]["b4"].meta["state"]["_modules"]["mbstd"] = persistent({}, {"": {"group_size": 2}}, "MinibatchStdLayer")
    path = write_pickle(tmp_path / "a.pkl", {"G": nvidia(), "D": critic, "G_ema": nvidia(), "augment_pipe": None})
    found = found_in(path)
    assert found.kind == "generator"
    assert {name: part.kind for name, part in found.parts.items()} == {"G": "generator", "D": "discriminator"}
    assert from_dict(DiscriminatorConfig, found.parts["D"].config, "") == D_CONFIG
    assert torch.equal(load_discriminator(path).b4.fc.weight, state["b4.fc.weight"])


def test_one_network_by_itself_and_without_an_average(tmp_path: Path) -> None:
    assert found_in(write_pickle(tmp_path / "a.pkl", nvidia())).kind == "generator"
    found = found_in(write_pickle(tmp_path / "b.pkl", {"G": nvidia(), "D": None, "G_ema": None}))
    assert "G was taken instead of G_ema" in found.notes


def test_a_table_of_tensors_says_what_was_assumed(tmp_path: Path) -> None:
    state = {f"module.{name}": tensor for name, tensor in weights(build_generator(G_CONFIG)).items()} | {"module.synthesis.b9.odd": torch.ones(2)}
    found = found_in(saved(tmp_path / "a.pt", state))
    assert found.config["conv_clamp"] == 256
    assert any("assumed" in note for note in found.notes)
    assert any("synthesis.b9.odd" in note for note in found.notes)
    assert load_generator(tmp_path / "a.pt").num_ws == 6


def test_layers_without_noise_inputs_get_noise_of_no_strength(tmp_path: Path) -> None:
    state = {name: tensor for name, tensor in weights(build_generator(G_CONFIG)).items() if "noise" not in name}
    generator = load_generator(write_pickle(tmp_path / "a.pkl", persistent(state, synthesis_attributes(state, None, 0.01))))
    ws = torch.randn(1, 6, 6)
    assert torch.equal(generator.synthesis(ws), generator.synthesis(ws, noise_mode="none"))


def test_an_absent_mean_latent_is_computed_and_said(tmp_path: Path) -> None:
    state = weights(build_generator(G_CONFIG))
    expected = load_generator(write_pickle(tmp_path / "a.pkl", persistent(state, {})))
    state.pop("mapping.w_avg")
    path = write_pickle(tmp_path / "b.pkl", persistent(state, {}))
    assert any("10,000" in note for note in found_in(path).notes)
    generator = load_generator(path)
    z = torch.randn(20_000, 5, generator=torch.Generator().manual_seed(1))
    spread = expected.mapping(z)[:, 0].std(0)
    assert ((generator.w_avg - expected.mapping(z)[:, 0].mean(0)).abs() < 0.1 * spread).all()
    assert torch.equal(generator.w_avg, load_generator(path).w_avg)
    assert torch.equal(generator.w_avg, mean_latent(expected))


@pytest.mark.parametrize(("paths", "changed", "message"), [
    (r"mapping|conv", {"activation": "relu"}, "activation 'relu', only 'lrelu'"),
    (r"b8.conv1", {"activation": "linear"}, "differ in their activation"),
    (r"b8.conv1", {"conv_clamp": None}, "differ in their conv_clamp"),
    (r"mapping.fc0", {"bias_gain": 1.0}, "differ in their bias_gain"),
])  # fmt: skip
def test_what_cannot_be_served_is_refused(paths: str, changed: dict[str, Any], message: str, tmp_path: Path) -> None:
    state = weights(build_generator(G_CONFIG))
    attributes = synthesis_attributes(state, 2.0, 0.01)
    for path, said in attributes.items():
        if re.search(paths, path):
            said |= changed
    with pytest.raises(CheckpointError, match=message):
        found_in(write_pickle(tmp_path / "a.pkl", persistent(state, attributes)))


@pytest.mark.parametrize("odd", [torch.ones(4, 4) / 16, FILTER * 2, FILTER[:3, :3]])
def test_another_filter_is_refused(odd: torch.Tensor, tmp_path: Path) -> None:
    state = weights(build_generator(G_CONFIG)) | {"synthesis.b8.conv0.resample_filter": odd}
    with pytest.raises(CheckpointError, match=r"only \[1, 3, 3, 1\]"):
        found_in(saved(tmp_path / "a.pt", state))


@pytest.mark.parametrize(("name", "value", "message"), [
    ("synthesis.b8.conv1.weight", None, "4, 8, 16, ... without a gap"),
    ("mapping.fc0.weight", None, "no mapping.fc0.weight"),
    ("synthesis.b4.const", torch.ones(3), "expected 3 axes"),
    ("synthesis.b16.torgb.bias", torch.ones(4), "of another shape"),
    ("synthesis.b16.torgb.bias", None, "missing 1"),
    ("synthesis.b16.torgb.bias", torch.tensor([1.0, float("nan"), 0.0]), "NaN"),
    ("synthesis.b16.torgb.bias", torch.ones(3, dtype=torch.int64), "floating-point"),
])  # fmt: skip
def test_damaged_tables_are_named(name: str, value: torch.Tensor | None, message: str, tmp_path: Path) -> None:
    state = {**weights(build_generator(G_CONFIG)), name: value}
    with pytest.raises(CheckpointError, match=message) as caught:
        load_generator(saved(tmp_path / "a.pt", {key: tensor for key, tensor in state.items() if tensor is not None}))
    assert "a.pt" in str(caught.value)


def test_sizes_beyond_the_limits_are_refused_before_anything_is_built(tmp_path: Path) -> None:
    state = weights(build_generator(G_CONFIG)) | {"synthesis.b4.conv1.weight": torch.zeros(1).expand(3000, 8, 3, 3)}
    with pytest.raises(ConfigError, match="channels: got 3000"):
        load_generator(saved(tmp_path / "a.pt", state))


# -- converted files


def test_a_converted_file(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.pt", converted(g_optim={"state": {}}, args={"size": 16}))
    found = found_in(path)
    assert (found.kind, found.layout) == ("generator", "converted")
    assert found.config | {"channels": [8, 7, 6], "img_resolution": 16, "mapping_layers": 2, "conv_clamp": None} == found.config
    assert any("g_optim, args" in note for note in found.notes)
    generator = load_generator(path)
    assert torch.equal(generator.w_avg, torch.arange(5.0))
    assert torch.equal(generator.synthesis.b8.conv0.weight, converted()["g_ema"]["convs.0.conv.weight"][0])
    assert torch.equal(generator.synthesis.b16.conv1.noise_const, converted()["g_ema"]["noises.noise_4"][0, 0])


@pytest.mark.parametrize("wrap", [
    lambda data: {"g": data["g_ema"], "d_optim": {}},
    lambda data: {"g_ema": {f"module.{name}": tensor for name, tensor in data["g_ema"].items()}},
    lambda data: data["g_ema"],
    lambda data: {"state_dict": data["g_ema"], "latent_avg": data["latent_avg"][None]},
])  # fmt: skip
def test_converted_files_in_other_wrappings(wrap: Any, tmp_path: Path) -> None:
    path = saved(tmp_path / "a.pt", wrap(converted()))
    absent = any("no mean latent" in note for note in found_in(path).notes)
    w_avg = load_generator(path).w_avg
    assert absent != torch.equal(w_avg, torch.arange(5.0))
    assert bool(w_avg.abs().sum() > 0)


def test_absent_noise_maps_are_drawn_and_said(tmp_path: Path) -> None:
    state = {name: tensor for name, tensor in converted()["g_ema"].items() if not name.startswith("noises")}
    path = saved(tmp_path / "a.pt", {"g_ema": state, "latent_avg": torch.zeros(5)})
    assert any("5 noise maps are absent" in note for note in found_in(path).notes)
    first, second = load_generator(path).synthesis.b16.conv1.noise_const, load_generator(path).synthesis.b16.conv1.noise_const
    assert torch.equal(first, second)
    assert 0.5 < first.std() < 1.5


def test_a_wavelet_generator_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="wavelets"):
        found_in(saved(tmp_path / "a.pt", {"g_ema": converted()["g_ema"] | {"to_rgbs.0.iwt.ll": torch.ones(2, 2)}}))


def test_odd_mean_latents_are_said(tmp_path: Path) -> None:
    assert any("dropped: it isn't one of 5" in note for note in found_in(saved(tmp_path / "a.pt", converted(latent_avg=torch.ones(7)))).notes)
    found = found_in(saved(tmp_path / "b.pt", converted(latent_avg=torch.arange(10.0).reshape(2, 5))))
    assert torch.equal(found.state["mapping.w_avg"], torch.arange(5.0) + 2.5)


# -- TensorFlow's networks


@pytest.mark.parametrize("architecture", ["skip", "resnet", "orig", "grown"])
@pytest.mark.parametrize("const_size", [(4, 4), (4, 3), (3, 5)])
def test_tensorflow_networks_paint_what_their_variables_say(architecture: str, const_size: tuple[int, int], tmp_path: Path) -> None:
    shapes = tensorflow_generator((7, 6, 5), z_dim=5, w_dim=6, architecture=architecture, const_size=const_size)
    path = write_pickle(tmp_path / "a.pkl", tensorflow_network(shapes, {"architecture": architecture}))
    generator = load_generator(path)
    assert generator.img_size == (4 * const_size[0], 4 * const_size[1])
    ws = torch.randn(1, 6, 6, generator=torch.Generator().manual_seed(3))
    arrays = {name: tensor.numpy() for name, tensor in filled(shapes).items()}
    expected = tensorflow_by_hand.images(arrays, ws[0].double().numpy(), architecture)
    ours = generator.synthesis(ws)[0].numpy()
    assert ours.shape == expected.shape
    assert np.abs(ours - expected).max() < 1e-5 * np.ptp(expected)


def test_a_tuple_of_networks_that_are_not_square(tmp_path: Path) -> None:
    shapes = tensorflow_generator((8, 7, 6), z_dim=5, w_dim=6, const_size=(4, 3))
    critic = tensorflow_discriminator((8, 7, 6), final_size=(4, 3))
    networks = tensorflow_network(shapes, {}, 0.9), tensorflow_network(critic, {}), tensorflow_network(shapes, {})
    path = write_pickle(tmp_path / "a.pkl", networks)
    found = found_in(path)
    assert {name: part.kind for name, part in found.parts.items()} == {"G": "generator", "D": "discriminator"}
    assert torch.allclose(found.parts["G"].state["mapping.w_avg"], 0.9 * found.state["mapping.w_avg"])
    assert load_discriminator(path)(load_generator(path)(torch.randn(4, 5))).shape == (4, 1)


def test_colours_of_smaller_sizes_are_left_aside(tmp_path: Path) -> None:
    shapes = tensorflow_generator((8, 7, 6), z_dim=5, w_dim=6, architecture="grown")
    critic = tensorflow_discriminator((8, 7, 6), architecture="grown")
    path = write_pickle(tmp_path / "a.pkl", (tensorflow_network(shapes, {}), tensorflow_network(critic, {})))
    found = found_in(path)
    assert found.config["architecture"] == found.parts["D"].config["architecture"] == "orig"
    assert "dropped 8 variables for the colours of smaller sizes" in found.notes[0]
    assert "dropped 4 variables" in found.parts["D"].notes[0]
    assert torch.equal(load_discriminator(path).b16.fromrgb.weight[:, :, 0, 0], filled(critic)["FromRGB_lod0/weight"][0, 0].t())
    growing = write_pickle(tmp_path / "b.pkl", tensorflow_network(shapes, {}, lod=1.5))
    with pytest.raises(CheckpointError, match=r"saved while it grew \(1\.5 sizes were still to come\)"):
        found_in(growing)


@pytest.mark.parametrize(("settings", "message"), [
    ({"nonlinearity": "relu"}, "nonlinearity: got 'relu'"),
    ({"resample_kernel": [1, 2, 1]}, "resample_kernel"),
    ({"normalize_latents": False}, "normalize_latents"),
])
def test_tensorflow_settings_that_cannot_be_served(settings: dict[str, Any], message: str, tmp_path: Path) -> None:
    network = tensorflow_network(tensorflow_generator((8, 7), z_dim=5, w_dim=6), settings)
    with pytest.raises(CheckpointError, match=message):
        found_in(write_pickle(tmp_path / "a.pkl", network))


def test_tensorflow_networks_of_another_age_are_named(tmp_path: Path) -> None:
    network = Network([("G_synthesis/4x4/Const/StyleMod/weight", np.ones((2, 2), np.float32))], {})
    with pytest.raises(CheckpointError, match="no StyleGAN2"):
        found_in(write_pickle(tmp_path / "a.pkl", (network,)))
    with pytest.raises(CheckpointError, match="pairs of name and array"):
        found_in(write_pickle(tmp_path / "b.pkl", Network(["weight"], {})))  # type: ignore[list-item]


# -- the discriminator


def test_a_discriminator_needs_whole_groups_and_its_labels() -> None:
    critic = StyleGAN2Discriminator(8, (6, 5), c_dim=3, cmap_dim=4, mapping_layers=1, mbstd_group_size=4)
    with pytest.raises(ShapeError, match="multiple of 4"):
        critic(torch.zeros(6, 3, 8, 8))
    with pytest.raises(ShapeError, match="conditional"):
        critic(torch.zeros(4, 3, 8, 8))
    with pytest.raises(ShapeError, match="pictures"):
        critic(torch.zeros(4, 3, 16, 8))
    assert critic(torch.zeros(3, 3, 8, 8), torch.eye(3)).shape == (3, 1)


@pytest.mark.parametrize("changed", [{"channels": (8, 7)}, {"c_dim": 3}, {"mbstd_num_channels": 3}, {"architecture": "odd"}, {"final_size": (0, 4)}])
def test_limits_of_the_discriminators_configuration(changed: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        dataclasses.replace(D_CONFIG, **changed)


# -- the door


def test_a_file_of_ours_and_of_something_else(tmp_path: Path) -> None:
    generator = build_generator(G_CONFIG).eval()
    save_generator(tmp_path / "a.safetensors", generator, G_CONFIG, half=False)
    z = torch.ones(1, 5)
    assert torch.equal(load_generator(tmp_path / "a.safetensors")(z), generator.requires_grad_(False)(z))
    with pytest.raises(CheckpointError, match="expected a discriminator"):
        load_discriminator(tmp_path / "a.safetensors")
    with pytest.raises(CheckpointError, match=r"unknown checkpoint layout \(found: a dictionary of 'a'"):
        load_generator(saved(tmp_path / "b.pt", {"a": {"b": 3}}))


def test_a_program_is_no_file_of_a_network(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing is deprecated; such files stay
        torch.jit.save(torch.jit.trace(torch.nn.Linear(2, 3), torch.zeros(1, 2)), tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match=r"a\.pt: a TorchScript archive: a program with weights inside.*torch\.jit\.load\(FILE"):
        load_generator(tmp_path / "a.pt")


def test_a_loaded_network_owns_its_memory(tmp_path: Path) -> None:
    """Tensors that share memory in a file are apart in the network: training one may not change another."""
    shared = torch.randn(3, 7, 7, 3, 3)
    state = weights(build_generator(GeneratorConfig(8, (7, 7), z_dim=5, w_dim=6, mapping_layers=1)))
    state |= {"synthesis.b4.conv1.weight": shared[0], "synthesis.b8.conv0.weight": shared[1], "synthesis.b8.conv1.weight": shared[1]}
    generator = load_generator(saved(tmp_path / "a.pt", state))
    memory = [tensor.untyped_storage() for tensor in generator.state_dict().values()]
    assert len({each.data_ptr() for each in memory}) == len(memory)
    assert all(each.nbytes() == tensor.nbytes for each, tensor in zip(memory, generator.state_dict().values(), strict=True))
    assert torch.equal(generator.synthesis.b8.conv1.weight, shared[1])
