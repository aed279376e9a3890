"""The transforms of adaptive augmentation: what each does to a picture, that gradients pass, and how the strength follows the signs."""

import math

import pytest
import torch
from torch.nn import functional as F

from sgvg_core.augmentation.adaptive import (
    COLOURS,
    KINDS,
    PLACES,
    AugmentConfig,
    adapted,
    augment,
    draw_transforms,
    sample_by_taps,
)
from sgvg_core.errors import ConfigError
from sgvg_core.randomness import generator_for, normal

IMAGE = normal(0, "picture", 0, 1, 3, 16, 16).clamp(-1, 1)


def draws(uniform=(0.5, 0.5), drawn=(0.0, 0.0), comes=0.0):
    """The same numbers for every transform of one item."""
    return torch.tensor([comes, *uniform, *drawn])[None, :, None].expand(1, 5, len(KINDS))


def test_a_flip_a_turn_and_a_shift_keep_the_pixels():
    assert torch.allclose(augment(IMAGE, draws((0.9, 0.5)), 1.0, ("flip",)), IMAGE.flip(3), atol=1e-5)
    assert torch.equal(augment(IMAGE, draws((0.1, 0.5)), 1.0, ("flip",)), augment(IMAGE, draws((0.2, 0.1)), 1.0, ("flip",)))
    turned = augment(IMAGE, draws((0.3, 0.5)), 1.0, ("turn",))  # a quarter
    assert min((turned - IMAGE.rot90(times, (2, 3))).abs().max() for times in (1, 3)) < 1e-5
    shifted = augment(IMAGE, draws((1.0, 0.0)), 1.0, ("shift",))  # two pixels of 16 to one side, two of them up or down
    assert torch.allclose(shifted[..., 2:, :-2], IMAGE[..., :-2, 2:], atol=1e-5)


def test_beyond_the_border_stands_the_reflection():
    shifted = augment(IMAGE, draws((1.0, 0.5)), 1.0, ("shift",))
    assert torch.allclose(shifted[..., -2:], IMAGE[..., -2:].flip(3), atol=1e-5)


def test_scale_rotate_stretch_and_slide_move_a_spot_as_they_say():
    y, x = torch.meshgrid(torch.linspace(-1, 1, 65), torch.linspace(-1, 1, 65), indexing="ij")

    def spot(at_x, at_y):
        return torch.exp(-((x - at_x) ** 2 + (y - at_y) ** 2) * 60)[None, None].expand(1, 3, -1, -1)

    def centre(images):
        weights = images[0, 0] / images[0, 0].sum()
        return (weights * x).sum().item(), (weights * y).sum().item()

    assert centre(augment(spot(0.3, 0.0), draws(drawn=(2.0, 0.0)), 1.0, ("scale",))) == pytest.approx((0.3 * 2**0.4, 0.0), abs=0.01)
    assert math.hypot(*centre(augment(spot(0.3, 0.0), draws((0.75, 0.5)), 1.0, ("rotate",)))) == pytest.approx(0.3, abs=0.01)
    assert abs(centre(augment(spot(0.3, 0.0), draws((0.75, 0.5)), 1.0, ("rotate",)))[1]) == pytest.approx(0.3, abs=0.01)  # a quarter turn
    stretched = centre(augment(spot(0.3, 0.3), draws(drawn=(2.0, 0.0)), 1.0, ("stretch",)))
    assert stretched == pytest.approx((0.3 * 2**0.4, 0.3 * 2**-0.4), abs=0.01)
    assert centre(augment(spot(0.0, 0.0), draws(drawn=(1.0, -2.0)), 1.0, ("slide",))) == pytest.approx((-0.25, 0.5), abs=0.02)


def test_colours():
    assert torch.allclose(augment(IMAGE, draws(drawn=(1.0, 0.0)), 1.0, ("brightness",)), IMAGE + 0.2, atol=1e-5)
    assert torch.allclose(augment(IMAGE, draws(drawn=(2.0, 0.0)), 1.0, ("contrast",)), IMAGE * 2, atol=1e-5)
    grey = IMAGE.mean(1, keepdim=True)
    assert torch.allclose(augment(IMAGE, draws((0.9, 0.5)), 1.0, ("luma_flip",)), IMAGE - 2 * grey, atol=1e-5)
    assert torch.allclose(augment(IMAGE, draws(drawn=(1.0, 0.0)), 1.0, ("saturation",)), grey + 2 * (IMAGE - grey), atol=1e-5)
    third = augment(IMAGE, draws((5 / 6, 0.5)), 1.0, ("hue",))  # a third of a circle exchanges the colours in turn
    assert min((third - IMAGE.roll(places, 1)).abs().max() for places in (1, 2)) < 1e-5


def test_without_strength_or_kinds_nothing_happens():
    assert augment(IMAGE, draws(), 0.0) is IMAGE
    assert augment(IMAGE, draws(), 1.0, ()) is IMAGE
    assert torch.allclose(augment(IMAGE, draws((0.9, 0.9), (1.0, 1.0), comes=0.7), 0.6), IMAGE, atol=1e-5)


def test_each_transform_comes_as_often_as_its_strength_says():
    many = torch.stack([draw_transforms(generator_for(3, "test", item)) for item in range(3000)])
    assert (many[:, 0] < 0.3).float().mean(0) == pytest.approx(torch.full((len(KINDS),), 0.3), abs=0.03)
    assert many[:, 1:3].mean() == pytest.approx(0.5, abs=0.01)
    assert many[:, 3:].std() == pytest.approx(1.0, abs=0.02)


def test_an_item_alone_equals_the_item_among_others():
    images = normal(1, "pictures", 0, 4, 3, 16, 16)
    some = torch.stack([draw_transforms(generator_for(3, "test", item)) for item in range(4)])
    together = augment(images, some, 0.8)
    assert not torch.allclose(together, images)
    assert torch.allclose(together[2:3], augment(images[2:3], some[2:3], 0.8), atol=1e-5)


@pytest.mark.parametrize("kinds", [PLACES, COLOURS])
def test_gradients_pass(kinds):
    images = normal(1, "pictures", 0, 2, 3, 6, 6).double().requires_grad_(True)
    some = torch.stack([draw_transforms(generator_for(3, "test", item)) for item in range(2)])
    weights = normal(2, "weights", 0, 2, 3, 6, 6)
    (gradient,) = torch.autograd.grad((augment(images, some, 0.9, kinds) * weights).sum(), images)
    direction = normal(3, "direction", 0, 2, 3, 6, 6).double()
    with torch.no_grad():  # they're linear but for a constant, so a long step is as good as a short one
        change = ((augment(images + direction, some, 0.9, kinds) - augment(images, some, 0.9, kinds)) * weights).sum()
    assert (gradient * direction).sum().item() == pytest.approx(change.item(), rel=1e-3)


def test_sampling_by_taps_equals_torchs_own():
    images = normal(1, "pictures", 0, 2, 3, 9, 9).requires_grad_(True)
    grid = normal(2, "grid", 0, 2, 9, 9, 2) * 2
    theirs = F.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    ours = sample_by_taps(images, grid)
    assert torch.allclose(ours, theirs, atol=1e-4)
    (gradient,) = torch.autograd.grad(ours.square().sum(), images)
    (wanted,) = torch.autograd.grad(theirs.square().sum(), images)
    assert torch.allclose(gradient, wanted, atol=1e-3)


def test_the_strength_follows_the_signs():
    config = AugmentConfig(target=0.6, images_to_full=1000)
    assert adapted(0.2, 0.9, 100, config) == pytest.approx(0.3)
    assert adapted(0.2, 0.1, 100, config) == pytest.approx(0.1)
    assert adapted(0.05, 0.1, 100, config) == 0.0
    assert adapted(0.95, 0.7, 100, config) == 1.0
    assert adapted(0.2, 0.6, 100, config) == 0.2
    assert adapted(0.2, 0.9, 100, AugmentConfig(target=None)) == 0.2


def test_an_unknown_kind_is_refused():
    with pytest.raises(ConfigError, match="augment kinds: got 'cutout', expected flip, turn"):
        AugmentConfig(kinds=("cutout",))
