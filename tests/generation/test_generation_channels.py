"""Generators of one, two and four channels through everything that looks at their pictures; all other tests have three."""

import dataclasses
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch

from sgvg_core.assembly import SoundModel, build_image_encoder, build_judge, build_model
from sgvg_core.cli.centres import images_of
from sgvg_core.config import ImageEncoderConfig
from sgvg_core.evaluation.judged import evaluate
from sgvg_core.evaluation.judged import table as tables
from sgvg_core.evaluation.paper.measure import film
from sgvg_core.evaluation.paper.methods import Take
from sgvg_core.generation import Sound, generate
from sgvg_core.generation.seeded_start import random_start
from sgvg_core.generation.text_constraint import choose_start
from sgvg_core.image_inversion import invert
from sgvg_core.media import read_video_frames
from sgvg_core.presets import TINY
from sgvg_core.progress import silent
from sgvg_core.synthesis import as_rgb, rgb_images

CHANNELS = [1, 2, 4]


@pytest.fixture(scope="module", params=CHANNELS, ids=lambda number: f"{number} channels")
def model(request: pytest.FixtureRequest) -> SoundModel:
    """The tiny model with a generator of so many channels."""
    return build_model(dataclasses.replace(TINY, generator=dataclasses.replace(TINY.generator, img_channels=request.param)), seed=1)


@pytest.fixture(scope="module")
def sound() -> Sound:
    return Sound.from_waveform(0.2 * torch.randn(1, 22_050, generator=torch.Generator().manual_seed(0)), 22_050)


def test_grey_is_shown_thrice_and_alpha_not_at_all() -> None:
    images = torch.arange(4.0)[None, :, None, None].expand(2, 4, 5, 6)
    for channels, seen in ((1, [0, 0, 0]), (2, [0, 0, 0]), (3, [0, 1, 2]), (4, [0, 1, 2])):
        shown = as_rgb(images[:, :channels])
        assert shown.shape == (2, 3, 5, 6)
        assert shown[0, :, 0, 0].tolist() == seen


@pytest.mark.slow
def test_a_film_from_the_default_start(model: SoundModel, sound: Sound, tmp_path: Path) -> None:
    made = generate(sound, tmp_path / "film.mp4", model=model, num_candidates=4, prompts=(("rain", 1.0),), fps=12)
    frames = torch.stack(list(read_video_frames(made.path)))
    assert frames.shape == (12, 32, 32, 3)
    if model.generator.img_channels < 3:
        assert (frames.float().std(-1) < 4).all(), "a grey generator's film is grey"


def test_the_text_constraint(model: SoundModel) -> None:
    ranked = choose_start(model.generator, model.joint_space, seed=0, num_codes=6, prompts=(("rain", 1.0),), keep=2)  # type: ignore[arg-type]
    assert ranked.images.shape == (2, 32, 32, 3)
    shown = rgb_images(model.generator, ranked.ws, noise_mode="const")
    assert ((shown.clamp(-1, 1) + 1).mul(127.5).permute(0, 2, 3, 1) - ranked.images).abs().max() <= 1


def test_the_table_and_the_judge(model: SoundModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "_NUM_CANDIDATES", 8)
    torch.manual_seed(0)
    judge = build_judge(TINY.judge).eval()
    table = evaluate(model, judge, num_clips=1, seconds=0.5, rows=("chosen",))
    assert {row["num_clips"] for row in table["rows"]} == {1}


def test_films_of_the_papers_tables(model: SoundModel, sound: Sound) -> None:
    take = Take(model, sound, 0, Fraction(12))
    frames = film(take, lambda one: one.walk())
    assert frames.shape == (12, 32, 32, 3)


def test_sheets_of_centres(model: SoundModel) -> None:
    assert images_of(model.generator, random_start(model.generator, 0, num_codes=3), silent).shape == (3, 32, 32, 3)


def test_an_encoder_that_looks_at_what_it_made(model: SoundModel) -> None:
    """ReStyle sees each picture beside the one that the generator drew of its last answer."""
    sizes: dict[str, Any] = {"num_ws": 8, "w_dim": 24, "image_size": 32, "depths": (1, 1, 1, 1), "widths": (8, 8, 8, 24)}
    config = ImageEncoderConfig(unit="resnet", pyramid=False, in_channels=6, **sizes)
    torch.manual_seed(0)
    encoder = build_image_encoder(config).eval()
    ws = invert(encoder, torch.zeros(2, 3, 32, 32), lambda latents: rgb_images(model.generator, latents, noise_mode="const"), num_passes=2)
    assert ws.shape == (2, 8, 24)
