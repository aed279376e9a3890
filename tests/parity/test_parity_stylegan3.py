"""Our StyleGAN3 beside NVIDIA's on the same weights: recorded pictures always, a live run where STYLEGAN3_DIR names a checkout."""

import dataclasses
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from stylegan3_cases import LIVE3, RECORDED3, TRANSFORM, Case3, codes3, magnitude, weights3

from sgvg_core.assembly import load_generator
from sgvg_core.config.stylegan3_schedule import layer_widths, sampling_bands
from sgvg_core.generation import anchor_placement
from sgvg_core.synthesis import StyleGAN3Generator

HERE = Path(__file__).resolve().parent
TOLERANCE = 1e-4
"""Of the pictures' (and of the latents') range."""


def our_generator(case: Case3) -> StyleGAN3Generator:
    schedule = {
        "num_critical": case.critical,
        "first_cutoff": case.first_cutoff,
        "first_stopband": case.first_stopband,
        "last_stopband_rel": case.last_stopband_rel,
        "margin_size": case.margin,
    }
    generator = StyleGAN3Generator(
        case.resolution,
        layer_widths(sampling_bands(case.resolution, case.layers, **schedule), case.base, case.widest),
        case.z_dim,
        case.c_dim,
        case.w_dim,
        case.img_channels,
        case.mapping_layers,
        output_scale=case.output_scale,
        conv_kernel=1 if case.radial else 3,
        filter_size=case.filter_size,
        lrelu_upsampling=case.upsampling,
        use_radial_filters=case.radial,
        conv_clamp=case.clamp,
        **schedule,
    )
    generator.load_state_dict(weights3({name: tuple(tensor.shape) for name, tensor in generator.state_dict().items()}))
    return generator.eval()


def our_latents_and_images(case: Case3, *, gradients: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """By the way that records gradients, or by the faster one that doesn't."""
    generator = our_generator(case).requires_grad_(gradients)
    ws = generator.mapping(*codes3(case), truncation_psi=case.psi, truncation_cutoff=case.cutoff)
    placement = anchor_placement(generator, case.anchor)
    return ws.detach(), generator.synthesis(ws, transform=TRANSFORM if case.moved else None, placement=placement).detach()


def largest_difference(case: Case3, ws: torch.Tensor, images: torch.Tensor, *, gradients: bool, some: bool = False) -> float:
    own_ws, own = our_latents_and_images(case, gradients=gradients)
    own_ws = own_ws[:, [0, -1]] if some else own_ws
    assert own.shape == images.shape
    assert own_ws.numel() == ws.numel()
    of_ws = (own_ws.flatten() - ws.flatten()).abs().max().item() / magnitude(ws)
    return max((own - images).abs().max().item() / magnitude(images), of_ws)


def recorded(name: str) -> tuple[torch.Tensor, torch.Tensor]:
    """The first and the last latent of each item, and the pictures."""
    reference = json.loads((HERE / "stylegan3_reference.json").read_text())[name]
    ws, values = (torch.tensor(reference[key], dtype=torch.float64) for key in ("ws", "values"))
    return ws, values.reshape(reference["shape"])


@pytest.mark.parametrize("gradients", [True, False])
@pytest.mark.parametrize("name", list(RECORDED3))
def test_same_stylegan3_images_as_recorded_from_nvidia(name: str, gradients: bool) -> None:
    assert largest_difference(RECORDED3[name], *recorded(name), gradients=gradients, some=True) < TOLERANCE


@pytest.mark.parametrize("change", [{"psi": 0.71}, {"output_scale": 0.2505}, {"last_stopband_rel": 1.2}, {"clamp": 0.5}, {"moved": True}])
def test_recorded_stylegan3_images_notice_a_difference(change: dict) -> None:
    """The recording is of no use if a wrong network passes."""
    wrong = dataclasses.replace(RECORDED3["T"], **change)
    assert largest_difference(wrong, *recorded("T"), gradients=False, some=True) > 5 * TOLERANCE


def run_nvidia(out: Path, *options: str) -> dict:
    """Their latents and pictures by case; skips where their code isn't at hand."""
    checkout = os.environ.get("STYLEGAN3_DIR")
    if not checkout:
        pytest.skip("set STYLEGAN3_DIR to a checkout of https://github.com/NVlabs/stylegan3")
    if importlib.util.find_spec("scipy") is None:
        pytest.skip("NVIDIA's filters need scipy")
    subprocess.run([sys.executable, str(HERE / "record_stylegan3.py"), checkout, str(out), *options], check=True, timeout=900)
    return torch.load(out, weights_only=True)


@pytest.fixture(scope="module")
def nvidia3(tmp_path_factory: pytest.TempPathFactory) -> dict:
    return run_nvidia(tmp_path_factory.mktemp("nvidia3") / "pictures.pt", "--all")


@pytest.mark.parametrize("gradients", [True, False])
@pytest.mark.parametrize("name", list(LIVE3))
def test_same_stylegan3_images_as_nvidia(nvidia3: dict, name: str, gradients: bool) -> None:
    if gradients and LIVE3[name].resolution > 128:
        pytest.skip("large for the way with gradients")
    difference = largest_difference(LIVE3[name], *nvidia3[name], gradients=gradients)
    print(f"{name}: {difference:.1e} of the range")
    assert difference < TOLERANCE


@pytest.fixture(scope="module")
def nvidia3_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Path], dict]:
    folder = tmp_path_factory.mktemp("nvidia3_files")
    found = run_nvidia(folder / "pictures.pt", "--files")
    return sorted(folder.glob("*.pkl")), found


@pytest.mark.parametrize("gradients", [True, False])
def test_files_of_nvidia_give_their_images(nvidia3_files: tuple[list[Path], dict], gradients: bool) -> None:
    """From the pickled network with all its settings, and from a bare table, since its schedule is the usual one."""
    files, found = nvidia3_files
    assert len(files) == 3
    for path in (*files, *(each.with_suffix(".pt") for each in files)):
        name = list(RECORDED3)[int(path.stem)]
        case, (ws, images) = RECORDED3[name], found[name]
        generator = load_generator(path).requires_grad_(gradients)
        own_ws = generator.mapping(*codes3(case), truncation_psi=case.psi, truncation_cutoff=case.cutoff)
        assert (own_ws - ws).abs().max().item() < TOLERANCE * magnitude(ws)
        assert (generator.synthesis(own_ws) - images).abs().max().item() < TOLERANCE * magnitude(images)
