"""Mapping, noise and limits of StyleGAN2: what each setting does, and what is refused before anything is built."""

import dataclasses

import pytest
import torch
from small_generators import SMALL, build, latents, slow_images

from sgvg_core.config import CodeFeaturesConfig, GeneratorConfig, from_dict
from sgvg_core.errors import ConfigError, ShapeError

# ---- mapping


@torch.no_grad()
def test_truncation_draws_to_the_mean() -> None:
    generator = build()
    z = torch.randn(3, 10)
    ws = generator.mapping(z)
    assert ws.shape == (3, 8, 14)
    assert torch.equal(ws[:, :1].expand_as(ws), ws)
    torch.testing.assert_close(generator.mapping(z, truncation_psi=0.3), generator.w_avg + 0.3 * (ws - generator.w_avg))
    torch.testing.assert_close(generator.mapping(z, truncation_psi=0.0), generator.w_avg.expand_as(ws))
    cut = generator.mapping(z, truncation_psi=0.3, truncation_cutoff=2)
    torch.testing.assert_close(cut[:, :2], generator.w_avg + 0.3 * (ws[:, :2] - generator.w_avg))
    assert torch.equal(cut[:, 2:], ws[:, 2:])


@pytest.mark.slow
def test_mean_latent_follows_when_asked_only() -> None:
    generator = build().train()
    before = generator.w_avg.clone()
    generator.mapping(torch.randn(4, 10))
    assert torch.equal(generator.w_avg, before)
    z = torch.randn(64, 10)
    mean = generator.mapping(z, update_w_avg=True)[:, 0].mean(0).detach()
    torch.testing.assert_close(generator.w_avg, 0.998 * before + 0.002 * mean)
    for _ in range(1000):
        generator.mapping(z[:8], update_w_avg=True)
    wanted = generator.mapping(z[:8])[:, 0].mean(0).detach()
    assert (generator.w_avg - wanted).norm() < 0.2 * (before - wanted).norm()


def test_scale_of_z_means_nothing() -> None:
    generator = build()
    z = torch.randn(2, 10)
    torch.testing.assert_close(generator.mapping(z), generator.mapping(7 * z), rtol=0, atol=1e-5)


def test_labels() -> None:
    generator = build(dataclasses.replace(SMALL, c_dim=3)).requires_grad_(False)
    z, c = torch.randn(2, 10), torch.eye(3)[:2]
    assert not torch.allclose(generator.mapping(z, c), generator.mapping(z, c.flip(0)))
    with pytest.raises(ShapeError, match=r"c: got nothing, expected labels \[N=2, c_dim=3\]"):
        generator.mapping(z)
    with pytest.raises(ShapeError, match=r"c: got shape \[2, 2\], expected \[N=2, c_dim=3\]"):
        generator.mapping(z, c[:, :2])


def test_wrong_shapes_are_named() -> None:
    generator = build()
    with pytest.raises(ShapeError, match=r"z: got shape \[2, 9\], expected \[N, z_dim=10\]"):
        generator.mapping(torch.zeros(2, 9))
    with pytest.raises(ShapeError, match=r"ws: got shape \[2, 7, 14\], expected \[N, num_ws=8, w_dim=14\]"):
        generator.synthesis(torch.zeros(2, 7, 14))


# ---- noise


@torch.no_grad()
def test_noise_modes() -> None:
    generator = build()
    ws = latents(generator, 1).repeat(2, 1, 1)  # the same latents twice: what differs is the noise
    const, none = generator.synthesis(ws), generator.synthesis(ws, noise_mode="none")
    seeded, random = generator.synthesis(ws, noise_mode="seeded", noise_seed=1), generator.synthesis(ws, noise_mode="random", noise_seed=1)
    for images in (const, none, seeded):
        assert torch.equal(images[0], images[1])
    assert (random[0] - random[1]).abs().max() > 0.01
    for one, other in ((const, none), (const, seeded), (seeded, none), (seeded, generator.synthesis(ws, noise_mode="seeded", noise_seed=2))):
        assert (one - other).abs().max() > 0.01
    assert torch.equal(generator.synthesis(ws, noise_strength=0.0), none)
    assert torch.equal(generator.synthesis(ws, noise_mode="random", noise_seed=1), random)
    given = [conv.noise_const for conv in generator.synthesis.convs]
    assert torch.equal(generator.synthesis(ws, noise_mode="given", noise=given), const)
    assert torch.equal(generator.synthesis(ws, noise_mode="given", noise=[0.5 * each for each in given]), generator.synthesis(ws, noise_strength=0.5))


def test_noise_errors() -> None:
    generator = build()
    ws, maps = latents(generator, 2), [conv.noise_const for conv in generator.synthesis.convs]
    with pytest.raises(ConfigError, match="noise_mode: got 'loud', expected const, random, none, seeded, given"):
        generator.synthesis(ws, noise_mode="loud")
    with pytest.raises(ConfigError, match="noise: got nothing, expected 7, one for each layer"):
        generator.synthesis(ws, noise_mode="given")
    with pytest.raises(ConfigError, match="noise: got 6 maps, expected 7"):
        generator.synthesis(ws, noise_mode="given", noise=maps[1:])
    with pytest.raises(ShapeError, match=r"noise\[2\]: got shape \[4, 4\], expected \[H=8, W=8\]"):
        generator.synthesis(ws, noise_mode="given", noise=[*maps[:2], torch.zeros(4, 4), *maps[3:]])
    with pytest.raises(ShapeError, match=r"noise\[0\]: got shape \[3, 1, 4, 4\], expected \[N=2, 1, H=4, W=4\]"):
        generator.synthesis(ws, noise_mode="given", noise=[torch.zeros(3, 1, 4, 4), *maps[1:]])


# ---- configuration: limits before anything is built


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"img_resolution": 48}, "expected a power of two"),
        ({"img_resolution": 4096, "channels": [8] * 11}, "img_resolution: got 4096, expected 4 to 2048"),
        ({"channels": [8, 8]}, "channels: got 2 widths, expected 4"),
        ({"channels": [8, 8, 8, 100_000]}, "channels: got 100000"),
        ({"w_dim": 0}, "w_dim: got 0"),
        ({"mapping_layers": 1000}, "mapping_layers: got 1000"),
        ({"mapping_lr_multiplier": float("nan")}, "mapping_lr_multiplier: got nan"),
        ({"img_channels": 5}, "img_channels: got 5"),
        ({"architecture": "skipp"}, "architecture: got 'skipp', expected skip, resnet, orig"),
        ({"conv_clamp": -1.0}, "conv_clamp: got -1.0"),
        ({"embed_features": 0}, "embed_features: got 0"),
        ({"img_resolution": 2048, "channels": [2048] * 10}, "number of parameters: got 7"),
        ({"img_resolution": 2048, "channels": [8] * 9 + [512]}, "features at 2048 px"),
        ({"code_features": {}}, "z_dim: got 10, expected at least 22"),
        ({"code_features": {"num_classes": 0}}, "code features num_classes: got 0"),
        ({"depth": 3}, "unknown setting 'depth'"),
    ],
)
def test_configurations_out_of_range_are_refused(changes: dict, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        from_dict(GeneratorConfig, dataclasses.asdict(SMALL) | {"channels": list(SMALL.channels)} | changes, "a file")


def test_number_of_parameters_is_known_beforehand() -> None:
    config = dataclasses.replace(SMALL, z_dim=64, c_dim=5, code_features=CodeFeaturesConfig())
    built = sum(parameter.numel() for name, parameter in build(config).named_parameters() if parameter.ndim in (2, 4))
    assert config.num_parameters == pytest.approx(built, rel=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["skip", "resnet", "orig"])
@pytest.mark.parametrize("const_size", [(4, 3), (3, 5), (1, 7)])
def test_images_that_are_not_square_are_the_same_by_every_way(architecture: str, const_size: tuple[int, int]) -> None:
    generator = build(dataclasses.replace(SMALL, architecture=architecture, const_size=const_size, conv_clamp=2.0))
    ws = latents(generator, 2)
    noise = [torch.randn(2, 1, conv.height, conv.width) for conv in generator.synthesis.convs]
    for options in ({}, {"noise_mode": "random"}, {"noise_mode": "given", "noise": noise}):
        with torch.no_grad():
            images = generator.requires_grad_(False).synthesis(ws, **options)
        assert images.shape == (2, 3, 8 * const_size[0], 8 * const_size[1]) == (2, 3, *generator.img_size)
        assert torch.allclose(images, slow_images(generator, ws, **options), atol=1e-5)


def test_mapping_with_narrower_inner_layers() -> None:
    generator = build(dataclasses.replace(SMALL, mapping_layers=3, mapping_features=7))
    assert [tuple(getattr(generator.mapping, f"fc{index}").weight.shape) for index in range(3)] == [(7, 10), (7, 7), (14, 7)]
    assert generator.mapping(torch.ones(1, 10)).shape == (1, 8, 14)


@pytest.mark.parametrize("setting", [{"const_size": (0, 4)}, {"const_size": (4, 65)}, {"mapping_features": 0}])
def test_sizes_out_of_range(setting: dict) -> None:
    with pytest.raises(ConfigError, match=next(iter(setting))):
        dataclasses.replace(SMALL, **setting)
