"""Pictures to latents: files with their options, sizes, ReStyle's passes."""

import argparse
from pathlib import Path
from typing import Any

import pytest
import torch
from released_files import SMALL_WIDTHS, image_encoder_file, numbers
from torch.nn import functional as F

from sgvg_core.assembly import load_image_encoder
from sgvg_core.errors import CheckpointError, ConfigError, ShapeError
from sgvg_core.image_inversion import InversionSettings, encoded_start, fit_image, invert, invert_image, prepare_images
from sgvg_core.synthesis import StyleGAN2Generator, rgb_images

L, D = 8, SMALL_WIDTHS[3]


def saved(path: Path, kind: str, **changes: Any) -> Path:
    """A narrow file of that encoder, its options a namespace as pSp saves them."""
    file = image_encoder_file(kind, L, SMALL_WIDTHS, 1) | changes
    if isinstance(file["opts"], dict):
        file["opts"] = argparse.Namespace(**file["opts"], checkpoint_path=None)
    torch.save({name: value for name, value in file.items() if value is not None}, path)
    return path


def images(num: int = 2, size: int = 32) -> torch.Tensor:
    return numbers("pictures", num, 3, size, size).clamp(-1, 1)


@pytest.mark.slow
def test_a_image_of_any_size_becomes_latents(tmp_path: Path) -> None:
    encoder = load_image_encoder(saved(tmp_path / "psp.pt", "GradualStyleEncoder"))
    ws = invert(encoder, images(2, 75))
    assert ws.shape == (2, L, D)
    torch.testing.assert_close(ws, encoder(prepare_images(images(2, 75), 32)))
    torch.testing.assert_close(ws[1:], invert(encoder, images(2, 75)[1:]), atol=1e-4, rtol=1e-4)
    assert (ws[0] - ws[1]).abs().max() > 0.01 * ws.std()


def test_images_are_averaged_down_as_in_training() -> None:
    """The mean of four points where the size is halved, nearly: no point is skipped."""
    shrunk = prepare_images(images(1, 64), 32)
    inner = F.avg_pool2d(images(1, 64), 2)
    assert shrunk.shape == (1, 3, 32, 32)
    assert torch.nn.functional.cosine_similarity(shrunk.flatten(), inner.flatten(), dim=0) > 0.9
    with pytest.raises(ShapeError, match=r"got shape \[1, 4, 8, 8\], expected \[N, 3, H, W\]"):
        prepare_images(torch.zeros(1, 4, 8, 8), 32)


@pytest.mark.slow
def test_e4e_starts_from_one_latent_and_psp_does_not(tmp_path: Path) -> None:
    """The same weights: each delta is added to the first latent."""
    e4e, psp = (load_image_encoder(saved(tmp_path / f"{kind}.pt", kind)) for kind in ("Encoder4Editing", "GradualStyleEncoder"))
    by_e4e, by_psp = invert(e4e, images()) - e4e.latent_avg, invert(psp, images()) - psp.latent_avg
    torch.testing.assert_close(by_e4e[:, 0], by_psp[:, 0])
    torch.testing.assert_close(by_e4e[:, 1:], by_psp[:, :1] + by_psp[:, 1:], atol=1e-5, rtol=1e-4)


@pytest.mark.slow
def test_restyle_sees_what_it_made(tmp_path: Path) -> None:
    encoder = load_image_encoder(saved(tmp_path / "restyle.pt", "BackboneEncoder"))
    asked: list[torch.Tensor] = []

    def generate(ws: torch.Tensor) -> torch.Tensor:
        asked.append(ws)
        return ws.mean((1, 2))[:, None, None, None].tanh().expand(-1, 3, 48, 48)

    reported: list[float] = []
    ws = invert(encoder, images(), generate, num_passes=3, progress=lambda done, total, note="", preview=None: reported.append(done))
    assert ws.shape == (2, L, D)
    assert reported == [1, 2, 3]
    assert [len(each) for each in asked] == [1, 2, 2]
    assert torch.equal(asked[0][0], encoder.latent_avg)
    first = invert(encoder, images(), generate, num_passes=1)
    torch.testing.assert_close(first, asked[1])
    made = generate(first)[:, :, :32, :32]
    torch.testing.assert_close(asked[2], first + encoder(torch.cat([images(), made], 1), torch.zeros_like(first)))


def test_restyle_needs_its_generator(tmp_path: Path) -> None:
    encoder = load_image_encoder(saved(tmp_path / "restyle.pt", "ResNetBackboneEncoder"))
    with pytest.raises(ConfigError, match="give it the generator too"):
        invert(encoder, images())


@pytest.mark.slow
def test_the_mean_latent_may_come_from_the_generator(tmp_path: Path) -> None:
    path = saved(tmp_path / "e4e.pt", "Encoder4Editing", latent_avg=None)
    with pytest.raises(CheckpointError, match="load it with the generator's w_avg"):
        load_image_encoder(path)
    mean = numbers("mean", D)
    encoder, whole = load_image_encoder(path, w_avg=mean), load_image_encoder(saved(tmp_path / "whole.pt", "Encoder4Editing"))
    torch.testing.assert_close(invert(encoder, images()) - mean, invert(whole, images()) - whole.latent_avg, atol=1e-5, rtol=1e-4)
    with pytest.raises(ShapeError, match=r"w_avg: got shape \[5\], expected \[24\] or \[8, 24\]"):
        load_image_encoder(path, w_avg=torch.zeros(5))


@pytest.mark.slow
def test_a_file_that_says_nothing_can_be_told(tmp_path: Path) -> None:
    silent = saved(tmp_path / "silent.pt", "Encoder4Editing", opts=None)
    told = saved(tmp_path / "told.pt", "Encoder4Editing")
    torch.testing.assert_close(invert(load_image_encoder(silent, deltas=True), images()), invert(load_image_encoder(told), images()))
    assert (invert(load_image_encoder(silent), images()) - invert(load_image_encoder(told), images())).abs().max() > 0.01


@pytest.mark.slow
def test_a_image_of_another_size_is_named(tmp_path: Path) -> None:
    encoder = load_image_encoder(saved(tmp_path / "psp.pt", "GradualStyleEncoder"))
    with pytest.raises(ShapeError, match="ends with 2 x 2 points in a head of 1 halvings, expected one"):
        encoder(images(1, 64))
    with pytest.raises(ShapeError, match=r"got shape \[1, 6, 32, 32\]"):
        encoder(torch.zeros(1, 6, 32, 32))


@pytest.mark.slow
def test_an_answer_is_a_start_for_the_descent(tmp_path: Path) -> None:
    """Of the picture as the descent fits it; ReStyle's sees what this generator makes."""
    generator = StyleGAN2Generator(32, (16, 16, 8, 8), z_dim=D, w_dim=D, mapping_layers=2).eval()
    generator.w_avg.normal_(generator=torch.Generator().manual_seed(0))
    for kind in ("Encoder4Editing", "BackboneEncoder"):
        encoder = load_image_encoder(saved(tmp_path / "encoder.pt", kind))
        start = encoded_start(encoder, generator, images(1, 75)[:, :, :40], "pad")
        wanted = fit_image(images(1, 75)[:, :, :40], (32, 32), "pad")
        torch.testing.assert_close(start, invert(encoder, wanted, lambda ws: rgb_images(generator, ws, noise_mode="const")))
        found = invert_image(generator, images(1, 75), InversionSettings(num_steps=0), start_ws=start)
        assert torch.equal(found.ws, start)
    other = load_image_encoder(saved(tmp_path / "other.pt", "Encoder4Editing", **image_encoder_file("Encoder4Editing", 10, SMALL_WIDTHS, 1)))
    with pytest.raises(ConfigError, match="the encoder answers 10 latents of 24, but the generator takes 8 of 24"):
        encoded_start(other, generator, images(1))
