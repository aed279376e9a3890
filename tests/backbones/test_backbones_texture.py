"""The texture of a sound: what it tells, and what it leaves out."""

import pytest
import torch

from sgvg_core.backbones import NUM_LOUDNESSES, SoundTexture, loudness_course


def course(level: torch.Tensor) -> dict[str, float]:
    """What the texture says about one level [F], by name."""
    numbers = SoundTexture(1).measure(level[None, None, None])[0, 1:9]
    return dict(zip(("spread", "unrest", "slow_2", "slow_4", "slow_8", "lopsided", "attack", "reach"), numbers.tolist(), strict=True))


def test_the_texture_tells_what_a_level_does():
    time = torch.linspace(0, 6.28, 65)
    slow, fast = course(0.5 + 0.1 * time.sin()), course(0.5 + 0.1 * (20 * time).sin())
    assert slow["spread"] == pytest.approx(fast["spread"], abs=0.1)
    assert slow["unrest"] < fast["unrest"]
    assert slow["slow_2"] < slow["slow_4"] < slow["slow_8"]
    knocks = torch.full((64,), 0.3)
    for first in range(5, 60, 20):  # sudden, and dying away
        knocks[first : first + 12] += 0.5 * torch.exp(-torch.arange(12) / 4)
    assert course(knocks)["attack"] > 1 > -1 > course(knocks.flip(0))["attack"]
    assert course(knocks)["lopsided"] > 0.5 > -0.5 > course(1 - knocks)["lopsided"]
    assert all(abs(value) < 10 for value in course(torch.zeros(64)).values())  # silence too has a texture


def test_the_texture_hears_no_loudness_and_sets_colour_apart():
    torch.manual_seed(0)
    texture = SoundTexture(64)
    sound, coloured = 0.3 + 0.2 * torch.rand(1, 1, 64, 64), torch.linspace(0, 0.3, 64)[:, None]
    plain, louder, brighter = texture.measure(torch.cat([sound, sound + 0.2, sound + coloured]))
    assert plain.shape == (texture.num_features,)
    assert torch.allclose(plain, louder, atol=1e-4)
    assert (plain - brighter)[: texture.num_colours].abs().max() > 0.1
    assert torch.allclose(plain[texture.num_colours :], brighter[texture.num_colours :], atol=1e-3)


def test_no_number_of_the_texture_shouts_and_the_colour_is_left_out_at_times():
    torch.manual_seed(0)
    texture = SoundTexture(16)
    sounds = torch.rand(200, 1, 16, 32)
    sounds[0] = 0
    sounds[0, 0, :, 7] = 1  # one knock in silence
    learning = texture(sounds)
    assert learning.abs().max() <= 3
    unheard = (learning[:, : texture.num_colours] == 0).all(1)
    assert 60 < unheard.sum() < 140
    assert (learning[:, texture.num_colours :] != 0).any(1).all()
    texture.eval()
    assert torch.allclose(texture(sounds[:1]), texture(sounds)[:1], atol=1e-6)  # a window alone as among others


def test_the_course_of_the_loudness_says_when_a_window_is_loud_and_in_how_many_bands():
    hum = torch.zeros(2, 1, 64, 64)
    hum[0, 0, 8:12, 32:40] = 1  # one band of sixteen, in the fifth eighth
    hum[1] = 1
    course = loudness_course(hum)
    assert course.shape == (2, NUM_LOUDNESSES)
    everywhere, loudest = (course + 2).div(4).unflatten(1, (2, -1)).unbind(1)
    assert torch.allclose(everywhere[0], torch.tensor([0, 0, 0, 0, 1 / 16, 0, 0, 0]))
    assert torch.equal(loudest[0], torch.tensor([0.0, 0, 0, 0, 1, 0, 0, 0]))
    assert (everywhere[1] == 1).all()
    assert (loudest[1] == 1).all()
