"""Bounds on the drift, layers that curves move, and mattes of what the sound moved."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sgvg_core.assembly import SoundModel
from sgvg_core.curves.curve import Curve
from sgvg_core.errors import ConfigError
from sgvg_core.generation import GenerateSettings, RenderSettings, Sound, generate, random_start, walk_of_sound
from sgvg_core.generation.layer_drives import BAND_DRIVES, LayerDrive, drive_layers, quarter_slices
from sgvg_core.generation.matte import MatteSettings, draw_mattes, silenced
from sgvg_core.generation.spread import direction_of, spread_of
from sgvg_core.latents import ChangedWalk, StoredWalk
from sgvg_core.motion import DriftBound, DriftSettings, measure_spread
from sgvg_core.walker import WalkSettings

FPS = Fraction(12)


@pytest.fixture(scope="module")
def noise() -> Sound:
    return Sound.from_waveform(0.2 * torch.randn(1, 22_050, generator=torch.Generator().manual_seed(0)), 22_050)


def settings(**more: object) -> GenerateSettings:
    return GenerateSettings(**{"fps": FPS, "start_from": "random", "unsure": "follow", **more})


def test_the_spread_of_codes_is_that_of_their_distribution() -> None:
    codes = torch.randn(4000, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([3.0, 1.0, 0.5]) + 2
    spread = measure_spread(codes)
    torch.testing.assert_close(spread.scales, torch.tensor([3.0, 1.0, 0.5]), rtol=0.05, atol=0)
    torch.testing.assert_close(spread.axes.abs(), torch.eye(3), atol=0.06, rtol=0)
    assert spread.distance(codes).square().mean().sqrt() == pytest.approx(1, abs=0.01)
    assert spread.distance(torch.tensor([2.0 + 6, 2, 2])) == pytest.approx(2 / 3**0.5, rel=0.05)
    assert len(measure_spread(codes, 2).axes) == 2
    with pytest.raises(ConfigError, match=r"spread: got latents of shape \[3\]"):
        measure_spread(codes[0])


def test_each_bound_holds_and_leaves_smaller_steps_alone() -> None:
    spread = measure_spread(torch.randn(2000, 4, generator=torch.Generator().manual_seed(1)) * torch.tensor([4.0, 2.0, 1.0, 0.5]))
    before = torch.zeros(1, 3, 4)
    small, large = before + 0.001, before + 9.0
    steps = DriftBound(spread, DriftSettings(max_step=6.0), 12.0)
    assert torch.equal(steps(before, small), small)
    size = ((steps(before, large) @ spread.axes.T) / spread.scales).square().mean().sqrt()
    assert float(size) == pytest.approx(0.5, rel=1e-4)
    far = DriftBound(spread, DriftSettings(max_distance=1.5), 12.0)
    assert torch.equal(far(before, small), small)
    assert spread.distance(far(before, large)).max() == pytest.approx(1.5, rel=1e-4)
    axes = DriftBound(spread, DriftSettings(axes=1), 12.0)
    step = axes(before, large)
    torch.testing.assert_close(step, step @ spread.axes[:1].T @ spread.axes[:1], atol=1e-5, rtol=0)
    assert step.norm() > 0
    assert not DriftSettings()
    with pytest.raises(ConfigError, match="max step: got -1"):
        DriftSettings(max_step=-1)


def test_a_walk_that_runs_away_is_held(tiny_model: SoundModel, noise: Sound) -> None:
    spread = spread_of(tiny_model.generator)
    wild = {"walk": WalkSettings(coarse=4, mid=4, fine=4)}
    free = torch.cat(list(walk_of_sound(tiny_model, noise, settings(**wild))))
    held = torch.cat(list(walk_of_sound(tiny_model, noise, settings(**wild, drift=DriftSettings(max_distance=1.2)))))
    assert spread.distance(free).max() > 1.5
    assert spread.distance(held).max() < 1.2001
    assert settings(drift=DriftSettings(max_step=2)).plain()["drift"] == {"max_step": 2, "max_distance": 0, "axes": 0}


# ---- layers


@pytest.mark.parametrize(("num_ws", "bounds"), [(12, (3, 6)), (14, (4, 7)), (16, (4, 8)), (18, (4, 9))])
def test_groups_of_any_number_of_latents(num_ws: int, bounds: tuple[int, int]) -> None:
    slices = quarter_slices(num_ws)
    assert (slices["coarse"].stop, slices["mid"].stop, slices["fine"].stop) == (*bounds, num_ws)


def test_a_drive_moves_its_layers_by_its_curve(tiny_model: SoundModel) -> None:
    generator = tiny_model.generator
    start = random_start(generator, 1)
    walk = StoredWalk(start.expand(4, -1, -1), FPS)
    drives = [LayerDrive(Curve([0, 1, 0.5, 0], FPS), "pca 1", ("coarse",), 2.0), LayerDrive(Curve([0, 0, 1, 0], FPS), "seed 9", ("fine", 3), 1.0)]
    moved = torch.cat(list(drive_layers(generator, walk, drives, start)))
    spread, slices = spread_of(generator), quarter_slices(generator.num_ws)
    wanted = walk.ws.clone()
    axis = spread.axes[1] * spread.scales[1]
    wanted[:, slices["coarse"]] += torch.tensor([0, 2.0, 1.0, 0])[:, None, None] * axis
    wanted[2, slices["fine"]] = random_start(generator, 9)[0, slices["fine"]]
    wanted[2, 3] = random_start(generator, 9)[0, 3] + (axis if slices["coarse"].stop > 3 else 0)
    torch.testing.assert_close(moved, wanted, atol=1e-4, rtol=0)
    assert set(BAND_DRIVES) == {"coarse", "mid", "fine"}
    for direction, said in (("up", "direction: got 'up', expected pca and a number"), ("pca 9999", "expected 0 to")):
        with pytest.raises(ConfigError, match=f"drive 1: .*{said}"):
            drive_layers(generator, walk, [LayerDrive(Curve([0], FPS), direction)], start)
    assert direction_of(generator, "PCA: 0", start).shape == start.shape[1:]


# ---- mattes


@pytest.mark.slow
def test_a_matte_is_white_where_the_sound_moved_something(tiny_model: SoundModel, noise: Sound) -> None:
    walk = walk_of_sound(tiny_model, noise, settings())
    made = torch.cat(list(draw_mattes(tiny_model.generator, walk, RenderSettings(), MatteSettings(gain=50, soften=0.03))))
    assert made.shape == (12, 32, 32)
    assert 0 <= made.min() < made.max() <= 1
    silent = torch.cat(list(draw_mattes(tiny_model.generator, silenced(walk), RenderSettings())))
    assert silent.max() == 0, "silence moves nothing"
    changed = ChangedWalk(walk, lambda first, ws: ws + 0.5)
    both = torch.cat(list(draw_mattes(tiny_model.generator, silenced(changed), RenderSettings())))
    assert both.max() == 0, "what an edit does to both isn't the sound's"
    start = torch.cat(list(draw_mattes(tiny_model.generator, changed, RenderSettings(), MatteSettings("start"))))
    assert start.min() >= 0
    assert start.max() > 0
    before = torch.cat(list(draw_mattes(tiny_model.generator, walk, RenderSettings(batch=5), MatteSettings("before", gain=100, soften=0))))
    assert before[0].max() == 0
    assert before[1:].amax((1, 2)).min() > 0
    with pytest.raises(ConfigError, match="matte: against: got 'night'"):
        MatteSettings("night")


@pytest.mark.slow
def test_a_film_with_its_matte(tiny_model: SoundModel, noise: Sound, tmp_path: Path) -> None:
    video = generate(noise, tmp_path / "film", model=tiny_model, settings=settings(), matte=tmp_path / "matte", matte_settings=MatteSettings(gain=30))
    names = [path.name for path in sorted((tmp_path / "film").glob("*.png"))]
    assert [path.name for path in sorted((tmp_path / "matte").glob("*.png"))] == names
    assert video.num_frames == len(names) == 12
    last = np.array(Image.open(tmp_path / "matte" / names[-1]))
    assert last.max() > 0
    assert (last[..., 0] == last[..., 2]).all()
