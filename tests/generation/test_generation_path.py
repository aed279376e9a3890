"""The film's one path: trajectory, edits, frames, file; and the settings that decide it."""

import dataclasses
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sgvg_core.assembly import SoundModel
from sgvg_core.errors import ConfigError
from sgvg_core.generation import (
    GenerateSettings,
    RenderSettings,
    Sound,
    StartSettings,
    Walk,
    analyse_sound,
    frames,
    generate,
    images_of,
    random_start,
    resize,
    synthesize,
    to_uint8,
    walk_of_sound,
)
from sgvg_core.latents import ChangedWalk, LatentWalk, StoredWalk, edited, origin_of
from sgvg_core.walker import DEFAULT_PULL, WalkSettings


@pytest.fixture(scope="module")
def rain() -> Sound:
    """0.8 s of noise that swells."""
    noise = torch.randn(2, 17_640, generator=torch.Generator().manual_seed(0))
    return Sound.from_waveform(0.1 * noise * torch.linspace(0.1, 1, noise.shape[1]), 22_050)


def frames_in(folder: Path) -> torch.Tensor:
    return torch.stack([torch.from_numpy(np.array(Image.open(path))) for path in sorted(folder.glob("*.png"))])


def test_a_film_is_the_method_step_by_step(tiny_model: SoundModel, rain: Sound, tmp_path: Path) -> None:
    """What `generate` writes is bit for bit what the networks answer, called one after the other by hand."""
    settings = GenerateSettings(
        fps=Fraction(10), seed=3, start_from="random", truncation_psi=0.7, size=48, noise_mode="random", batch=3, unsure="follow"
    )
    generate(rain, tmp_path / "film", model=tiny_model, settings=settings)
    analysed = analyse_sound(rain, tiny_model.mel)
    start = random_start(tiny_model.generator, 3, truncation_psi=0.7)
    walk = Walk(analysed, tiny_model.sound_encoder, tiny_model.walker, start, Fraction(10), WalkSettings(pull=DEFAULT_PULL))
    made = synthesize(tiny_model.generator, walk, batch=3, noise_mode="random", seed=3)
    by_hand = torch.cat([to_uint8(resize(some, (48, 48))) for some in made])
    assert torch.equal(frames_in(tmp_path / "film"), by_hand)
    assert torch.equal(torch.cat(list(frames(tiny_model.generator, walk_of_sound(tiny_model, rain, settings), settings.render))), by_hand)


def test_settings_are_given_read_and_replaced_by_their_own_names() -> None:
    settings = GenerateSettings(seed=3, start_from="random", truncation_psi=0.7, size=64, noise_mode="seeded", dtype="bfloat16", causal=True)
    assert settings.start == StartSettings(seed=3, start_from="random", truncation_psi=0.7)
    assert settings.render == RenderSettings(size=64, noise_mode="seeded", seed=3, dtype="bfloat16")
    assert (settings.seed, settings.size, settings.num_candidates, settings.causal) == (3, 64, 96, True)
    again = dataclasses.replace(settings, seed=4, fps=Fraction(12))
    assert (again.start.seed, again.render.seed, again.size, again.causal, again.fps) == (4, 4, 64, True, 12)
    assert dataclasses.replace(settings, render=RenderSettings(size=32)).size == 32
    assert again.plain() == {**settings.plain(), "seed": 4, "fps": "12"}
    assert not {"start", "render"} & settings.plain().keys()
    with pytest.raises(TypeError, match=r"got sizes, expected .*size"):
        GenerateSettings(sizes=3)
    with pytest.raises(AttributeError, match="colour"):
        _ = settings.colour
    with pytest.raises(ConfigError, match="psi 1 draws nothing"):
        GenerateSettings(centres=3)


def test_edits_change_the_walk_in_their_order(tiny_model: SoundModel, rain: Sound, tmp_path: Path) -> None:
    firsts: list[int] = []

    def held(walk: LatentWalk) -> LatentWalk:
        def hold(first: int, ws: torch.Tensor) -> torch.Tensor:
            firsts.append(first)
            return torch.zeros_like(ws)

        return ChangedWalk(walk, hold)

    def moved(walk: LatentWalk) -> LatentWalk:
        return ChangedWalk(walk, lambda first, ws: ws + 0.5)

    said = {"model": tiny_model, "fps": 10, "start_from": "random"}
    generate(rain, tmp_path / "film", edits=(held, moved), **said)
    wanted = torch.full((8, tiny_model.generator.num_ws, tiny_model.generator.w_dim), 0.5)
    assert torch.equal(frames_in(tmp_path / "film"), torch.cat(list(frames(tiny_model.generator, [wanted]))))
    assert firsts[0] == 0
    walk = walk_of_sound(tiny_model, rain, GenerateSettings(start_from="random", fps=Fraction(10)))
    changed = edited(walk, (moved, held))
    assert (changed.num_frames, changed.fps) == (8, 10)
    assert origin_of(changed) is walk
    assert float(torch.cat(list(changed)).abs().max()) == 0
    assert edited(walk) is walk


def test_a_part_of_a_walk_has_the_pictures_of_the_whole(tiny_model: SoundModel) -> None:
    walk = StoredWalk(random_start(tiny_model.generator, 1, num_codes=5), Fraction(10))
    settings = RenderSettings(noise_mode="random", seed=5, batch=2, size=40)
    whole = torch.cat(list(images_of(tiny_model.generator, walk, settings)))
    part = torch.cat(list(images_of(tiny_model.generator, [walk.ws[3:]], settings, first=3)))
    assert whole.shape == (5, 3, 40, 40)
    torch.testing.assert_close(whole[3:], part, atol=1e-5, rtol=0)
