"""ST-LPIPS: the published formula, with the weights of an installed package."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from sgvg_core.editing import invert_with_model, perceptual_of
from sgvg_core.errors import CheckpointError, ConfigError
from sgvg_core.image_inversion import InversionSettings
from sgvg_core.perceptual import load_st_lpips

NUMBERS = ("slice1.0", "slice2.5", "slice3.9", "slice4.11", "slice5.13")
SHAPES = ((64, 3, 11, 11), (192, 64, 5, 5), (384, 192, 3, 3), (256, 384, 3, 3), (256, 256, 3, 3))


def _tensors() -> dict[str, torch.Tensor]:
    """Random weights under the package's names, with what else its file holds."""
    generator = torch.Generator().manual_seed(3)
    state = {"scaling_layer.shift": torch.zeros(1, 3, 1, 1), "net.slice1.1.filt": torch.zeros(64, 1, 3, 3)}
    for layer, (number, shape) in enumerate(zip(NUMBERS, SHAPES, strict=True)):
        state[f"net.{number}.weight"] = torch.randn(shape, generator=generator) / (shape[1] * shape[2] ** 2) ** 0.5
        state[f"net.{number}.bias"] = 0.1 * torch.randn(shape[0], generator=generator)
        state[f"lin{layer}.model.1.weight"] = torch.rand(1, shape[0], 1, 1, generator=generator)
    return state


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of that name beside the others, as pip lays it out: its file of weights."""
    info = tmp_path / "stlpips_pytorch-0.0.2.dist-info"
    file = tmp_path / "stlpips_pytorch" / "weights" / "vST0.0" / "alex_shift_tolerant.pth"
    info.mkdir()
    file.parent.mkdir(parents=True)
    torch.save(_tensors(), file)
    (tmp_path / "stlpips_pytorch" / "__init__.py").write_text("raise RuntimeError('the code of the package ran')\n")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stlpips_pytorch\nVersion: 0.0.2\n")
    (info / "RECORD").write_text(f"{file.relative_to(tmp_path).as_posix()},,\nstlpips_pytorch/__init__.py,,\n")
    monkeypatch.syspath_prepend(tmp_path)
    return file


def _halved(x: torch.Tensor) -> torch.Tensor:
    """A binomial blur as an average of four shifted averages, and every second pixel."""
    x = F.pad(x, (2, 2, 2, 2), mode="reflect")
    return F.avg_pool2d(F.avg_pool2d(x, 2, 1), 2, 1)[..., ::2, ::2]


@pytest.mark.slow
@pytest.mark.parametrize("size", [64, 97])
def test_it_is_the_published_formula(installed: Path, size: int) -> None:
    state = _tensors()
    images = torch.rand(2, 1, 3, size, size, generator=torch.Generator().manual_seed(2)) * 2 - 1
    shift, scale = torch.tensor([-0.030, -0.088, -0.188])[:, None, None], torch.tensor([0.458, 0.448, 0.450])[:, None, None]
    maps, wanted = [(image - shift) / scale for image in images], 0.0
    for layer, number in enumerate(NUMBERS):
        if layer in (1, 2):
            maps = [_halved(F.max_pool2d(each, 3, 1)) for each in maps]
        weight, bias = state[f"net.{number}.weight"], state[f"net.{number}.bias"]
        maps = [F.conv2d(each, weight, bias, padding=(2, 2, 1, 1, 1)[layer]) for each in maps]
        maps = [(_halved(each) if layer == 0 else each).relu() for each in maps]
        one, other = (each / each.norm(dim=1, keepdim=True) for each in maps)
        wanted += F.conv2d((one - other) ** 2, state[f"lin{layer}.model.1.weight"]).mean().item()
    distance = load_st_lpips()
    assert distance.name == "ST-LPIPS"
    assert distance(images[0], images[1]).item() == pytest.approx(wanted, rel=1e-4)
    assert distance(images[0], images[0]).item() == 0


@pytest.mark.slow
def test_an_inversion_takes_it(installed: Path, tiny_model: Any) -> None:
    """What is found is another than without it, also for a model that has no joint space."""
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(5)) * 2 - 1
    for model in (tiny_model, dataclasses.replace(tiny_model, joint_space=None)):
        distance = perceptual_of(model, "st-lpips")
        assert distance is not None
        assert distance.name == "ST-LPIPS"
        settings = [InversionSettings(num_steps=6, perceptual="st-lpips", perceptual_weight=weight) for weight in (0, 1)]
        made = [invert_with_model(model, image, each).ws for each in settings]
        assert not torch.equal(*made)


@pytest.mark.slow
def test_descent_on_it_brings_images_together(installed: Path) -> None:
    images = torch.rand(2, 1, 3, 64, 64, generator=torch.Generator().manual_seed(6)) * 2 - 1
    to_other, moved = load_st_lpips().fixed(images[1]), images[0].clone().requires_grad_()
    optimiser = torch.optim.Adam([moved], lr=0.05)
    distances = []
    for _ in range(8):
        distances.append(to_other(moved).sum())
        optimiser.zero_grad()
        distances[-1].backward()
        optimiser.step()
    assert distances[-1] < 0.7 * distances[0]


def test_what_is_missing_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tiny_model: Any, tmp_path: Path) -> None:
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    with pytest.raises(ConfigError, match="pip install --no-deps stlpips-pytorch"):
        perceptual_of(tiny_model, "st-lpips")


@pytest.mark.parametrize("broken", ["another network", "a layer is missing", "a layer of another shape", "a list"])
def test_another_file_is_named(tmp_path: Path, broken: str) -> None:
    state: Any = _tensors()
    if broken == "another network":
        state = {name.replace("lin3", "line3"): tensor for name, tensor in state.items()}
    elif broken == "a layer is missing":
        del state["net.slice3.9.bias"]
    elif broken == "a layer of another shape":
        state["net.slice3.9.weight"] = torch.zeros(384, 192, 5, 5)
    else:
        state = [1, 2]
    torch.save(state, tmp_path / "weights.pth")
    with pytest.raises(CheckpointError, match=r"weights\.pth"):
        load_st_lpips(tmp_path / "weights.pth")
