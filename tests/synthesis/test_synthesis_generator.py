"""StyleGAN2: its names and shapes, one mathematics by every way, what training needs."""

import copy
import dataclasses
import math
import pickle
import threading
import warnings
from collections.abc import Callable

import pytest
import torch
from small_generators import SMALL, build, latents, slow_images
from torch.nn import functional as F

from sgvg_core.kernels.upfirdn2d import upsample2d
from sgvg_core.synthesis import StyleGAN2Generator
from sgvg_core.synthesis.layers import ModulatedConv


def test_names_and_shapes_are_those_of_nvidia() -> None:
    generator = build(dataclasses.replace(SMALL, c_dim=3))
    shapes = {name: tuple(tensor.shape) for name, tensor in generator.state_dict().items()}
    assert generator.num_ws == 8
    assert shapes["mapping.embed.weight"] == (14, 3)
    assert shapes["mapping.fc0.weight"] == (14, 10 + 14)
    assert shapes["mapping.w_avg"] == (14,)
    assert shapes["synthesis.b4.const"] == (16, 4, 4)
    assert shapes["synthesis.b8.conv0.weight"] == (12, 16, 3, 3)
    assert shapes["synthesis.b8.conv0.affine.weight"] == (16, 14)
    assert shapes["synthesis.b32.conv1.noise_const"] == (32, 32)
    assert shapes["synthesis.b32.conv1.noise_strength"] == ()
    assert shapes["synthesis.b32.torgb.weight"] == (3, 6, 1, 1)
    assert "synthesis.b4.conv0.weight" not in shapes
    assert not any("low_pass" in name or "resample_filter" in name for name in shapes)


def test_attributes() -> None:
    generator = build()
    assert (generator.z_dim, generator.c_dim, generator.w_dim, generator.img_resolution, generator.img_channels) == (10, 0, 14, 32, 3)
    assert generator.w_avg is generator.mapping.w_avg


@pytest.mark.parametrize("up", [False, True])
def test_modulated_convolution_is_that_of_the_paper(up: bool) -> None:
    """Modulate and demodulate the weights of each item in float64 (Karras et al. 2020, equations 1 and 3), then convolve."""
    torch.manual_seed(1)
    layer = ModulatedConv(5, 4, 6, (16, 16), up=up).double()
    x, w = torch.randn(3, 5, 8 if up else 16, 8 if up else 16).double(), torch.randn(3, 6).double()
    found = layer(x, w, noise=None)
    for item in range(3):
        weight = layer.weight / math.sqrt(45) * layer.affine(w[item : item + 1])[0][None, :, None, None]
        weight = weight / (weight.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        if up:  # zeros between the pixels, the convolution, the low-pass filter
            spread = torch.zeros(1, 5, 16, 16).double()
            spread[:, :, ::2, ::2] = x[item]
            taps = torch.tensor([1.0, 3.0, 3.0, 1.0]).double() / 4
            full = F.conv2d(spread, weight.flip(2, 3), padding=2)[:, :, :17, :17]
            expected = F.conv2d(full, torch.outer(taps, taps).expand(4, 1, 4, 4), padding=1, groups=4)
        else:
            expected = F.conv2d(x[item : item + 1], weight, padding=1)
        expected = F.leaky_relu(expected, 0.2) * math.sqrt(2)
        torch.testing.assert_close(found[item], expected[0], rtol=0, atol=1e-9)


def test_doubling_is_the_filter_1_3_3_1_with_zeros_outside() -> None:
    x = torch.randn(1, 2, 5, 5)
    spread = torch.zeros(1, 2, 14, 14)
    spread[:, :, 2:12:2, 2:12:2] = x
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 4
    expected = F.conv2d(spread, torch.outer(taps, taps).expand(2, 1, 4, 4), groups=2)[:, :, :10, :10]
    torch.testing.assert_close(upsample2d(x), expected)


@pytest.mark.parametrize("architecture", ["skip", "resnet", "orig"])
@pytest.mark.parametrize("mode", ["const", "random", "none", "seeded"])
def test_both_ways_give_the_same_images(architecture: str, mode: str) -> None:
    generator = build(dataclasses.replace(SMALL, architecture=architecture, img_channels=1, conv_clamp=2.0))
    ws = latents(generator)
    noise = {"noise_mode": mode, "noise_seed": 4, "noise_index": 2, "noise_strength": 1.5}
    slow = slow_images(generator, ws, **noise)
    with torch.no_grad():
        torch.testing.assert_close(generator.synthesis(ws, **noise), slow, rtol=0, atol=2e-5)


@pytest.mark.parametrize("architecture", ["skip", "resnet", "orig"])
def test_many_strips_give_the_same_image(monkeypatch: pytest.MonkeyPatch, architecture: str) -> None:
    generator = build(dataclasses.replace(SMALL, architecture=architecture, conv_clamp=2.0))
    ws = latents(generator)
    slow = slow_images(generator, ws)
    monkeypatch.setattr("sgvg_core.kernels.synthesis_cpu._STRIP_NUMBERS", 700)
    monkeypatch.setattr("sgvg_core.kernels.synthesis_cpu._STRIP_PIXELS", 1)
    with torch.no_grad():
        torch.testing.assert_close(generator.synthesis(ws), slow, rtol=0, atol=2e-5)
    assert max(len(list(conv.strips())) for conv in generator.synthesis.strips._convs) > 5


@torch.no_grad()
def test_a_batch_equals_its_members_to_the_bit() -> None:
    generator = build()
    ws = latents(generator, 4)
    for mode in ("const", "random"):
        together = generator.synthesis(ws, noise_mode=mode, noise_index=10)
        alone = [generator.synthesis(ws[item : item + 1], noise_mode=mode, noise_index=10 + item) for item in range(4)]
        assert torch.equal(together, torch.cat(alone))


@pytest.mark.slow
@torch.no_grad()
@pytest.mark.parametrize(("largest_in_lanes", "same_bits"), [(2**32, True), (0, False)])
def test_threads_change_next_to_nothing(monkeypatch: pytest.MonkeyPatch, largest_in_lanes: int, same_bits: bool) -> None:
    """A small network's pictures have a thread each, so its number changes no bit; those of a large one share the threads."""
    monkeypatch.setattr("sgvg_core.kernels.synthesis_cpu._LANE_PRODUCTS", largest_in_lanes)
    generator, before = build(dataclasses.replace(SMALL, img_resolution=64, channels=(64, 64, 64, 32, 16))), torch.get_num_threads()
    ws = latents(generator, 5)
    found = []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            found.append(generator.synthesis(ws))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    for images in found[1:]:
        assert not same_bits or torch.equal(images, found[0])
        assert (images - found[0]).abs().max() < 1e-3 * (found[0].max() - found[0].min())


def _step(generator: StyleGAN2Generator) -> None:
    generator.synthesis.b8.conv0.weight.mul_(-1)


def _new_data(generator: StyleGAN2Generator) -> None:
    generator.synthesis.b8.conv0.weight.data = generator.synthesis.b8.conv0.weight.data.neg()


def _load(generator: StyleGAN2Generator) -> None:
    generator.load_state_dict(build(seed=1).state_dict())


def _noise(generator: StyleGAN2Generator) -> None:
    for conv in generator.synthesis.convs:
        conv.noise_const.neg_()


def _optimiser(generator: StyleGAN2Generator) -> None:
    with torch.enable_grad():
        generator.requires_grad_(True).synthesis(latents(generator)).square().mean().backward()
    torch.optim.Adam(generator.parameters(), 0.1).step()
    generator.requires_grad_(False)


@pytest.mark.parametrize("change", [_step, _new_data, _load, _noise, _optimiser])
@torch.no_grad()
def test_a_change_of_weights_is_seen(change: Callable[[StyleGAN2Generator], None]) -> None:
    generator = build()
    ws = latents(generator)
    before = generator.synthesis(ws)
    change(generator)
    after = generator.synthesis(ws)
    assert (before - after).abs().max() > 1e-2
    with torch.enable_grad():
        torch.testing.assert_close(after, slow_images(generator, ws), rtol=0, atol=2e-5)


def test_weights_loaded_in_inference_mode_are_seen() -> None:
    """Tensors made there don't count their changes."""
    with torch.inference_mode():
        generator = build()
        ws = latents(generator)
        before = generator.synthesis(ws)
        generator.load_state_dict(build(seed=1).state_dict())
        after = generator.synthesis(ws)
    assert (before - after).abs().max() > 1e-2
    with torch.no_grad():
        assert torch.equal(generator.synthesis(ws), after)


def test_images_stay_as_they_were_given() -> None:
    """Buffers are kept between calls; a picture that was handed out must not be one of them."""
    generator = build()
    with torch.no_grad():
        first = generator.synthesis(latents(generator))
        kept = first.clone()
        generator.synthesis(latents(generator, seed=6))
    assert torch.equal(first, kept)


@pytest.mark.slow
def test_two_threads_may_use_one_network() -> None:
    generator = build().requires_grad_(False)
    inputs = [latents(generator, 2, seed) for seed in range(6)]
    expected = [generator.synthesis(ws) for ws in inputs]
    found: dict[int, torch.Tensor] = {}

    def work(index: int) -> None:
        for _ in range(5):
            found[index] = generator.synthesis(inputs[index])

    threads = [threading.Thread(target=work, args=(index,)) for index in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for index, images in enumerate(expected):
        torch.testing.assert_close(found[index], images, rtol=0, atol=1e-5)


def test_copies_are_whole_and_independent() -> None:
    generator = build().requires_grad_(False)
    ws = latents(generator)
    expected = generator.synthesis(ws)
    for other in (copy.deepcopy(generator), pickle.loads(pickle.dumps(generator))):  # noqa: S301 (our own bytes)
        assert torch.equal(other.synthesis(ws), expected)
        with torch.no_grad():
            other.synthesis.b4.const.neg_()
        assert not torch.equal(other.synthesis(ws), expected)
    assert torch.equal(generator.synthesis(ws), expected)


def test_released_buffers_come_back() -> None:
    generator = build().requires_grad_(False)
    ws = latents(generator)
    expected = generator.synthesis(ws)
    generator.synthesis.release_buffers()
    assert not generator.synthesis.strips._lanes
    assert torch.equal(generator.synthesis(ws), expected)


# ---- training, and other number types


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_learns_to_paint(dtype: torch.dtype) -> None:
    """Eight codes, eight plain pictures: a short training nears them."""
    torch.manual_seed(0)
    generator = build().train()
    z, wanted = torch.randn(8, 10), torch.rand(8, 3, 1, 1).expand(8, 3, 32, 32) * 2 - 1
    optimiser = torch.optim.Adam(generator.parameters(), 0.01, betas=(0.9, 0.99))
    losses = []
    for _ in range(40):
        loss = (generator.synthesis(generator.mapping(z), dtype=dtype) - wanted).abs().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.4 * losses[0]
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in generator.parameters())


def test_gradients_reach_latents_and_given_noise() -> None:
    generator = build().requires_grad_(False)
    ws = latents(generator).requires_grad_(True)
    generator.synthesis(ws).square().mean().backward()
    assert ws.grad is not None
    assert (ws.grad.abs().amax((0, 2)) > 0).all()
    noise = [conv.noise_const.clone().requires_grad_(True) for conv in generator.synthesis.convs]
    generator.synthesis(ws.detach(), noise_mode="given", noise=noise).square().mean().backward()
    assert all(each.grad is not None and each.grad.abs().max() > 0 for each in noise)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.bfloat16, 0.05), (torch.float16, 0.01)])
@torch.no_grad()
def test_lower_precision_is_near(dtype: torch.dtype, tolerance: float) -> None:
    generator = build()
    ws = latents(generator)
    exact, found = generator.synthesis(ws), generator.synthesis(ws, dtype=dtype)
    assert found.dtype == torch.float32
    assert 0 < (exact - found).abs().max() < tolerance * (exact.max() - exact.min())


@torch.no_grad()
def test_float16_out_of_range_falls_back_to_float32() -> None:
    generator = build()
    generator.synthesis.b32.conv1.bias.fill_(1e5)  # beyond float16's 65504
    ws = latents(generator)
    with pytest.warns(RuntimeWarning, match="float16 left its range in the synthesis network; using float32"):
        found = generator.synthesis(ws, dtype=torch.float16)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        exact = generator.synthesis(ws)
    assert found.isfinite().all()
    torch.testing.assert_close(found, exact, rtol=1e-4, atol=1e-2)
