"""Regions: outside the mask not a bit changes, inside the edit shows, for both kinds of generator."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sgvg_core.assembly import SoundModel, build_generator
from sgvg_core.config import StyleGAN3Config
from sgvg_core.editing import Edit, LinearShift, Region, ResolvedEdit, Source, edit_still, place_edits, read_mask, synthesize_edited
from sgvg_core.editing.regions import blended_images
from sgvg_core.errors import ConfigError, MediaError
from sgvg_core.generation import Pose, pose_transforms, synthesize
from sgvg_core.presets import TINY
from sgvg_core.synthesis import Generator, StyleGAN3Generator, rgb_images


@pytest.fixture(params=["stylegan2", "stylegan3"], scope="module")
def generator(request: pytest.FixtureRequest) -> Generator:
    config = TINY.generator if request.param == "stylegan2" else StyleGAN3Config(img_resolution=32, channels=(10, 9, 8, 7, 6, 6), z_dim=6, w_dim=7)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return build_generator(config).eval().requires_grad_(False)


def latents(generator: Generator, num_items: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(num_items, generator.num_ws, generator.w_dim, generator=torch.Generator().manual_seed(seed))


def edit(generator: Generator, region: object = None, amount: float = 1.0) -> ResolvedEdit:
    return ResolvedEdit("test", (LinearShift(latents(generator, 1, seed=9)[0]),), torch.full((1, 1), amount), region)


def left_half(size: int = 64) -> torch.Tensor:
    mask = torch.zeros(1, size, size)
    mask[:, :, : size // 2] = 1
    return mask


def images(generator: Generator, ws: torch.Tensor, *edits: ResolvedEdit, **settings: object) -> torch.Tensor:
    return torch.cat(list(synthesize_edited(generator, [ws], place_edits(edits), **settings)))  # type: ignore[arg-type]


def test_outside_not_a_bit_changes_and_inside_the_edit_shows(generator: Generator) -> None:
    ws = latents(generator, 3)
    plain = torch.cat(list(synthesize(generator, [ws])))
    changed = images(generator, ws, edit(generator, left_half()), batch=2)
    whole = images(generator, ws, edit(generator))
    assert torch.equal(changed[..., 16:], plain[..., 16:])
    inner = (slice(None), slice(None), slice(8, 24), slice(0, 6))
    apart = (changed - plain)[inner].abs().mean()
    assert apart > 0.02
    assert (changed - whole)[inner].abs().mean() < 0.6 * apart


def test_a_mask_of_all_or_nothing_gives_one_or_the_other_picture(generator: Generator) -> None:
    ws = latents(generator, 2)
    kept, edited = ws, ws + latents(generator, 1, seed=9)
    arguments = {"noise_mode": "const"}
    whole = blended_images(generator, kept, edited, torch.ones(2, 32, 32), **arguments)
    torch.testing.assert_close(whole, rgb_images(generator, edited, **arguments), rtol=1e-4, atol=1e-4)
    plain = torch.cat(list(synthesize(generator, [ws])))
    assert torch.equal(images(generator, ws, edit(generator, torch.zeros(32, 32))), plain)
    assert torch.equal(images(generator, ws, edit(generator, left_half(), amount=0.0)), plain)


def test_every_noise_and_pose_of_the_synthesis_reaches_the_kept_picture(generator: Generator) -> None:
    ws = latents(generator, 2)
    settings = {"noise_mode": "random", "seed": 4, "first": 5}
    plain = torch.cat(list(synthesize(generator, [ws], **settings)))  # type: ignore[arg-type]
    assert torch.equal(images(generator, ws, edit(generator, left_half()), **settings)[..., 16:], plain[..., 16:])
    if isinstance(generator, StyleGAN3Generator):
        pose = Pose(pose_transforms(rotate=[0.0, 20.0]))
        plain = torch.cat(list(synthesize(generator, [ws], pose=pose)))
        assert torch.equal(images(generator, ws, edit(generator, left_half()), pose=pose)[..., 16:], plain[..., 16:])


@pytest.mark.slow
def test_masks_a_frame_and_several_regions_lie_where_they_should(generator: Generator) -> None:
    ws = latents(generator, 2)
    moving = torch.cat([left_half(), 1 - left_half()])
    plain = torch.cat(list(synthesize(generator, [ws])))
    changed = images(generator, ws, edit(generator, moving), batch=1)
    assert torch.equal(changed[0, ..., 16:], plain[0, ..., 16:])
    assert torch.equal(changed[1, ..., :16], plain[1, ..., :16])
    assert (changed[1, ..., 16:] - plain[1, ..., 16:]).abs().max() > 0.02
    both = images(generator, ws, edit(generator, left_half()), edit(generator, 1 - left_half()))
    assert (both - plain).abs().flatten(2).amax(2).min() > 0.02


def test_edits_of_one_mask_share_a_region(tmp_path: Path) -> None:
    mask = left_half()
    shift = ResolvedEdit("a", (LinearShift(torch.ones(6, 3)),), torch.ones(1, 1))
    placed = place_edits([shift, *(dataclasses.replace(shift, name=name, region=mask) for name in "bc")])
    assert [each.name for each in placed.everywhere] == ["a"]
    assert [[each.name for each in own] for _, own in placed.within] == [["b", "c"]]


def test_a_mask_of_another_size_is_resized_and_one_of_another_shape_refused() -> None:
    region = Region(left_half(100)).fitted((32, 32))
    assert region.mask.shape == (1, 32, 32)
    assert region.mask[0, :, :15].min() > 0.999
    assert region.mask[0, :, 17:].max() == 0
    with pytest.raises(ConfigError, match=r"mask: got 90 x 50, but the picture is 32 x 32, which has another shape"):
        Region(torch.ones(1, 50, 90)).fitted((32, 32))
    with pytest.raises(ConfigError, match="got 3 masks for 8 frames"):
        Region(torch.ones(3, 8, 8)).check_frames(8)


def test_a_mask_painted_on_the_whole_picture_is_cut_as_the_picture_was() -> None:
    mask = torch.zeros(1, 40, 80)
    mask[:, :, :40] = 1
    placed = Region(mask).placed((32, 32), (40, 80), "crop").mask
    assert placed.shape == (1, 32, 32)
    assert placed[0, :, :14].min() > 0.99
    assert placed[0, :, 18:].max() < 0.01


@pytest.mark.parametrize("mask", [torch.ones(4), torch.ones(1, 0, 4), torch.full((1, 4, 4), 2.0), torch.full((1, 4, 4), float("nan"))])
def test_what_is_no_mask_is_refused(mask: torch.Tensor) -> None:
    with pytest.raises(ConfigError, match="mask: got"):
        Region(mask)


def test_the_border_is_soft_inside_and_a_thin_mask_still_shows() -> None:
    soft = Region(left_half(64), feather=0.1).soft(0, 1)[0]
    assert soft[:, 32:].max() == 0
    assert soft[:, :20].min() == pytest.approx(1)
    assert 0 < soft[30, 30] < 0.6
    thin = torch.zeros(1, 64, 64)
    thin[:, 30:32] = 1
    assert Region(thin).soft(0, 1).max() > 0.9


def test_masks_are_read_by_brightness_or_by_opacity(tmp_path: Path) -> None:
    grey = np.zeros((10, 20), np.uint8)
    grey[:, :10] = 255
    Image.fromarray(grey).save(tmp_path / "grey.png")
    assert torch.equal(read_mask(tmp_path / "grey.png")[0, 0], torch.tensor([1.0] * 10 + [0.0] * 10))
    Image.fromarray(np.dstack([np.full((10, 20, 3), 90, np.uint8), grey])).save(tmp_path / "clear.png")
    assert torch.equal(read_mask(tmp_path / "clear.png"), read_mask(tmp_path / "grey.png"))
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    assert torch.equal(read_mask(tmp_path / "deep.png"), read_mask(tmp_path / "grey.png"))
    (tmp_path / "no.png").write_text("no picture")
    for name in ("no.png", "gone.png"):
        with pytest.raises(MediaError, match=name):
            Region.of(tmp_path / name)


def test_a_still_is_edited_inside_its_region_alone_with_its_own_noise(tiny_model: SoundModel, tmp_path: Path) -> None:
    generator = tiny_model.generator
    noise = tuple(torch.randn_like(conv.noise_const) for conv in generator.synthesis.convs)  # type: ignore[union-attr]
    source = Source(latents(generator, 1), noise)
    Image.fromarray((left_half(32)[0] * 255).byte().numpy()).save(tmp_path / "mask.png")
    still = edit_still(tiny_model, source, [Edit(direction="pca:0", strength=5.0, region=str(tmp_path / "mask.png"))])
    assert torch.equal(still.image[:, 16:], still.before[:, 16:])
    assert (still.image[:, :12].int() - still.before[:, :12].int()).abs().max() > 5
    assert torch.equal(still.ws, source.ws)
