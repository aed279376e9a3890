"""The methods that are held beside each other: what each hears, where it starts, what it leaves out."""

import copy
import dataclasses
from fractions import Fraction
from typing import Any

import pytest
import torch

from sgvg_core.curves.spectrum import (
    chroma,
    loudness,
    onsets,
    smoothed,
    spectra,
)
from sgvg_core.evaluation.paper.methods import (
    BASELINES,
    OURS,
    SWITCHES,
    Take,
    encoder_alone,
    interpolation,
    ours,
    sound_once,
    without_recurrence,
    without_sound,
)
from sgvg_core.evaluation.paper.music_map import dominant
from sgvg_core.generation import Sound
from sgvg_core.generation.seeded_start import random_start
from sgvg_core.walker import WalkSettings

_RATE = 22_050


def _noise(seconds: float, seed: int) -> torch.Tensor:
    return 0.3 * torch.randn(1, int(seconds * _RATE), generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def take(tiny_model: Any) -> Take:
    return Take(tiny_model, Sound.from_waveform(_noise(2, 0), _RATE), seed=5, fps=Fraction(12))


def test_a_sound_that_is_no_scene_leads_nowhere_by_any_settings(tiny_model: Any, take: Take) -> None:
    space = copy.copy(tiny_model.joint_space)
    space.labels, space.sure_from = ("rain", "wind"), 1.0
    doubtful = Take(dataclasses.replace(tiny_model, joint_space=space), take.sound, take.seed, take.fps)
    settings = WalkSettings(coarse=0.5)
    assert (doubtful.walk().stays, doubtful.walk(settings).stays, take.walk().stays) == (True, True, False)
    assert doubtful.walk(settings).settings == settings
    assert doubtful.walk().settings == WalkSettings()


def _ws(found: Any) -> torch.Tensor:
    return torch.cat(list(found))


def test_ours_is_the_walk_that_films_are_made_with(take: Take) -> None:
    assert torch.equal(_ws(ours(take)), _ws(take.walk()))


@pytest.mark.slow
def test_every_method_covers_the_sound_and_is_the_same_again(take: Take) -> None:
    for method in (OURS, *BASELINES, *SWITCHES):
        made = _ws(method.make(take))
        assert made.shape == (24, take.model.generator.num_ws, take.model.generator.w_dim), method.name
        assert torch.equal(made, _ws(method.make(take))), method.name


@pytest.mark.slow
def test_only_methods_with_sound_hear_it(tiny_model: Any, take: Take) -> None:
    other = Take(tiny_model, Sound.from_waveform(_noise(2, 1).flip(1) * torch.linspace(0, 1, 2 * _RATE), _RATE), take.seed, take.fps)
    same = {method.key: torch.equal(_ws(method.make(take)), _ws(method.make(other))) for method in (OURS, *BASELINES)}
    assert same == {"ours": False, "none": True, "once": False, "interpolation": True, "music": False}


def test_interpolation_goes_from_the_start_to_the_second_code(take: Take) -> None:
    made = _ws(interpolation(take))
    assert torch.allclose(made[:1], take.start_ws)
    assert torch.allclose(made[-1:], random_start(take.model.generator, take.seed, first=1), atol=1e-6)
    assert torch.allclose(made[1:] - made[:-1], (made[1] - made[0]).expand(23, -1, -1), atol=1e-5)


def test_sound_once_hears_the_clips_mean_before_the_first_step(take: Take) -> None:
    start, heard = take.start_ws, take.offsets.mean(0, keepdim=True)
    silent = torch.zeros_like(take.offsets)
    moved = Take(take.model, take.sound, take.seed, take.fps)
    moved.__dict__["start_ws"], moved.__dict__["offsets"] = start + heard, silent
    assert torch.allclose(_ws(sound_once(take)), _ws(without_sound(moved)), atol=1e-5)


def test_a_block_that_is_switched_off_holds_still_and_the_others_move(take: Take) -> None:
    for method in SWITCHES[:3]:
        made, start = _ws(method.make(take)), take.start_ws
        for name, part in take.model.walker.slices.items():
            moved = (made[:, part] - start[:, part]).abs().max() > 1e-4
            assert moved == (name != method.key), (method.key, name)


def test_without_recurrence_nothing_is_remembered(tiny_model: Any, take: Take) -> None:
    """Another first second: the last half second is the same film, and with recurrence it isn't."""
    samples = take.sound.waveform.clone()  # type: ignore[union-attr]
    samples[:, :_RATE] = _noise(1, 9) * samples[:, :_RATE].abs().max()
    samples[:, :_RATE] *= samples[:, _RATE:].abs().max() / samples[:, :_RATE].abs().max()
    other = Take(tiny_model, Sound.from_waveform(samples, _RATE), take.seed, take.fps)
    other.__dict__["offsets"] = torch.cat([other.offsets[:12], take.offsets[12:]])  # what E_a hears of the second half, exactly
    for make, remembers in ((without_recurrence, False), (encoder_alone, False), (ours, True)):
        one, two = _ws(make(take)), _ws(make(other))
        assert not torch.equal(one[:6], two[:6])
        assert torch.equal(one[-6:], two[-6:]) != remembers


def test_chroma_of_a_tone_is_its_pitch_class() -> None:
    times = torch.arange(_RATE) / _RATE
    for hertz, pitch_class in ((440.0, 9), (261.63, 0), (880.0, 9), (369.99, 6)):
        heard = chroma(spectra(torch.sin(2 * torch.pi * hertz * times), _RATE, 12, 12), _RATE)
        assert (heard.argmax(1) == pitch_class).all(), hertz
        assert torch.allclose(heard.sum(1), torch.ones(12), atol=1e-5)


def test_the_strongest_pitch_class_leads_the_mix() -> None:
    shares = torch.full((1, 12), 0.08)
    shares[0, 4] = 0.12
    led = dominant(shares)
    assert led.sum().item() == pytest.approx(1)
    assert led[0, 4].item() == pytest.approx(1 / (1 + 11 * (2 / 3) ** 12), rel=1e-4)


def test_loudness_and_onsets_stand_where_they_happen() -> None:
    samples = 0.001 * torch.randn(2 * _RATE, generator=torch.Generator().manual_seed(3))
    samples[_RATE : _RATE + 400] += 1.0
    heard = spectra(samples, _RATE, 12, 24)
    assert abs(int(onsets(heard).argmax()) - 12) <= 1
    assert loudness(heard).argmax() in (11, 12, 13)
    assert loudness(heard)[3] < 0.5
    assert not loudness(torch.zeros(4, 9)).any()
    assert onsets(torch.ones(4, 9)).max() < 1e-6


def test_a_smoothed_step_reaches_its_share_after_the_time_constant() -> None:
    curve = smoothed(torch.cat([torch.zeros(1), torch.ones(100)]), fps=10, seconds=1.0)
    assert curve[10].item() == pytest.approx(1 - torch.exp(torch.tensor(-1.0)).item(), abs=1e-5)
