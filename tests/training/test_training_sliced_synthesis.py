"""A batch that is cut into slices, one a thread, has the pictures and the gradients of the whole; compiled or not."""

import functools

import pytest
import torch

from sgvg_core.assembly import build_generator
from sgvg_core.presets import TINY_WORLD
from sgvg_core.synthesis import StyleGAN2Generator
from sgvg_core.training.world.growth import first_blocks
from sgvg_core.training.world.sliced_synthesis import SlicedSynthesis


@pytest.fixture
def net() -> StyleGAN2Generator:
    torch.manual_seed(3)
    generator = build_generator(TINY_WORLD.generator).requires_grad_(True)
    generator.mapping.requires_grad_(False)
    return generator


def check_gradients(net: StyleGAN2Generator, sizes: tuple[int, ...], threads: int, *, compiled: bool) -> None:
    z, weights = torch.randn(7, net.z_dim), [torch.randn(7, 3, size, size) for size in sizes]
    wanted = net.synthesis.pictures(net.mapping(z), sizes)
    torch.autograd.backward(wanted, weights)
    gradients = {name: weight.grad for name, weight in net.synthesis.named_parameters() if weight.grad is not None}
    net.zero_grad()
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        sliced = SlicedSynthesis(net, sizes, torch.float32, compiled=compiled)
        for images, whole in zip(sliced.images(z), wanted, strict=True):
            torch.testing.assert_close(images.detach(), whole.detach(), rtol=0, atol=2e-5)
        sliced.backward(weights)
    finally:
        torch.set_num_threads(before)
    assert len(gradients) > 10
    for name, weight in net.synthesis.named_parameters():
        torch.testing.assert_close(weight.grad, gradients[name], rtol=1e-3, atol=1e-4 * float(gradients[name].abs().max()), msg=name)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_slices_have_the_gradients_of_the_whole(net: StyleGAN2Generator, threads: int) -> None:
    """Seven pictures: some slices are smaller than others."""
    check_gradients(net, (16, 32), threads, compiled=False)


@pytest.mark.slow
def test_compiled_steps_have_them_too(net: StyleGAN2Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of torch.compile but its last part, which takes a C++ compiler and minutes."""
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="aot_eager"))
    check_gradients(first_blocks(net, TINY_WORLD.generator, 8), (8,), 2, compiled=True)


def test_blocks_that_stay_as_they_are_get_none(net: StyleGAN2Generator) -> None:
    net.synthesis.b4.requires_grad_(False)
    sliced = SlicedSynthesis(net, (32,), torch.float32, compiled=False)
    (images,) = sliced.images(torch.randn(2, net.z_dim))
    sliced.backward([torch.ones_like(images)])
    assert net.synthesis.b4.const.grad is None
    assert net.synthesis.b8.conv0.weight.grad is not None
