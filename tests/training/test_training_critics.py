"""The discriminators: an answer for every patch, of an item by itself, from what its patch can see."""

import pytest
import torch

from sgvg_core.assembly import build_critics
from sgvg_core.config import CriticConfig
from sgvg_core.errors import ConfigError, ShapeError

CONFIG = CriticConfig(image_size=32, image_widths=(8, 16), video_widths=(8, 16))


@pytest.fixture(scope="module")
def critics():
    torch.manual_seed(0)
    return build_critics(CONFIG)


def test_every_patch_has_its_answer(critics):
    video, image = critics
    assert video(torch.zeros(2, 6, 3, 32, 32)).shape == (2, 6, 8, 8)
    assert image(torch.zeros(3, 3, 32, 32)).shape == (3, 8, 8)


def test_an_item_alone_equals_the_item_among_others(critics):
    video, image = critics
    clips = torch.randn(2, 6, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(video(clips)[1:], video(clips[1:]), atol=1e-5)
    assert torch.allclose(image(clips[0])[2:3], image(clips[0, 2:3]), atol=1e-5)


def test_the_order_of_frames_matters_to_the_video_critic_alone(critics):
    video, image = critics
    clip = torch.randn(1, 6, 3, 32, 32, generator=torch.Generator().manual_seed(2))
    backwards = clip.flip(1)
    assert (video(backwards).flip(1) - video(clip)).abs().max() > 1e-3
    assert torch.allclose(image(backwards[0]).flip(0), image(clip[0]), atol=1e-5)


def test_wrong_shapes_and_settings_are_told(critics):
    with pytest.raises(ShapeError, match=r"clips: got shape \[6, 3, 32, 32\]"):
        critics[0](torch.zeros(6, 3, 32, 32))
    with pytest.raises(ConfigError, match="critic video_widths: got 3 halvings"):
        CriticConfig(image_size=16, image_widths=(8,), video_widths=(8, 8, 8))
