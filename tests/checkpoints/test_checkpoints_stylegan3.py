"""StyleGAN3 files of others: pickled networks and bare tables become the same generator, and what is assumed or dropped is said."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch

from sgvg_core.assembly import build_generator, load_generator, save_generator
from sgvg_core.checkpoints.layouts.detect import recognise
from sgvg_core.checkpoints.plain import ForeignObject, Plain
from sgvg_core.config import StyleGAN3Config, from_dict
from sgvg_core.config.stylegan3_schedule import layer_widths
from sgvg_core.errors import CheckpointError, ConfigError
from sgvg_core.synthesis import StyleGAN3Generator

SMALL = StyleGAN3Config(img_resolution=32, channels=(12, 12, 10, 9, 8, 7), z_dim=6, w_dim=8)
RADIAL = dataclasses.replace(SMALL, conv_kernel=1, use_radial_filters=True, c_dim=3, img_channels=1)


def build(config: StyleGAN3Config = SMALL, seed: int = 0) -> StyleGAN3Generator:
    """A generator whose buffers aren't at their first values."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        generator = build_generator(config).eval().requires_grad_(False)
        for name, tensor in generator.state_dict().items():
            if name.endswith(("bias", "w_avg", "magnitude_ema", "input.affine.weight")):
                tensor += 0.3 * torch.rand_like(tensor)
    return generator


def table(generator: StyleGAN3Generator) -> dict[str, torch.Tensor]:
    """Its tensors as NVIDIA's own network holds them: with the filters."""
    return {**generator.state_dict(), **generator.filters()}


def pickled(generator: StyleGAN3Generator, **settings: Any) -> ForeignObject:
    """The same as one of NVIDIA's networks that was pickled whole."""
    network = ForeignObject("", "Generator", {"_parameters": {}, "_buffers": {}, "_modules": {}, "_init_kwargs": settings})
    for name, tensor in table(generator).items():
        module = network
        *path, leaf = name.split(".")
        for part in path:
            module = module.state["_modules"].setdefault(part, ForeignObject("", part, {"_parameters": {}, "_buffers": {}, "_modules": {}}))
            if part.startswith("fc"):
                module.state.update(activation="lrelu", bias_gain=0.01)
        module.state["_parameters" if leaf in ("weight", "bias") else "_buffers"][leaf] = tensor
    return network


def images(generator: StyleGAN3Generator) -> torch.Tensor:
    z = torch.randn(2, generator.z_dim, generator=torch.Generator().manual_seed(1))
    c = torch.eye(3)[:2] if generator.c_dim else None
    return generator(z, c, truncation_psi=0.7)


def saved(data: Any, path: Path) -> Path:
    torch.save(data, path)
    return path


@pytest.mark.parametrize("config", [SMALL, RADIAL])
def test_a_bare_table_is_the_same_generator(config: StyleGAN3Config, tmp_path: Path) -> None:
    generator = build(config)
    path = saved(table(generator), tmp_path / "sg3.pt")
    found = load_generator(path)
    assert torch.equal(images(found), images(generator))
    said = recognise(Plain("torch zip", table(generator)), path)
    assert (said.kind, said.layout[-1]) == ("generator3", "r" if config is RADIAL else "t")
    assert from_dict(StyleGAN3Config, said.config, "file") == config
    assert any("assumed first_cutoff 2" in note and "conv_clamp 256" in note for note in said.notes)


@pytest.mark.parametrize("wrap", [lambda state: {"G_ema": state}, lambda state: {f"module.{name}": each for name, each in state.items()}])
def test_a_table_inside_something_is_found(wrap: Any) -> None:
    assert recognise(Plain("torch zip", wrap(table(build()))), "sg3.pt").config["channels"] == [12, 12, 10, 9, 8, 7]


@pytest.mark.parametrize("shape", [(1, 3, 3), (4, 3, 3), (2,)])
def test_an_odd_transform_is_dropped_and_said(shape: tuple[int, ...], tmp_path: Path) -> None:
    generator = build()
    path = saved({**table(generator), "synthesis.input.transform": torch.ones(shape)}, tmp_path / "sg3.pt")
    assert torch.equal(images(load_generator(path)), images(generator))
    said = recognise(Plain("torch zip", {**table(generator), "synthesis.input.transform": torch.ones(shape)}), path).notes
    assert f"synthesis.input.transform was dropped: got shape {list(shape)}, expected [3, 3]; none is applied" in said


def test_a_transform_of_three_by_three_is_kept(tmp_path: Path) -> None:
    generator = build()
    generator.synthesis.input.transform.copy_(torch.tensor([[0.9, -0.2, 0.1], [0.2, 0.9, 0.3], [0, 0, 1]]))
    found = load_generator(saved(table(generator), tmp_path / "sg3.pt"))
    assert torch.equal(found.synthesis.input.transform, generator.synthesis.input.transform)
    assert torch.equal(images(found), images(generator))


def test_a_pickled_network_says_its_settings() -> None:
    settings = {"num_critical": 3, "first_cutoff": 3.0, "first_stopband": 6.0, "output_scale": 0.5, "conv_clamp": None, "margin_size": 7}
    config = dataclasses.replace(SMALL, **settings)
    said = recognise(Plain("pickle", pickled(build(config), channel_base=512, magnitude_ema_beta=0.99, **settings)), "sg3.pkl")
    assert from_dict(StyleGAN3Config, said.config, "file") == config
    assert said.notes == ()


def test_a_snapshot_gives_its_averaged_generator() -> None:
    data = {"G": pickled(build(seed=1)), "D": None, "G_ema": pickled(build(seed=2)), "augment_pipe": None, "training_set_kwargs": {"a": 1}}
    said = recognise(Plain("pickle", data), "sg3.pkl")
    assert torch.equal(said.state["synthesis.input.weight"], build(seed=2).synthesis.input.weight)
    assert said.parts["G"].kind == "generator3"


def test_an_absent_mean_latent_is_computed_and_said(tmp_path: Path) -> None:
    generator = build(RADIAL)
    state = {name: tensor for name, tensor in table(generator).items() if name != "mapping.w_avg"}
    said = recognise(Plain("torch zip", state), "sg3.pt")
    assert any("mean of 10,000 mapped codes" in note for note in said.notes)
    w_avg = load_generator(saved(state, tmp_path / "sg3.pt")).w_avg
    codes = torch.randn(4000, 6, generator=torch.Generator().manual_seed(0))
    expected = generator.mapping(codes, torch.eye(3)[torch.arange(4000) % 3])[:, 0].mean(0)
    torch.testing.assert_close(w_avg, expected, rtol=0, atol=0.1 * expected.abs().max().item() + 0.05)


def test_sizes_tell_margin_and_critical_layers_of_a_bare_table() -> None:
    config = dataclasses.replace(SMALL, margin_size=4, num_critical=1, filter_size=4)
    assert [band.size for band in config.bands] != [band.size for band in dataclasses.replace(config, num_critical=2).bands]
    said = recognise(Plain("torch zip", table(build(config))), "sg3.pt")
    assert from_dict(StyleGAN3Config, said.config, "file") == config
    assert any("1 critically sampled" in note for note in said.notes)


def test_another_schedule_in_a_bare_table_is_refused_for_its_filters(tmp_path: Path) -> None:
    config = dataclasses.replace(SMALL, last_stopband_rel=1.15)
    path = saved(table(build(config)), tmp_path / "sg3.pt")
    with pytest.raises(CheckpointError, match=r"_filter isn't the low-pass filter of the sampling schedule .* use the pickled network"):
        load_generator(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"synthesis.L2_52_10.weight": None}, "without a gap"),
        ({"synthesis.L2_52_10.weight": torch.zeros(11, 12, 3, 3)}, r"expected \[10, C, k, k\] as its name says"),
        ({"mapping.fc0.weight": torch.zeros(8)}, "fc0.weight: got shape"),
        ({"mapping.fc0.weight": None}, "no mapping.fc0.weight"),
    ],
)
def test_contradictions_are_named(change: dict[str, Any], message: str) -> None:
    state = {name: tensor for name, tensor in {**table(build()), **change}.items() if tensor is not None}
    with pytest.raises(CheckpointError, match=message):
        recognise(Plain("torch zip", state), "sg3.pt")


def test_a_missing_tensor_is_named(tmp_path: Path) -> None:
    state = table(build())
    del state["synthesis.L1_36_12.magnitude_ema"]
    with pytest.raises(CheckpointError, match=r"missing 1 \(synthesis.L1_36_12.magnitude_ema\)"):
        load_generator(saved(state, tmp_path / "sg3.pt"))


@pytest.mark.slow
@pytest.mark.parametrize("config", [SMALL, RADIAL])
def test_our_own_file_comes_back_exactly(config: StyleGAN3Config, tmp_path: Path) -> None:
    generator = build(config)
    save_generator(tmp_path / "full.safetensors", generator, config, half=False)
    full = load_generator(tmp_path / "full.safetensors")
    assert isinstance(full, StyleGAN3Generator)
    assert full.state_dict().keys() == generator.state_dict().keys()
    assert all(torch.equal(tensor, generator.state_dict()[name]) for name, tensor in full.state_dict().items())
    assert torch.equal(images(full), images(generator))
    save_generator(tmp_path / "half.safetensors", generator, config, half=True)
    half = load_generator(tmp_path / "half.safetensors")
    assert all(torch.equal(tensor, generator.state_dict()[name].half().float()) for name, tensor in half.state_dict().items())
    torch.testing.assert_close(images(half), images(generator), rtol=0, atol=2e-2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"img_resolution": 48}, "power of two"),
        ({"img_resolution": 8}, "img_resolution: got 8"),
        ({"channels": (8,)}, "number of layers"),
        ({"channels": (8, 5000, 8)}, "channels: got 5000"),
        ({"num_critical": 6}, "num_critical"),
        ({"first_cutoff": 0.1}, "first_cutoff"),
        ({"first_stopband": 1.0}, "first_stopband"),
        ({"last_stopband_rel": 0.5}, "last_stopband_rel"),
        ({"img_resolution": 1024, "channels": (8, 8, 8)}, "more layers make it smaller"),
        ({"img_resolution": 2048, "channels": (8,) * 13 + (2048,)}, "features at 2048 px"),
        ({"channels": (4096,) * 30}, "number of parameters"),
        ({"filter_size": 0}, "filter_size"),
    ],
)
def test_limits_of_the_configuration(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        dataclasses.replace(SMALL, **change)


def test_real_plans_are_within_the_limits() -> None:
    """NVIDIA's largest networks: T and R at 1024 px (16 latents each)."""
    for base, widest, kernel in ((32768, 512, 3), (65536, 1024, 1)):
        plan = StyleGAN3Config(img_resolution=1024, channels=(8,) * 14)
        config = dataclasses.replace(plan, channels=layer_widths(plan.bands, base, widest), conv_kernel=kernel, use_radial_filters=kernel == 1)
        assert config.num_ws == 16
        assert (config.channels[7], config.channels[13]) == ((645, 64) if kernel == 1 else (323, 32))
