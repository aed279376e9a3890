"""Pixels and images are each other's inverse, for any number of axes in front."""

import pytest
import torch

from sgvg_core.pixels import from_uint8, to_uint8


@pytest.mark.parametrize("shape", [(16, 16, 3), (2, 16, 16, 3), (2, 5, 8, 8, 3), (1, 256, 1, 1)])
def test_every_value_comes_back(shape: tuple[int, ...]) -> None:
    pixels = (torch.arange(torch.Size(shape).numel()) % 256).to(torch.uint8).reshape(shape)
    images = from_uint8(pixels)
    assert images.shape == (*shape[:-3], shape[-1], *shape[-3:-1])
    assert images.dtype == torch.float32
    assert torch.equal(images, pixels.movedim(-1, -3).float() / 127.5 - 1)
    assert torch.equal(to_uint8(images), pixels)


def test_values_are_rounded_and_clamped() -> None:
    images = torch.tensor([-3.0, -1.0, -0.999, 0.0, 1.0, 7.0]).reshape(1, 6, 1)
    assert to_uint8(images).flatten().tolist() == [0, 0, 0, 128, 255, 255]


def test_the_pixels_stay_as_they_were() -> None:
    pixels = torch.full((2, 2, 3), 9, dtype=torch.uint8)
    from_uint8(pixels)
    assert pixels.unique().tolist() == [9]
