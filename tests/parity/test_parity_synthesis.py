"""Our StyleGAN2 beside NVIDIA's on the same weights: recorded pictures always, a live run where STYLEGAN3_DIR names a checkout."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from synthesis_cases import LIVE, RECORDED, Case, codes, given_noise, weights

from sgvg_core.synthesis import StyleGAN2Generator

HERE = Path(__file__).resolve().parent
TOLERANCE = 1e-4
"""Of the pictures' range."""


def our_generator(case: Case) -> StyleGAN2Generator:
    generator = StyleGAN2Generator(
        case.resolution,
        case.channels,
        case.z_dim,
        case.c_dim,
        case.w_dim,
        case.img_channels,
        case.mapping_layers,
        architecture=case.architecture,
        conv_clamp=case.clamp,
    )
    generator.load_state_dict(weights({name: tuple(tensor.shape) for name, tensor in generator.state_dict().items()}))
    return generator.eval()


def our_images(case: Case, *, gradients: bool) -> torch.Tensor:
    """By the way that records gradients, or by the faster one that doesn't."""
    generator = our_generator(case).requires_grad_(gradients)
    z, c = codes(case)
    noise = given_noise(case, [conv.height for conv in generator.synthesis.convs]) if case.noise == "given" else None
    ws = generator.mapping(z, c, truncation_psi=case.psi, truncation_cutoff=case.cutoff)
    return generator.synthesis(ws, noise_mode=case.noise, noise=noise, noise_strength=case.noise_strength).detach()


def largest_difference(case: Case, reference: dict, *, gradients: bool) -> float:
    theirs = torch.tensor(reference["values"], dtype=torch.float64).reshape(reference["shape"])
    ours = our_images(case, gradients=gradients)
    assert ours.shape == theirs.shape
    return ((ours - theirs).abs().max() / (theirs.max() - theirs.min())).item()


@pytest.mark.parametrize("gradients", [True, False])
@pytest.mark.parametrize("name", list(RECORDED))
def test_same_images_as_recorded_from_nvidia(name: str, gradients: bool) -> None:
    reference = json.loads((HERE / "synthesis_reference.json").read_text())
    assert largest_difference(RECORDED[name], reference[name], gradients=gradients) < TOLERANCE


def test_recorded_images_notice_a_difference() -> None:
    """The recording is of no use if a wrong network passes: another truncation must not."""
    import dataclasses

    reference = json.loads((HERE / "synthesis_reference.json").read_text())
    wrong = dataclasses.replace(RECORDED["skip"], psi=0.71)
    assert largest_difference(wrong, reference["skip"], gradients=False) > 10 * TOLERANCE


@pytest.fixture(scope="module")
def nvidia_images(tmp_path_factory: pytest.TempPathFactory) -> dict:
    checkout = os.environ.get("STYLEGAN3_DIR")
    if not checkout:
        pytest.skip("set STYLEGAN3_DIR to a checkout of https://github.com/NVlabs/stylegan3")
    out = tmp_path_factory.mktemp("nvidia") / "pictures.json"
    subprocess.run([sys.executable, str(HERE / "record_synthesis.py"), checkout, str(out), "--all"], check=True, timeout=1200)
    return json.loads(out.read_text())


@pytest.mark.parametrize("gradients", [True, False])
@pytest.mark.parametrize("name", list(LIVE))
def test_same_images_as_nvidia(nvidia_images: dict, name: str, gradients: bool) -> None:
    difference = largest_difference(LIVE[name], nvidia_images[name], gradients=gradients)
    print(f"{name}: {difference:.1e} of the range")
    assert difference < TOLERANCE
