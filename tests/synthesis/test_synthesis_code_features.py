"""The fixed features of a code: what they keep, what they leave out."""

import dataclasses

import pytest
import torch

from sgvg_core.config import CodeFeaturesConfig
from sgvg_core.synthesis import CodeFeatures, StyleGAN2Generator

CONFIG = CodeFeaturesConfig(num_classes=5, num_choices=3, num_values=2, num_harmonics=4)
# Their order: classes 5, pairs 15, values 2, waves 3 octaves x (sin, cos) x 2, cos 4, sin 4.
CLASSES, PAIRS, VALUES = slice(0, 5), slice(5, 20), slice(20, 22)
CIRCLE = slice(34, 42)


def codes(num_codes: int = 1000) -> torch.Tensor:
    return torch.randn(num_codes, 32, generator=torch.Generator().manual_seed(0))


def with_phase(z: torch.Tensor, turns: torch.Tensor) -> torch.Tensor:
    z = z.clone()
    z[:, 10], z[:, 11] = (2 * torch.pi * turns).cos(), (2 * torch.pi * turns).sin()
    return z


def test_number_of_features() -> None:
    features = CodeFeatures(CONFIG)
    assert features(codes()).shape == (1000, 42)
    assert features.num_features == CONFIG.num_features == 42
    assert not list(features.parameters())


def test_class_and_choice_are_said_softly() -> None:
    z = codes()
    clear = CodeFeatures(CONFIG).is_clear(z)
    found = CodeFeatures(CONFIG)(z)
    kind, choice = z[:, :5].argmax(1), z[:, 5:8].argmax(1)
    assert torch.equal(found[:, CLASSES].argmax(1), kind)
    assert torch.equal(found[clear][:, PAIRS].argmax(1), (kind * 3 + choice)[clear])
    torch.testing.assert_close(found[:, CLASSES].sum(1), torch.full((1000,), 3.0))
    torch.testing.assert_close(found[:, PAIRS].sum(1), torch.full((1000,), 5.0))


def test_phase_is_a_full_circle() -> None:
    """Half a turn apart and mirrored phases differ; a whole turn is none."""
    features, z = CodeFeatures(CONFIG), codes(1)
    turns = torch.linspace(0, 1, 65)[:-1]
    circle = features(with_phase(z.expand(64, -1), turns))[:, CIRCLE]
    distances = torch.cdist(circle, circle) + 100 * torch.eye(64)
    assert distances.min() > 0.2
    torch.testing.assert_close(features(with_phase(z, torch.tensor([1.0])))[:, CIRCLE], circle[:1], rtol=0, atol=1e-4)
    smooth = (circle.roll(-1, 0) - circle).norm(dim=1)
    torch.testing.assert_close(smooth, smooth.mean().expand(64), rtol=0.01, atol=0)


def test_values_are_uniform_and_the_rest_of_z_is_not_read() -> None:
    features, z = CodeFeatures(CONFIG), codes()
    values = features(z)[:, VALUES]
    assert values.abs().max() < 3**0.5
    assert values.std(0) == pytest.approx([1.0, 1.0], abs=0.06)
    other = z.clone()
    other[:, 12:] = other[:, 12:].flip(1)  # the same norm
    torch.testing.assert_close(features(other), features(z), rtol=0, atol=1e-5)


def test_scales_are_near_one() -> None:
    """No part drowns another."""
    spread = CodeFeatures(CodeFeaturesConfig())(torch.randn(4000, 64)).std(0)
    assert spread.min() > 0.2  # the cosine of a quarter turn moves least
    assert spread.max() < 1.6


def test_clear_codes_lead_by_the_margin() -> None:
    z = torch.zeros(4, 32)
    z[:, 12:] = 1.0
    z[:, 0], z[:, 5] = 3.0, 3.0
    z[1, 1] = 2.9  # two classes close
    z[2, 6] = 2.9  # two choices close
    z[3, 1] = 1.0
    assert CodeFeatures(CONFIG).is_clear(z).tolist() == [True, False, False, True]
    single = CodeFeatures(dataclasses.replace(CONFIG, num_classes=1, num_choices=1))
    assert single.is_clear(z).all()


def test_mapping_takes_the_features() -> None:
    generator = StyleGAN2Generator(8, (8, 8), z_dim=32, w_dim=16, mapping_layers=2, mapping_lr_multiplier=1.0, code_features=CONFIG)
    assert generator.mapping.fc0.weight.shape == (16, 42)
    assert generator.code_features is generator.mapping.features
    z = codes(3)
    other = z.clone()
    other[:, 12:] = other[:, 12:].flip(1)
    torch.testing.assert_close(generator.mapping(z), generator.mapping(other), rtol=0, atol=1e-4)
    assert not any("features" in name for name in generator.state_dict())
