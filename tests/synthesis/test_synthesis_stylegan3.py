"""StyleGAN3: its names, one mathematics by every way, and pictures that are moved without touching the generator."""

import copy
import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
import torch

from sgvg_core.assembly import build_generator
from sgvg_core.config import StyleGAN3Config
from sgvg_core.errors import ConfigError, ShapeError
from sgvg_core.generation import ANCHORS, Pose, anchor_placement, pose_transforms
from sgvg_core.synthesis import StyleGAN2Generator, StyleGAN3Generator
from sgvg_core.synthesis.filters import radial_lowpass, separable_lowpass

T = StyleGAN3Config(img_resolution=16, channels=(8, 8, 6, 5), z_dim=6, w_dim=7)
R = dataclasses.replace(T, conv_kernel=1, use_radial_filters=True)
WIDE = StyleGAN3Config(img_resolution=32, channels=(10, 9, 8, 7, 6, 6), z_dim=6, w_dim=7)


def build(config: StyleGAN3Config = T, seed: int = 0) -> StyleGAN3Generator:
    """A generator whose biases and mean latent aren't zero and which places its pictures by latent 0."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        generator = build_generator(config).eval().requires_grad_(False)
        for name, tensor in generator.state_dict().items():
            if name.endswith(("bias", "w_avg", "magnitude_ema", "input.affine.weight")):
                tensor += 0.3 * torch.rand_like(tensor)
    return generator


def latents(generator: StyleGAN3Generator, num_items: int = 2) -> torch.Tensor:
    return torch.randn(num_items, generator.num_ws, generator.w_dim, generator=torch.Generator().manual_seed(5))


def with_gradients(generator: StyleGAN3Generator, ws: torch.Tensor, **arguments: Any) -> torch.Tensor:
    """Pictures by the way that records gradients."""
    return generator.synthesis(ws.clone().requires_grad_(), **arguments).detach()


def test_stylegan3_has_the_vocabulary_of_stylegan2() -> None:
    generator = build()
    assert (generator.z_dim, generator.c_dim, generator.w_dim, generator.img_resolution, generator.img_channels) == (6, 0, 7, 16, 3)
    assert (generator.num_ws, generator.synthesis.num_ws, generator.mapping.num_ws) == (6, 6, 6)
    assert generator.w_avg is generator.mapping.w_avg
    assert generator.code_features is None
    assert generator.synthesis.layer_names == ["L0_36_8", "L1_36_8", "L2_36_6", "L3_16_5", "L4_16_3"]
    z = torch.randn(2, 6)
    assert torch.equal(generator(z, truncation_psi=0.5), generator.synthesis(generator.mapping(z, truncation_psi=0.5)))


def test_sixteen_latents_as_nvidia_names_its_layers() -> None:
    """NVIDIA's own plan for T at 256 px with channel base 16384."""
    widths = (512, 512, 512, 512, 512, 512, 512, 362, 256, 181, 128, 91, 64, 64)
    bands = StyleGAN3Config(img_resolution=256, channels=widths).bands
    assert [band.size for band in bands] == [36, 36, 36, 52, 52, 84, 84, 148, 148, 148, 276, 276, 276, 256, 256]


@pytest.mark.parametrize("design", [lambda taps: separable_lowpass(taps, 2.0, 3.0, 32.0), lambda taps: radial_lowpass(taps, 2.0, 3.0, 32.0)])
def test_filters_are_symmetric_and_keep_a_constant(design: Callable[[int], torch.Tensor]) -> None:
    for num_taps in (5, 12):
        taps = design(num_taps)
        assert taps.dtype == torch.float64
        torch.testing.assert_close(taps, taps.flip(list(range(taps.ndim))), rtol=0, atol=1e-12)
        assert abs(taps.sum().item() - 1) < 1e-12


def test_a_filter_keeps_its_band_and_stops_what_lies_beyond() -> None:
    taps, angles = separable_lowpass(48, 4.0, 4.0, 64.0), torch.arange(48, dtype=torch.float64) - 23.5
    response = [(taps * torch.cos(2 * torch.pi * frequency / 64 * angles)).sum().item() for frequency in (1.0, 4.0, 8.0)]
    assert response[0] == pytest.approx(1, abs=0.02)
    assert response[1] == pytest.approx(0.5, abs=0.02)  # half at the cutoff
    assert abs(response[2]) < 0.02


@pytest.mark.parametrize(
    "config", [T, R, WIDE, dataclasses.replace(R, lrelu_upsampling=1), dataclasses.replace(T, margin_size=0, filter_size=3, conv_clamp=0.5)]
)
@pytest.mark.parametrize("numbers", [2**19, 900])
def test_both_ways_give_the_same_stylegan3_images(config: StyleGAN3Config, numbers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With gradients, and in blocks: of many channels, or of some rows of one."""
    monkeypatch.setattr("sgvg_core.kernels.filtered_lrelu._BLOCK_NUMBERS", numbers)
    generator = build(config)
    ws, move = latents(generator), pose_transforms(x=[0.1, -0.2], rotate=20)
    slow = with_gradients(generator, ws, transform=move)
    torch.testing.assert_close(generator.synthesis(ws, transform=move), slow, rtol=0, atol=2e-5)


def test_large_features_are_enlarged_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = build(R)
    arguments = latents(generator), torch.float32, None, None
    whole = generator.synthesis._images(*arguments)  # the plain way, as on other devices
    monkeypatch.setattr("sgvg_core.kernels.filtered_lrelu._PLAIN_NUMBERS", 5000)
    torch.testing.assert_close(generator.synthesis._images(*arguments), whole, rtol=0, atol=1e-6)


def test_a_image_does_not_depend_on_its_batch() -> None:
    generator = build()
    ws, move = latents(generator, 3), pose_transforms(x=[0.0, 0.1, 0.2], zoom=[1, 2, 0.9])
    alone = torch.cat([generator.synthesis(ws[item : item + 1], transform=move[item : item + 1]) for item in range(3)])
    assert torch.equal(generator.synthesis(ws, transform=move), alone)


def test_gradients_reach_the_latents() -> None:
    generator = build()
    ws = latents(generator, 1).requires_grad_()
    step = torch.zeros_like(ws)
    step[0, 2, 3] = 1e-2
    images = generator.synthesis(ws)
    (slope,) = torch.autograd.grad(images.square().sum(), ws)
    ahead, behind = (generator.synthesis((ws + sign * step).detach()).double().square().sum() for sign in (1, -1))
    assert slope[0, 2, 3].item() == pytest.approx((ahead - behind).item() / 2e-2, rel=0.02)
    assert (slope.abs().amax((0, 2)) > 0).all()


def test_noise_arguments_do_nothing_and_are_checked() -> None:
    generator = build()
    ws = latents(generator)
    plain = generator.synthesis(ws)
    assert torch.equal(generator.synthesis(ws, noise_mode="random", noise_strength=2.0, noise_seed=4, noise_index=7), plain)
    with pytest.raises(ConfigError, match="noise_mode: got 'loud'"):
        generator.synthesis(ws, noise_mode="loud")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_smaller_number_types_come_near(dtype: torch.dtype) -> None:
    generator = build(WIDE)
    ws = latents(generator)
    found = generator.synthesis(ws, dtype=dtype)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, generator.synthesis(ws), rtol=0, atol=0.05)


def test_float16_that_leaves_its_range_becomes_float32() -> None:
    generator = build(dataclasses.replace(T, conv_clamp=None))
    generator.synthesis.layers[-2].bias.fill_(1e6)
    ws = latents(generator)
    with pytest.warns(RuntimeWarning, match="float16 left its range"):
        found = generator.synthesis(ws, dtype=torch.float16)
    torch.testing.assert_close(found, generator.synthesis(ws), rtol=1e-4, atol=1e-2)


def test_shapes_are_checked() -> None:
    generator = build()
    ws = latents(generator)
    with pytest.raises(ShapeError, match=r"ws: got shape \[2, 5, 7\], expected \[N, num_ws=6, w_dim=7\]"):
        generator.synthesis(ws[:, 1:])
    with pytest.raises(ShapeError, match=r"transform: got shape \[3, 3, 3\], expected \[N=2, 3, 3\]"):
        generator.synthesis(ws, transform=torch.eye(3).repeat(3, 1, 1))
    with pytest.raises(ShapeError, match=r"placement: got shape \[2, 3\]"):
        generator.synthesis(ws, placement=torch.zeros(2, 3))


# ---- pose


def waves(generator: StyleGAN3Generator, **pose: Any) -> torch.Tensor:
    """The input features [C, 36, 36] of a pose, 16 samples a picture width."""
    return generator.synthesis.input(generator.w_avg[None], pose_transforms(**pose))[0]


def test_a_shift_is_in_image_widths_to_the_right_and_down() -> None:
    generator = build()
    still = waves(generator)
    torch.testing.assert_close(waves(generator, x=2 / 16)[:, :, 2:], still[:, :, :-2], rtol=0, atol=2e-5)
    torch.testing.assert_close(waves(generator, y=3 / 16)[:, 3:], still[:, :-3], rtol=0, atol=2e-5)


def test_a_turn_is_counter_clockwise_and_before_the_shift() -> None:
    generator = build()
    still = waves(generator)
    turned = torch.rot90(still, 1, (1, 2))
    torch.testing.assert_close(waves(generator, rotate=90), turned, rtol=0, atol=2e-5)
    torch.testing.assert_close(waves(generator, rotate=90, x=1 / 16)[:, :, 1:], turned[:, :, :-1], rtol=0, atol=2e-5)


def test_zoom_enlarges_about_the_centre() -> None:
    generator = build()
    near = waves(generator, zoom=3)
    torch.testing.assert_close(near[:, 1::3, 1::3], waves(generator)[:, 12:24, 12:24], rtol=0, atol=2e-5)
    with pytest.raises(ConfigError, match="zoom: got 0"):
        pose_transforms(zoom=[1.0, 0.0])


def test_configuration_r_turns_its_image_and_t_moves_it() -> None:
    """Quarter turns are exact: the network and its sampling grid look the same from all four sides."""
    generator = build(R)
    ws, still = latents(generator), pose_transforms(num_frames=2)
    placed = {"placement": torch.tensor([1.0, 0.0, 0.0, 0.0])}
    image = generator.synthesis(ws, transform=still, **placed)
    turned = generator.synthesis(ws, transform=pose_transforms(rotate=90, num_frames=2), **placed)
    torch.testing.assert_close(turned, torch.rot90(image, 1, (2, 3)), rtol=0, atol=2e-5)
    generator = build(WIDE)
    ws = latents(generator)
    image = generator.synthesis(ws, transform=still)
    moved = generator.synthesis(ws, transform=pose_transforms(x=2 / 16, num_frames=2))  # 4 pixels of 32
    inside = (slice(None), slice(None), slice(8, 24))
    difference = (moved[..., 12:24] - image[..., 8:20])[inside].abs().mean()
    assert difference < 0.2 * (moved - image)[..., 8:24][inside].abs().mean()


def test_every_frame_has_its_own_pose_and_the_last_one_holds() -> None:
    generator = build()
    pose = Pose(pose_transforms(x=[0.0, 0.1, 0.2], rotate=5.0), anchor="exact")
    arguments = pose.arguments(generator, first=1, num_frames=4)
    assert arguments["transform"].shape == (4, 3, 3)
    torch.testing.assert_close(arguments["transform"], pose.transforms[[1, 2, 2, 2]])
    with pytest.raises(ShapeError, match=r"y: got shape \[2\], expected one number, or \[T=3\]"):
        pose_transforms(x=[0, 1, 2], y=[0, 1])
    with pytest.raises(ConfigError, match="x: got a number that isn't finite"):
        pose_transforms(x=float("nan"))
    with pytest.raises(ShapeError, match=r"expected \[T, 3, 3\]"):
        Pose(torch.eye(3))
    with pytest.raises(ConfigError, match="only a StyleGAN3 generator can"):
        pose.arguments(StyleGAN2Generator(8, (4, 4), z_dim=4, w_dim=4), 0, 1)


def test_anchors() -> None:
    generator = build()
    ws = latents(generator)
    free, exact, released = (generator.synthesis(ws, placement=anchor_placement(generator, anchor)) for anchor in ("none", "exact", "released"))
    assert torch.equal(free, generator.synthesis(ws))
    at_mean = ws.clone()
    at_mean[:, 0] = generator.w_avg
    torch.testing.assert_close(exact, generator.synthesis(at_mean), rtol=0, atol=1e-5)
    quirk = copy.deepcopy(generator)  # what the released code does to its generator
    quirk.synthesis.input.affine.bias += quirk.synthesis.input.affine(quirk.w_avg[None])[0]
    quirk.synthesis.input.affine.weight.zero_()
    torch.testing.assert_close(released, quirk.synthesis(ws), rtol=0, atol=1e-5)
    assert (released - exact).abs().max() > 1e-3
    assert (free - exact).abs().max() > 1e-3
    with pytest.raises(ConfigError, match="anchor: got 'iron', expected none, exact, released"):
        anchor_placement(generator, "iron")


@pytest.mark.parametrize("anchor", ANCHORS)
def test_a_pose_never_changes_the_generator(anchor: str) -> None:
    generator = build()
    ws, before = latents(generator), copy.deepcopy(generator.state_dict())
    image = generator.synthesis(ws)
    generator.synthesis(ws, **Pose(pose_transforms(x=[0.1, 0.3], rotate=[10, 20], zoom=1.5), anchor).arguments(generator, 0, 2))
    assert torch.equal(generator.synthesis(ws), image)
    assert all(torch.equal(tensor, before[name]) for name, tensor in generator.state_dict().items())


def test_a_pose_comes_on_top_of_the_transform_in_the_file() -> None:
    generator = build()
    ws, move = latents(generator, 1), pose_transforms(x=0.1, rotate=30)
    stored = pose_transforms(y=0.2, zoom=1.3)
    expected = generator.synthesis(ws, transform=stored @ move)
    generator.synthesis.input.transform.copy_(stored[0])
    torch.testing.assert_close(generator.synthesis(ws, transform=move), expected, rtol=0, atol=1e-5)
