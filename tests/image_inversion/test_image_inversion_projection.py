"""Images to latents by descent: both families of generators, each space, any image, a cancel, and the generator's own ground."""

import copy
import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sgvg_core.assembly import SoundModel, build_generator
from sgvg_core.config import StyleGAN3Config
from sgvg_core.errors import Cancelled, CheckpointError, ConfigError, MediaError, ShapeError
from sgvg_core.image_inversion import (
    Ground,
    InversionSettings,
    LinearEncoder,
    TuningSettings,
    fit_encoder,
    fit_image,
    invert_image,
    load_delta,
    map_codes,
    measure_ground,
    psnr_of,
    read_image,
    save_delta,
    tune_pivot,
    tuned_generator,
)
from sgvg_core.image_inversion.projection import OPTIMISERS, draw_candidates
from sgvg_core.synthesis import rgb_images

FEW = InversionSettings(num_steps=12, start="mean")


@pytest.fixture(scope="module")
def ground(tiny_model: SoundModel) -> Ground:
    return measure_ground(tiny_model.generator, 0, 1000)


@pytest.fixture(scope="module")
def image(tiny_model: SoundModel) -> torch.Tensor:
    """What a code of the generator's shows, [1, 3, 32, 32]."""
    ws = map_codes(tiny_model.generator, 9, 2)[:1, None].expand(-1, tiny_model.generator.num_ws, -1)
    with torch.no_grad():
        return rgb_images(tiny_model.generator, ws, noise_mode="const").clamp(-1, 1)


@pytest.mark.slow
@pytest.mark.parametrize("space", ["w", "w+", "w+noise"])
def test_descent_gets_nearer_in_each_space(tiny_model: SoundModel, ground: Ground, image: torch.Tensor, space: str) -> None:
    settings = InversionSettings(space=space, num_steps=40, start="mean")
    found = invert_image(tiny_model.generator, image, settings, ground=ground)
    before = invert_image(tiny_model.generator, image, InversionSettings(num_steps=0, start="mean"), ground=ground)
    assert found.psnr > before.psnr + 3
    assert found.ws.shape == (1, tiny_model.generator.num_ws, tiny_model.generator.w_dim)
    assert found.image.shape == (32, 32, 3)
    assert (found.noise is not None) == (space == "w+noise")
    if space == "w":
        assert torch.equal(found.ws, found.ws[:, :1].expand_as(found.ws))


@pytest.mark.slow
def test_noise_maps_never_take_away_from_what_the_latents_show(tiny_model: SoundModel, ground: Ground) -> None:
    generator = copy.deepcopy(tiny_model.generator)
    for conv in generator.synthesis.convs:
        conv.noise_strength.fill_(0.2)
    start_ws = ground.colour(torch.zeros(1, generator.num_ws, generator.w_dim))
    with torch.no_grad():
        image = rgb_images(generator, start_ws, noise_mode="const").clamp(-1, 1)
    found = invert_image(generator, image, InversionSettings(space="w+noise", num_steps=40), start_ws=start_ws, ground=ground)
    with torch.no_grad():
        plain = psnr_of(rgb_images(generator, found.ws, noise_mode="const"), image)
    assert found.psnr >= plain - 0.01


def test_what_is_told_of_the_result_is_what_its_latents_show(tiny_model: SoundModel, ground: Ground, image: torch.Tensor) -> None:
    found = invert_image(tiny_model.generator, image, FEW, ground=ground)
    with torch.no_grad():
        made = rgb_images(tiny_model.generator, found.ws, noise_mode="const")
    assert found.psnr == pytest.approx(psnr_of(made, image), abs=0.05)
    assert found.distance == pytest.approx(float(ground.distance(found.ws)[0]))
    assert found.limit == ground.limit


@pytest.mark.slow
def test_the_same_seed_gives_the_same_latents(tiny_model: SoundModel, image: torch.Tensor) -> None:
    first, second = (invert_image(tiny_model.generator, image, InversionSettings(num_steps=5, seed=3)) for _ in range(2))
    assert torch.equal(first.ws, second.ws)


@pytest.mark.slow
def test_l_bfgs_gets_nearer_than_adam_in_as_many_looks(tiny_model: SoundModel, ground: Ground, image: torch.Tensor) -> None:
    looks: list[float] = []
    descents = {each: InversionSettings(num_steps=40, start="mean", optimiser=each) for each in OPTIMISERS}
    found = {each: invert_image(tiny_model.generator, image, settings, ground=ground, progress=lambda done, *_, **__: looks.append(done))
             for each, settings in descents.items()}
    assert found["lbfgs"].psnr > found["adam"].psnr + 1
    assert found["lbfgs"].num_steps <= 40
    assert max(looks) == 40


def test_an_encoder_fitted_on_codes_answers_codes_it_never_saw(ground: Ground) -> None:
    """Of images that show a latent in straight lines."""
    chance = torch.Generator().manual_seed(0)
    units = torch.randn(300, len(ground.mean), generator=chance)
    paint = torch.randn(len(ground.mean), 3 * 8 * 8, generator=chance) / 50
    small = (units @ paint).reshape(-1, 3, 8, 8).clamp(-1, 1)
    ws = ground.colour(units)
    encoder = fit_encoder(ws[:250], small[:250], torch.zeros(250, 1), ground, lambda images: torch.zeros(len(images), 1))
    large = small[250:].repeat_interleave(3, 2).repeat_interleave(3, 3)
    error = ground.whiten(encoder(large)) - units[250:]
    assert float(error.square().mean()) < 0.2


def test_the_best_start_is_the_encoders_answer_where_that_shows_the_image(tiny_model: SoundModel, ground: Ground) -> None:
    generator = tiny_model.generator
    of_mean = LinearEncoder(torch.zeros(1 + 6 * 64 + 1, generator.w_dim), ground, lambda images: torch.zeros(len(images), 1), 8)
    candidates = dataclasses.replace(draw_candidates(generator, 1, 8), encoder=of_mean)
    with torch.no_grad():
        image = rgb_images(generator, ground.mean.expand(1, generator.num_ws, -1), noise_mode="const").clamp(-1, 1)
    found = {start: invert_image(generator, image, InversionSettings(num_steps=0, start=start), ground=ground, candidates=candidates)
             for start in ("best", "nearest")}
    assert torch.equal(found["best"].ws, ground.mean.expand(1, generator.num_ws, -1))
    assert found["best"].psnr > found["nearest"].psnr + 5


@pytest.mark.slow
def test_a_stylegan3_is_inverted_and_has_no_noise(image: torch.Tensor) -> None:
    generator = build_generator(StyleGAN3Config(img_resolution=16, channels=(8, 8, 8, 6, 6, 6), z_dim=16, w_dim=24))
    generator.eval().requires_grad_(False)
    ground = measure_ground(generator, 0, 200)
    before = invert_image(generator, image, InversionSettings(num_steps=0, start="mean"), ground=ground)
    found = invert_image(generator, image, InversionSettings(num_steps=15, start="mean"), ground=ground)
    assert found.psnr > before.psnr
    with pytest.raises(ConfigError, match="no noise maps"):
        invert_image(generator, image, InversionSettings(space="w+noise"), ground=ground)


@pytest.mark.slow
def test_latents_stay_on_the_generators_ground(tiny_model: SoundModel, ground: Ground) -> None:
    noise = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    found = invert_image(tiny_model.generator, noise, InversionSettings(num_steps=60, start="mean", lr=0.5), ground=ground)
    assert found.distance <= ground.limit


def test_the_ground_is_that_of_the_codes(tiny_model: SoundModel, ground: Ground) -> None:
    ws = map_codes(tiny_model.generator, 0, 1000)
    units = ground.whiten(ws)
    torch.testing.assert_close(ground.colour(units), ws, atol=1e-3, rtol=1e-3)
    assert float((ground.distance(ws[:, None]) <= ground.limit).float().mean()) == pytest.approx(0.99, abs=0.005)
    assert torch.equal(map_codes(tiny_model.generator, 0, 10), ws[:10])


def test_a_cancel_goes_through_or_keeps_the_best(tiny_model: SoundModel, ground: Ground, image: torch.Tensor) -> None:
    def stop(done: float, total: float | None, note: str = "", preview: torch.Tensor | None = None) -> None:
        if note == "invert the image":
            assert preview is not None
            assert preview.shape == (32, 32, 3)
            if done >= 6:
                raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        invert_image(tiny_model.generator, image, FEW, ground=ground, progress=stop)
    kept = InversionSettings(num_steps=100, start="mean", keep_at_cancel=True)
    found = invert_image(tiny_model.generator, image, kept, ground=ground, progress=stop)
    assert (found.cancelled, found.num_steps) == (True, 6)
    assert found.psnr > invert_image(tiny_model.generator, image, InversionSettings(num_steps=0, start="mean"), ground=ground).psnr


def test_a_warm_start_begins_where_it_is_told(tiny_model: SoundModel, ground: Ground, image: torch.Tensor) -> None:
    first = invert_image(tiny_model.generator, image, FEW, ground=ground)
    again = invert_image(tiny_model.generator, image, InversionSettings(num_steps=0), start_ws=first.ws, ground=ground)
    assert torch.equal(again.ws, first.ws)
    with pytest.raises(ShapeError, match="start_ws"):
        invert_image(tiny_model.generator, image, FEW, start_ws=first.ws[:, :2], ground=ground)


def test_it_stops_early_when_nothing_is_gained(tiny_model: SoundModel, ground: Ground, image: torch.Tensor) -> None:
    settings = InversionSettings(num_steps=200, start="mean", optimiser="adam", patience=2, lr=1e-6)
    assert invert_image(tiny_model.generator, image, settings, ground=ground).num_steps < 20


@pytest.mark.parametrize(("size", "how"), list(itertools.product([(7, 50), (50, 7), (1, 1), (33, 32)], ["crop", "pad", "stretch"])))
def test_any_shape_is_fitted(size: tuple[int, int], how: str) -> None:
    image = torch.linspace(-1, 1, size[0] * size[1]).reshape(1, 1, *size).expand(-1, 3, -1, -1)
    fitted = fit_image(image, (24, 40), how)
    assert fitted.shape == (1, 3, 24, 40)
    assert float(fitted.abs().max()) <= 1


def test_crop_keeps_the_middle_and_pad_keeps_all() -> None:
    image = -torch.ones(1, 3, 10, 30)
    image[..., 10:20] = 1
    assert float(fit_image(image, (10, 10), "crop").mean()) == pytest.approx(1, abs=0.01)
    assert float(fit_image(image, (30, 30), "pad").mean()) == pytest.approx(-1 / 3, abs=0.05)
    with pytest.raises(ConfigError, match="fit"):
        fit_image(image, (10, 10), "zoom")


@pytest.mark.parametrize("kind", ["cmyk", "16 bits", "transparent", "animated", "1 px", "turned"])
def test_odd_files_are_read_upright_in_rgb(tmp_path: Path, kind: str) -> None:
    path = tmp_path / {"cmyk": "a.jpg", "turned": "a.jpg", "animated": "a.gif"}.get(kind, "a.png")
    grey = np.linspace(0, 65_535, 60, dtype=np.uint16).reshape(6, 10)
    if kind == "cmyk":
        Image.new("CMYK", (10, 6), (0, 255, 255, 0)).save(path)
    elif kind == "16 bits":
        Image.fromarray(grey).save(path)
    elif kind == "transparent":
        Image.new("RGBA", (10, 6), (255, 0, 0, 0)).save(path)
    elif kind == "animated":
        Image.new("P", (10, 6)).save(path, save_all=True, append_images=[Image.new("P", (10, 6), 1)])
    elif kind == "turned":
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.new("RGB", (10, 6)).save(path, exif=exif)
    else:
        Image.new("RGB", (1, 1), (255, 0, 0)).save(path)
    image = read_image(path)
    assert image.shape == (1, 3, *{"1 px": (1, 1), "turned": (10, 6)}.get(kind, (6, 10)))
    assert float(image.abs().max()) <= 1
    if kind == "transparent":
        assert float(image.min()) == 1, "what can't be seen is white"


def test_no_picture_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    for path in (tmp_path / "a.png", tmp_path / "none.png"):
        with pytest.raises(MediaError, match="can't be read as a picture"):
            read_image(path)


@pytest.mark.slow
def test_pivot_tuning_gets_nearer_and_leaves_the_generator_and_other_codes_alone(
    tiny_model: SoundModel, ground: Ground, tmp_path: Path
) -> None:
    generator = tiny_model.generator
    image = torch.linspace(-1, 1, 32)[None, None, None].expand(1, 3, 32, -1)
    found = invert_image(generator, image, FEW, ground=ground)
    before = {name: value.clone() for name, value in generator.state_dict().items()}
    delta = tune_pivot(generator, image, found.ws, TuningSettings(num_steps=25, lr=3e-3))
    assert all(torch.equal(value, before[name]) for name, value in generator.state_dict().items())
    save_delta(tmp_path / "tuned.safetensors", delta)
    tuned = tuned_generator(generator, load_delta(tmp_path / "tuned.safetensors"))
    others = map_codes(generator, 4, 8)[:, None].expand(-1, generator.num_ws, -1)
    with torch.no_grad():
        nearer = psnr_of(rgb_images(tuned, found.ws, noise_mode="const"), image)
        moved = (rgb_images(tuned, others, noise_mode="const") - rgb_images(generator, others, noise_mode="const")).square().mean()
        pivot_moved = (rgb_images(tuned, found.ws, noise_mode="const") - rgb_images(generator, found.ws, noise_mode="const")).square().mean()
    assert nearer > found.psnr + 0.5
    assert moved < pivot_moved, "other codes move less than the pivot"
    with pytest.raises(CheckpointError, match="isn't one of this generator's"):
        tuned_generator(generator, {"synthesis.nothing": torch.zeros(3)})
