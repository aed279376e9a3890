"""Perceptual distances and the inversion table on answers that are known."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sgvg_core.assembly import build_judge
from sgvg_core.config import JudgeConfig
from sgvg_core.errors import CheckpointError
from sgvg_core.evaluation.paper import WorldSource
from sgvg_core.evaluation.paper.inversion import Inverter, table3b
from sgvg_core.perceptual.distance import (
    PerceptualDistance,
    by_joint_space,
    by_judge,
    load_lpips,
    unit_difference,
)
from sgvg_core.world import KINDS


@pytest.fixture(scope="module")
def distances(tiny_model: Any) -> list[PerceptualDistance]:
    judge = build_judge(JudgeConfig(widths=(8, 8), labels=KINDS)).eval().requires_grad_(False)
    own = by_joint_space(tiny_model.joint_space)
    assert own is not None
    return [by_judge(judge), own]


def test_channels_of_unit_length_differ_by_two_less_two_cosines() -> None:
    one, other = torch.tensor([3.0, 4.0])[None, :, None, None], torch.tensor([0.0, 2.0])[None, :, None, None]
    assert unit_difference(one, other).sum().item() == pytest.approx(2 - 2 * 0.8)
    assert unit_difference(one, 5 * one).sum().item() == pytest.approx(0, abs=1e-6)


def test_the_same_is_zero_and_more_noise_is_farther(distances: list[PerceptualDistance]) -> None:
    generator = torch.Generator().manual_seed(0)
    images = torch.nn.functional.interpolate(torch.rand(2, 3, 8, 8, generator=generator) * 2 - 1, 64, mode="bilinear")
    noise = torch.randn(2, 3, 64, 64, generator=generator)
    for distance in distances:
        found = torch.stack([distance(images, images + share * noise) for share in (0, 0.05, 0.2, 0.8)])
        assert (found[0].abs() < 1e-6).all(), distance.name
        assert (found[1:] > found[:-1]).all(), distance.name
        assert torch.allclose(distance(images, images + 0.2 * noise), distance(images + 0.2 * noise, images), atol=1e-6)
        assert found.max() <= 4


def _write_lpips(folder: Path) -> tuple[Path, Path, dict[str, torch.Tensor]]:
    """An AlexNet with random weights in torchvision's layout, and linear weights in that of lpips."""
    generator = torch.Generator().manual_seed(1)
    shapes = {0: (64, 3, 11, 11), 3: (192, 64, 5, 5), 6: (384, 192, 3, 3), 8: (256, 384, 3, 3), 10: (256, 256, 3, 3)}
    state = {f"features.{index}.weight": 0.05 * torch.randn(shape, generator=generator) for index, shape in shapes.items()}
    state |= {f"features.{index}.bias": 0.1 * torch.randn(shape[0], generator=generator) for index, shape in shapes.items()}
    lines = {f"lin{index}.model.1.weight": torch.rand(1, shape[0], 1, 1, generator=generator) for index, shape in enumerate(shapes.values())}
    torch.save({**state, "classifier.1.weight": torch.zeros(2, 2)}, folder / "alexnet.pth")
    torch.save(lines, folder / "alex.pth")
    return folder / "alexnet.pth", folder / "alex.pth", {**state, **lines}


def test_lpips_is_the_published_formula(tmp_path: Path) -> None:
    """Written down once more, step by step, for random weights."""
    backbone, linear, state = _write_lpips(tmp_path)
    distance = load_lpips(backbone, linear)
    assert distance.name == "LPIPS"
    images = torch.rand(2, 1, 3, 64, 64, generator=torch.Generator().manual_seed(2)) * 2 - 1
    wanted, maps = 0.0, [(image - torch.tensor([-0.030, -0.088, -0.188])[:, None, None]) / torch.tensor([0.458, 0.448, 0.450])[:, None, None]
                         for image in images]  # fmt: skip
    layers = ((0, 4, 2, False), (3, 1, 2, True), (6, 1, 1, True), (8, 1, 1, False), (10, 1, 1, False))
    for level, (index, stride, padding, pooled) in enumerate(layers):
        maps = [torch.nn.functional.max_pool2d(each, 3, 2) if pooled else each for each in maps]
        weight, bias = state[f"features.{index}.weight"], state[f"features.{index}.bias"]
        maps = [torch.nn.functional.conv2d(each, weight, bias, stride, padding).relu() for each in maps]
        one, other = (each / each.norm(dim=1, keepdim=True) for each in maps)
        wanted += torch.nn.functional.conv2d((one - other) ** 2, state[f"lin{level}.model.1.weight"]).mean().item()
    assert distance(images[0], images[1]).item() == pytest.approx(wanted, rel=1e-4)
    assert distance(images[0], images[0]).item() == 0


def test_other_files_are_no_lpips(tmp_path: Path) -> None:
    backbone, linear, _ = _write_lpips(tmp_path)
    with pytest.raises(CheckpointError, match="neither torchvision's AlexNet nor its VGG-16"):
        load_lpips(linear, linear)
    with pytest.raises(CheckpointError, match="not LPIPS's linear weights for this backbone"):
        load_lpips(backbone, backbone)


@pytest.mark.slow
def test_descent_finds_a_image_of_the_generators_own(tiny_model: Any, distances: list[PerceptualDistance]) -> None:
    generator = tiny_model.generator
    with torch.no_grad():
        ws = generator.w_avg + 0.5 * torch.randn(1, generator.num_ws, generator.w_dim, generator=torch.Generator().manual_seed(3))
        image = generator.synthesis(ws, noise_mode="const")
        mean = generator.synthesis(generator.w_avg.expand(1, generator.num_ws, -1), noise_mode="const")
    inverter = Inverter(tiny_model, *distances, num_steps=40)
    found = inverter.descend(image, ("L2", "reg"))
    again = generator.synthesis(found, noise_mode="const")
    assert (again - image).square().mean() < 0.3 * (mean - image).square().mean()
    assert torch.equal(found, inverter.descend(image, ("L2", "reg")))
    terms = inverter.losses(found, again, image)
    assert {name: term().item() for name, term in inverter.losses(ws, image, image).items() if name != "reg"} == {
        "L2": 0, "perceptual": pytest.approx(0, abs=1e-6), "CLIP": pytest.approx(0, abs=1e-5)}  # fmt: skip
    assert terms["L2"]().item() > 0


@pytest.mark.slow
def test_table_3b_has_a_row_a_loss_and_is_kept(tiny_model: Any, distances: list[PerceptualDistance], tmp_path: Path) -> None:
    source, shown = WorldSource(2, 0, 0.5, 12), []
    inverter = Inverter(tiny_model, *distances, num_steps=2)
    made = [table3b(inverter, source, size=32, keep=tmp_path, progress=lambda *args: shown.append(args[:2])) for _ in range(2)]
    assert [row.name for row in made[0].rows] == [
        "L2 + reg", "L2 + perceptual + reg", "L2 + perceptual + reg + CLIP", "the command `invert`"]  # fmt: skip
    assert [metric.name for metric in made[0].metrics] == ["LPIPS-judge", "MSE"]
    assert made[0].to_dict() == made[1].to_dict()
    assert len(list(tmp_path.rglob("*.npz"))) == 8
    assert shown[-1] == (8, 8)
    assert all(np.isfinite(cell.value) for row in made[0].rows for cell in row.cells.values() if cell)
