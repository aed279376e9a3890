"""Pictures of fewer blocks: those of a network that ends there, by every way, and only where the generator was trained for it."""

import dataclasses

import pytest
import torch
from small_generators import SMALL, build, latents, slow_images

from sgvg_core.config import GeneratorConfig
from sgvg_core.editing.sources import noise_generator
from sgvg_core.errors import ConfigError
from sgvg_core.generation import RenderSettings, images_of, resize
from sgvg_core.image_inversion import tuned_generator
from sgvg_core.synthesis import StyleGAN2Generator
from sgvg_core.training.world.growth import first_blocks

SIZED = dataclasses.replace(SMALL, smaller_sizes=(8, 16))


@pytest.mark.parametrize("size", [4, 8, 16, 32])
@pytest.mark.parametrize("noise", [{}, {"noise_mode": "none"}, {"noise_mode": "random", "noise_index": 3}, {"noise_mode": "seeded", "noise_seed": 2}])
def test_a_picture_of_a_size_is_that_of_the_network_that_ends_there(size: int, noise: dict[str, object]) -> None:
    generator, ws = build().requires_grad_(False), latents(build())
    smaller = first_blocks(generator, SMALL, size).requires_grad_(False)
    wanted = smaller.synthesis(ws[:, : smaller.num_ws], **noise)  # type: ignore[arg-type]
    assert wanted.shape == (3, 3, size, size)
    torch.testing.assert_close(generator.synthesis(ws, size=size, **noise), wanted, rtol=0, atol=0)  # type: ignore[arg-type]
    torch.testing.assert_close(slow_images(generator, ws, size=size, **noise), wanted, rtol=0, atol=2e-5)


def test_given_noise_may_be_of_all_layers_or_of_those_that_are_used() -> None:
    generator, ws = build().requires_grad_(False), latents(build())
    maps = [torch.randn_like(conv.noise_const) for conv in generator.synthesis.convs]
    whole = generator.synthesis(ws, size=8, noise_mode="given", noise=maps)
    torch.testing.assert_close(generator.synthesis(ws, size=8, noise_mode="given", noise=maps[:3]), whole, rtol=0, atol=0)
    assert not torch.equal(whole, generator.synthesis(ws, size=8))


def test_pictures_of_all_sizes_in_turn_stay_what_they_are() -> None:
    generator, ws = build().requires_grad_(False), latents(build())
    first = [generator.synthesis(ws, size=size) for size in (32, 8, 16)]
    again = [generator.synthesis(ws, size=size) for size in (8, 32, 16)]
    assert all(torch.equal(a, b) for a, b in zip(first, (again[1], again[0], again[2]), strict=True))
    assert torch.equal(first[0], generator.synthesis(ws))


def test_pictures_of_several_sizes_come_in_one_pass() -> None:
    generator, ws = build().requires_grad_(False), latents(build())
    for size, images in zip((16, 4, 32), generator.synthesis.pictures(ws, (16, 4, 32)), strict=True):
        torch.testing.assert_close(images, generator.synthesis(ws, size=size), rtol=0, atol=2e-5)
    with pytest.raises(ConfigError, match="synthesis size: got 12"):
        generator.synthesis.pictures(ws, (16, 12))


@pytest.mark.parametrize(("architecture", "size"), [("skip", 64), ("skip", 12), ("resnet", 16), ("orig", 8)])
def test_a_size_that_nothing_paints_is_refused(architecture: str, size: int) -> None:
    generator = build(dataclasses.replace(SMALL, architecture=architecture))
    with pytest.raises(ConfigError, match=f"synthesis size: got {size}, expected one of"):
        generator.synthesis(latents(generator), size=size)


@pytest.mark.parametrize(("asked", "painted"), [(None, 32), (32, 32), (24, 32), (17, 32), (16, 16)])
def test_films_of_smaller_pictures_leave_out_what_they_dont_need(asked: int | None, painted: int) -> None:
    generator = build(SIZED).requires_grad_(False)
    ws = latents(generator)
    (images,) = images_of(generator, [ws], RenderSettings(size=asked))
    torch.testing.assert_close(images, resize(generator.synthesis(ws, size=painted), asked))


def test_other_generators_paint_the_whole_picture_first() -> None:
    """What has been painted before the last block isn't a picture where nobody trained it to be one."""
    generator = build().requires_grad_(False)
    ws = latents(generator)
    (images,) = images_of(generator, [ws], RenderSettings(size=16))
    torch.testing.assert_close(images, resize(generator.synthesis(ws), 16))


def test_a_generator_that_was_changed_as_a_whole_paints_the_whole_picture_first() -> None:
    """Tuned weights and noise maps of one's own belong to the whole picture, and may lie in its last blocks alone."""
    generator = build(SIZED).requires_grad_(False)
    ws, last = latents(generator), generator.synthesis.b32.torgb.weight
    tuned = tuned_generator(generator, {"synthesis.b32.torgb.weight": torch.ones_like(last)})
    noisy = noise_generator(generator, [torch.full_like(conv.noise_const, 2.0) for conv in generator.synthesis.convs])
    for changed in (tuned, noisy):
        (images,) = images_of(changed, [ws], RenderSettings(size=16))
        torch.testing.assert_close(images, resize(changed.synthesis(ws), 16))
        assert not torch.allclose(images, generator.synthesis(ws, size=16), atol=0.01)
    assert generator.smaller_sizes == (8, 16)


def test_smooth_noise_and_larger_shapes_go_with_smaller_sizes() -> None:
    generator = build(SIZED).requires_grad_(False)
    ws = latents(generator)
    (small,) = images_of(generator, [ws], RenderSettings(size=16, noise_mode="smooth"))
    (wide,) = images_of(generator, [ws], RenderSettings(size=16, shape=(32, 64)))
    assert small.shape == (3, 3, 16, 16)
    assert wide.shape == (3, 3, 8, 16)


@pytest.mark.parametrize("sizes", [(32,), (64,), (12,), (2,)])
def test_only_sizes_of_blocks_before_the_last_are_smaller(sizes: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="generator smaller_sizes: got"):
        dataclasses.replace(SMALL, smaller_sizes=sizes)


def test_only_skip_paints_at_every_size() -> None:
    with pytest.raises(ConfigError, match="architecture skip"):
        dataclasses.replace(SIZED, architecture="resnet")


def test_the_first_blocks_know_the_sizes_below_theirs() -> None:
    assert SIZED.up_to(16) == dataclasses.replace(SMALL, img_resolution=16, channels=(16, 12, 8), smaller_sizes=(8,))
    generator = first_blocks(build(SIZED), SIZED, 16)
    assert isinstance(generator, StyleGAN2Generator)
    assert generator.smaller_sizes == (8,)
    assert GeneratorConfig(img_resolution=16, channels=(4, 4, 4)).smaller_sizes == ()
