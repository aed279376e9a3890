"""Noise that flows, and pictures of other shapes than the generator was trained for."""

import copy
from fractions import Fraction

import pytest
import torch

from sgvg_core.assembly import SoundModel, build_generator
from sgvg_core.config import StyleGAN3Config
from sgvg_core.curves.curve import Curve
from sgvg_core.errors import ConfigError
from sgvg_core.generation import RenderSettings, final_size, frames, images_of, pose_transforms, random_start
from sgvg_core.generation.noise_over_time import FlowingNoise, noise_path
from sgvg_core.generation.pose import Pose
from sgvg_core.latents import ChangedWalk, StoredWalk, WalksSideBySide, edited
from sgvg_core.synthesis import Panorama, StyleGAN2Generator, constant_for, enlarge, paint_panorama, rgb_images
from sgvg_core.synthesis.wide import paint_wide, window_starts

FPS = Fraction(10)


@pytest.fixture(scope="module")
def noisy(tiny_model: SoundModel) -> StyleGAN2Generator:
    """A small StyleGAN2 that shows its noise."""
    generator = copy.deepcopy(tiny_model.generator)
    for conv in generator.synthesis.convs:
        conv.noise_strength.data.fill_(0.5)
    return generator


def flow(generator: StyleGAN2Generator, path: object, frames_: range, seed: int = 1) -> torch.Tensor:
    """The finest layer's maps."""
    maps = FlowingNoise(generator, path, seed).maps(frames_, torch.device("cpu"))  # type: ignore[arg-type]
    assert maps is not None
    return maps[-1][:, 0]


def test_smooth_noise_keeps_its_variance_and_changes_altogether_in_its_time(noisy: StyleGAN2Generator) -> None:
    made = flow(noisy, noise_path(FPS, 40, seconds=1.0), range(31))
    assert (made.flatten(1).std(1) - 1).abs().max() < 0.12
    with_first = (made * made[:1]).mean((1, 2))
    assert with_first[3] > 0.8
    assert with_first[10:].abs().max() < 0.2
    steps = (made[1:] - made[:-1]).square().mean((1, 2)).sqrt()
    assert steps.max() < 0.25
    assert torch.equal(flow(noisy, noise_path(FPS, 40), range(7, 9)), made[7:9]), "frame 7 is the same in any part"
    assert not torch.equal(flow(noisy, noise_path(FPS, 40), range(7, 9), seed=2), made[7:9])


def test_a_loop_of_noise_closes(noisy: StyleGAN2Generator) -> None:
    for num in (7, 24, 33):
        made = flow(noisy, noise_path(FPS, num, closed=True), range(num))
        steps = (made.roll(-1, 0) - made).square().mean((1, 2)).sqrt()
        assert steps[-1] <= 1.1 * steps[:-1].max()


def test_a_curve_sets_the_speed_of_the_noise(noisy: StyleGAN2Generator) -> None:
    made = flow(noisy, noise_path(FPS, 20, speed=Curve([0.0] * 10 + [2.0] * 10, FPS)), range(20))
    steps = (made[1:] - made[:-1]).square().mean((1, 2)).sqrt()
    assert steps[:10].max() == 0
    assert steps[11:].min() > 0.1
    closed = noise_path(FPS, 20, speed=Curve([1.0] * 5 + [0.0] * 10 + [1.0] * 5, FPS), closed=True)
    assert closed.period == 2
    assert closed.positions[:7].tolist() == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.0])


def test_frames_with_smooth_noise(noisy: StyleGAN2Generator) -> None:
    ws = random_start(noisy, 1).expand(6, -1, -1)
    settings = RenderSettings(noise_mode="smooth", noise_path=noise_path(FPS, 6, seconds=0.5), batch=4, noise_strength=Curve([1, 1, 1, 1, 0, 0], FPS))
    made = torch.cat(list(frames(noisy, [ws], settings))).float()
    assert (made[1] - made[0]).abs().mean() > 0.5
    assert torch.equal(made[4], made[5])
    part = torch.cat(list(frames(noisy, [ws[2:4]], settings, first=2))).float()
    assert (part - made[2:4]).abs().max() <= 1
    assert next(iter(frames(noisy, [ws[:1]], RenderSettings(noise_mode="smooth")))).shape == (1, 32, 32, 3)


@pytest.mark.parametrize("how", ["mirror", "tile", "stretch"])
def test_an_enlarged_stylegan2_paints_the_larger_shape(noisy: StyleGAN2Generator, how: str) -> None:
    ws = random_start(noisy, 2)
    wide = enlarge(noisy, 4, 12, how)
    assert wide.img_size == (32, 96)
    image = wide.synthesis(ws, noise_mode="const")
    assert image.shape == (1, 3, 32, 96)
    torch.testing.assert_close(image, wide.synthesis(ws.requires_grad_(), noise_mode="const").detach(), atol=1e-3, rtol=0)
    assert torch.equal(enlarge(noisy, 4, 4, how).synthesis(ws.detach()), noisy.synthesis(ws.detach()))
    assert noisy.img_size == (32, 32)
    columns = image[0].diff(dim=2).abs().mean((0, 1))
    assert columns[[31, 63]].max() <= 4 * columns.median(), "no seam stands out"
    if how == "mirror":
        middle = image[..., 32:64]
        trained = noisy.synthesis(ws.detach())
        assert torch.corrcoef(torch.stack([middle.flatten(), trained.flatten()]))[0, 1] > 0.9


def test_shapes_are_cropped_and_checked(noisy: StyleGAN2Generator) -> None:
    assert constant_for(noisy, 32, 57) == (4, 8)
    settings = RenderSettings(shape=(40, 57), noise_mode="seeded")
    assert final_size(noisy, settings) == (40, 57)
    made = next(iter(frames(noisy, [random_start(noisy, 1)], settings)))
    assert made.shape == (1, 40, 57, 3)
    assert final_size(noisy, RenderSettings(shape=(40, 80), size=160)) == (80, 160)
    with pytest.raises(ConfigError, match="shape: got 64 x 16, expected 32 x 32 or more"):
        final_size(noisy, RenderSettings(shape=(16, 64)))
    with pytest.raises(ConfigError, match="its constant would be 4 x 80, expected 4 x 4, the trained one, to 64 x 64"):
        enlarge(noisy, 4, 80)
    with pytest.raises(ConfigError, match="enlargement: got 'fold'"):
        RenderSettings(enlargement="fold")


@pytest.mark.slow
def test_windows_of_a_stylegan3_agree_where_they_overlap() -> None:
    torch.manual_seed(0)
    config = StyleGAN3Config(img_resolution=32, channels=(16,) * 8, z_dim=16, w_dim=16, mapping_layers=1)
    generator = build_generator(config).eval()
    ws = random_start(generator, 1)
    with torch.no_grad():
        wide = paint_wide(generator, ws, (32, 80))
        plain = generator.synthesis(ws)
        assert torch.equal(paint_wide(generator, ws, (32, 32)), plain)
        left, right = (generator.synthesis(ws, transform=pose_transforms(x=-shift / 32)) for shift in (-8, 8))
    assert wide.shape == (1, 3, 32, 80)
    torch.testing.assert_close(wide[..., 30:50], plain[..., 6:26], atol=0.06, rtol=0)
    shared = (left[..., 18:30] - right[..., 2:14]).abs().mean()
    assert shared < 0.05 * plain.std(), "two windows 16 pixels apart show the same where both look"
    columns = wide[0].diff(dim=2).abs().mean((0, 1))
    assert columns.max() < 4 * columns.median()
    assert window_starts(80, 32) == [0, 24, 48]
    moved = next(iter(images_of(generator, [ws], RenderSettings(shape=(32, 64)), pose=Pose(pose_transforms(x=0.25)))))
    still = next(iter(images_of(generator, [ws], RenderSettings(shape=(32, 64)))))
    assert (moved[..., 20:50] - still[..., 12:42]).abs().mean() < 0.1 * still.std()


def two_walks(generator: StyleGAN2Generator, num_frames: int = 3) -> WalksSideBySide:
    walks = [StoredWalk(torch.cat([random_start(generator, seed + 10 * k) for k in range(num_frames)]), FPS) for seed in (1, 2)]
    return WalksSideBySide(walks[0], (walks[1],))


@pytest.mark.parametrize(("side", "width", "count"), [(128, 224, 2), (128, 208, 2), (128, 130, 2), (128, 400, 4), (256, 512, 3), (32, 50, 2)])
def test_windows_of_a_panorama_cover_it_evenly(side: int, width: int, count: int) -> None:
    view = Panorama.covering(side, width)
    assert view.num_windows == count
    assert view.starts[0] == 0
    assert width <= view.starts[-1] + side < width + max(2, side // 8)
    for size in (16, side):
        weights = view.weights(size)
        assert weights.sum(0) == pytest.approx(torch.ones(weights.shape[1]))
        assert (weights.diff().abs() < 0.5).all() or size == 16


def test_a_panorama_shows_one_walk_left_and_the_other_right(noisy: StyleGAN2Generator) -> None:
    walk = two_walks(noisy)
    settings = RenderSettings(shape=(32, 54), enlargement="panorama", noise_mode="random", seed=3, batch=2)
    made = torch.cat(list(images_of(noisy, walk, settings)))
    assert made.shape == (3, 3, 32, 54)
    assert final_size(noisy, settings) == (32, 54)
    one_by_one = torch.cat(list(images_of(noisy, walk, RenderSettings(shape=(32, 54), enlargement="panorama", noise_mode="random", seed=3, batch=1))))
    assert (made - one_by_one).abs().max() < 1e-4
    ws = torch.cat(list(walk))
    wide = paint_panorama(noisy, ws, 54)
    left, right = (rgb_images(noisy, ws[:, k]) for k in range(2))
    for part, own, other in ((wide[..., :16], left, right), (wide[..., -16:], right, left)):
        places = slice(0, 16) if own is left else slice(-16, None)
        assert (part - own[..., places]).abs().mean() < 0.5 * (part - other[..., places]).abs().mean()
    moved = edited(walk, [lambda each: ChangedWalk(each, lambda _, latents: latents + 1)])
    assert torch.equal(torch.cat(list(moved)), ws + 1)


def test_what_a_panorama_refuses(noisy: StyleGAN2Generator) -> None:
    with pytest.raises(ConfigError, match="2 pictures of 32 px is 32 to 60 px wide, got 80"):
        paint_panorama(noisy, torch.cat(list(two_walks(noisy))), 80)
    with pytest.raises(ConfigError, match="latents of one picture"):
        paint_panorama(noisy, random_start(noisy, 1), 50)
    with pytest.raises(ConfigError, match="as high as it was trained for"):
        final_size(noisy, RenderSettings(shape=(40, 54), enlargement="panorama"))
    first, second = (StoredWalk(random_start(noisy, 1).expand(count, -1, -1), FPS) for count in (2, 3))
    with pytest.raises(ConfigError, match="walk 2: has 3 frames"):
        WalksSideBySide(first, (second,))
