"""Checkpoints of StyleGAN2 beside the code that made them: recorded answers always, live runs where a variable names a checkout.

STYLEGAN3_DIR, STYLEGAN2_ADA_DIR, STYLEGAN2_PYTORCH_DIR: checkouts of NVlabs/stylegan3, NVlabs/stylegan2-ada-pytorch and
rosinality/stylegan2-pytorch. A live run reads the files that their code saved.
"""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from foreign_networks import (
    converted_shapes,
    filled,
    persistent,
    synthesis_attributes,
    tensorflow_discriminator,
    tensorflow_generator,
    tensorflow_network,
    write_pickle,
)
from layout_cases import (
    LIVE_CONVERTED,
    LIVE_NVIDIA,
    LIVE_TENSORFLOW,
    RECORDED_CONVERTED,
    RECORDED_NVIDIA,
    RECORDED_TENSORFLOW,
    Nvidia,
    codes,
)

from sgvg_core.assembly import build_discriminator, build_generator, load_discriminator, load_generator
from sgvg_core.config import DiscriminatorConfig, GeneratorConfig
from sgvg_core.critics import StyleGAN2Discriminator
from sgvg_core.errors import CheckpointError

HERE = Path(__file__).resolve().parent
TOLERANCE = 1e-4
"""Of the answers' range."""

LatentTargets = dict[str, torch.Tensor]


def our_answers(path: Path, psi: float = 0.6, cutoff: int | None = None) -> LatentTargets:
    """What the generator and the discriminator in a file say, as ours."""
    generator = load_generator(path)
    z, c = codes("z", 1, generator.z_dim), codes("c", 1, generator.c_dim) if generator.c_dim else None
    ws = generator.mapping(z, c)
    truncated = generator.mapping(z, c, truncation_psi=psi, truncation_cutoff=cutoff)
    answers = {"ws": ws, "truncated": truncated, "picture": generator.synthesis(truncated), "whole": generator.synthesis(ws)}
    answers["no noise"] = generator.synthesis(truncated, noise_mode="none")[:, :, ::4, ::4]
    with contextlib.suppress(CheckpointError):  # a file without one
        critic = load_discriminator(path)
        answers["critic"] = critic(*critic_input(critic))
    return answers


def critic_input(critic: StyleGAN2Discriminator) -> tuple[torch.Tensor, torch.Tensor | None]:
    images = codes("pictures", 4, critic.img_channels, *critic.img_size)
    return images, codes("labels", 4, critic.c_dim) if critic.c_dim else None


def largest_difference(ours: LatentTargets, theirs: LatentTargets) -> float:
    """Of all answers, as a part of their range, of a critic's four of their size where that is larger.

    A critic with random weights says nearly the same of every picture: at 1024 px float32 alone moves its answers by a ten-thousandth of
    what tells them apart, in NVIDIA's code as in ours.
    """
    worst = 0.0
    for name, wanted in theirs.items():
        own = ours[name].double()
        if name in ("ws", "truncated") and wanted.ndim == 2:  # one latent for all layers
            own = own[:, 0]
        assert own.shape == wanted.shape
        size_of_image = torch.stack([wanted.max() - wanted.min(), wanted.abs().max() if name == "critic" else torch.zeros(())]).max()
        worst = max(worst, ((own - wanted).abs().max() / size_of_image).item())
    return worst


def recorded(name: str) -> LatentTargets:
    stored = json.loads((HERE / "layouts_reference.json").read_text())[name]
    return {key: torch.tensor(each["values"], dtype=torch.float64).reshape(each["shape"]) for key, each in stored.items()}


def nvidia_file(case: Nvidia, path: Path) -> Path:
    """A snapshot of such networks, written without NVIDIA's code."""
    channels = tuple(min(case.base >> power, case.widest) for power in range(2, case.size.bit_length()))
    mapping, critic = dict(case.mapping), dict(case.critic)
    lr_multiplier = mapping.get("lr_multiplier", 0.01)
    generator = build_generator(GeneratorConfig(
        case.size, channels, case.z_dim, case.c_dim, case.w_dim, case.channels, mapping["num_layers"], architecture=case.architecture,
        embed_features=mapping.get("embed_features"), mapping_features=mapping.get("layer_features"),
    ))
    label = critic.get("mapping_kwargs", {})
    discriminator = build_discriminator(DiscriminatorConfig(
        case.size, channels, case.channels, case.c_dim, critic.get("cmap_dim", channels[0]) if case.c_dim else 0,
        critic.get("architecture", "resnet"), mapping_layers=label.get("num_layers", 8), mapping_features=label.get("layer_features"),
    ))
    networks = {}
    for name, network, clamp, lr in (("G_ema", generator, case.clamp, lr_multiplier), ("D", discriminator, critic.get("conv_clamp"), 0.01)):
        state = filled({key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}, lr)
        networks[name] = persistent(state, synthesis_attributes(state, clamp, lr), type(network).__name__)
    return write_pickle(path, {"G": None, **networks, "training_set_kwargs": {}})


@pytest.mark.parametrize("name", list(RECORDED_NVIDIA))
def test_a_pickle_of_nvidias_answers_as_recorded(name: str, tmp_path: Path) -> None:
    case = RECORDED_NVIDIA[name]
    ours = our_answers(nvidia_file(case, tmp_path / "a.pkl"), case.psi, case.cutoff)
    assert largest_difference(ours, recorded(f"nvidia: {name}")) < TOLERANCE


@pytest.mark.parametrize("name", list(RECORDED_TENSORFLOW))
def test_a_tuple_of_tensorflow_networks_answers_as_recorded(name: str, tmp_path: Path) -> None:
    case = RECORDED_TENSORFLOW[name]
    shapes = tensorflow_generator(case.widths, z_dim=case.z_dim, w_dim=case.w_dim, num_mapping=case.num_mapping, architecture=case.architecture)
    critic = tensorflow_network(tensorflow_discriminator(case.widths, architecture=case.critic), case.settings(critic=True))
    networks = tensorflow_network(shapes, {}, 0.9), critic, tensorflow_network(shapes, {})
    assert largest_difference(our_answers(write_pickle(tmp_path / "a.pkl", networks)), recorded(f"tensorflow: {name}")) < TOLERANCE


def test_a_converted_checkpoint_answers_as_recorded(tmp_path: Path) -> None:
    case = RECORDED_CONVERTED["16 px"]
    state = filled(converted_shapes(case.widths or (), case.style_dim, case.num_mapping))
    torch.save({"g_ema": state, "latent_avg": 0.5 * codes("mean", case.style_dim)}, tmp_path / "a.pt")
    theirs = recorded("converted: 16 px")
    ours = our_answers(tmp_path / "a.pt")
    assert largest_difference(ours, {key: theirs[key] for key in ("ws", "truncated", "picture")}) < TOLERANCE


def test_recorded_answers_notice_a_difference(tmp_path: Path) -> None:
    """The recording is of no use if wrong numbers pass: weights that weren't flipped, a clamp that was forgotten."""
    case = RECORDED_TENSORFLOW["skip"]
    shapes = tensorflow_generator(case.widths, z_dim=case.z_dim, w_dim=case.w_dim, num_mapping=case.num_mapping)
    network = tensorflow_network(shapes, {})
    variables = network.state["components"]["synthesis"].state["variables"]
    variables[:] = [(name, array[::-1, ::-1].copy() if name.endswith("Conv0_up/weight") else array) for name, array in variables]
    theirs = recorded("tensorflow: skip")
    theirs.pop("critic")
    assert largest_difference(our_answers(write_pickle(tmp_path / "a.pkl", network)), theirs) > 10 * TOLERANCE


def live_folder(kind: str, variable: str, made: Path) -> Path:
    checkout = os.environ.get(variable)
    if not checkout:
        pytest.skip(f"set {variable} to a checkout")
    command = [sys.executable, str(HERE / "record_layouts.py"), kind, checkout, str(made / "out.json"), "--files", str(made)]
    subprocess.run(command, check=True, timeout=1200)
    return made


@pytest.fixture(scope="module", params=["STYLEGAN3_DIR", "STYLEGAN2_ADA_DIR"])
def nvidia_files(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return live_folder("nvidia", request.param, tmp_path_factory.mktemp("nvidia"))


@pytest.fixture(scope="module")
def tensorflow_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return live_folder("tensorflow", "STYLEGAN3_DIR", tmp_path_factory.mktemp("tensorflow"))


@pytest.fixture(scope="module")
def converted_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return live_folder("converted", "STYLEGAN2_PYTORCH_DIR", tmp_path_factory.mktemp("converted"))


def check_live(folder: Path, name: str, suffix: str, psi: float = 0.6, cutoff: int | None = None, without: tuple[str, ...] = ()) -> None:
    theirs = {key: value for key, value in torch.load(folder / f"{name}.expected.pt", weights_only=True).items() if key not in without}
    difference = largest_difference(our_answers(folder / f"{name}{suffix}", psi, cutoff), theirs)
    print(f"{name}{suffix}: {difference:.1e} of the range, {', '.join(theirs)}")
    assert difference < TOLERANCE


@pytest.mark.parametrize("name", list(LIVE_NVIDIA))
def test_a_pickle_that_nvidias_code_saved(nvidia_files: Path, name: str) -> None:
    check_live(nvidia_files, name, ".pkl", LIVE_NVIDIA[name].psi, LIVE_NVIDIA[name].cutoff)


USUAL = [name for name, case in LIVE_NVIDIA.items() if case.clamp is None and "lr_multiplier" not in dict(case.mapping)]
"""Cases whose settings are those that a bare table of tensors is assumed to have."""


@pytest.mark.parametrize("name", USUAL)
def test_a_table_of_tensors_that_nvidias_code_saved(nvidia_files: Path, name: str) -> None:
    check_live(nvidia_files, name, ".pt", LIVE_NVIDIA[name].psi, LIVE_NVIDIA[name].cutoff, without=("critic",))


@pytest.mark.parametrize("name", list(LIVE_TENSORFLOW))
def test_a_tuple_that_nvidias_code_converts(tensorflow_files: Path, name: str) -> None:
    check_live(tensorflow_files, name, ".pkl")


@pytest.mark.parametrize("name", list(LIVE_CONVERTED))
def test_a_checkpoint_that_rosinalitys_code_saved(converted_files: Path, name: str) -> None:
    check_live(converted_files, name, ".pt")


@pytest.mark.parametrize("name", list(LIVE_CONVERTED))
def test_a_checkpoint_without_a_mean_latent_that_rosinalitys_code_saved(converted_files: Path, name: str) -> None:
    """The mean is computed, from other codes than theirs, so truncated answers are of our own; codes and whole pictures are theirs."""
    check_live(converted_files, name, " bare.pt", without=("truncated", "picture", "critic"))
