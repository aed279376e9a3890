"""Windows heard in order: textures averaged around each, streamed as if heard at once."""

import dataclasses

import pytest
import torch

from sgvg_core.assembly import build_sound_encoder
from sgvg_core.presets import TINY
from sgvg_core.sound_inversion import AdaptedSoundEncoder, SoundInversionEncoder, encode_clips, encode_stream
from sgvg_core.sound_inversion.streaming import average_around


@pytest.fixture
def encoder() -> SoundInversionEncoder:
    """An E_a whose texture speaks, and reaches three windows."""
    torch.manual_seed(0)
    encoder = build_sound_encoder(TINY.sound_encoder).eval().requires_grad_(False)
    assert encoder.texture is not None
    torch.nn.init.normal_(encoder.texture.project.weight)
    return encoder


def windows(count: int) -> torch.Tensor:
    return torch.rand(count, 1, 64, 64, generator=torch.Generator().manual_seed(1))


def heard(encoder: SoundInversionEncoder | AdaptedSoundEncoder, batches: list[torch.Tensor], causal: bool = False) -> torch.Tensor:
    return torch.cat(list(encode_stream(encoder, batches, causal=causal)))


def test_average_around_by_hand() -> None:
    items = torch.tensor([0.0, 3, 6, 30])[None, :, None]
    assert average_around(items, 1, 1).flatten().tolist() == pytest.approx([1.5, 3, 13, 18])
    assert average_around(items, 1, 0).flatten().tolist() == pytest.approx([0, 1.5, 4.5, 18])
    assert average_around(items, 9, 9).flatten().tolist() == pytest.approx([9.75] * 4)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("size", [1, 2, 5, 32])
def test_any_batching_hears_the_same(encoder: SoundInversionEncoder, size: int, causal: bool) -> None:
    sound = windows(17)
    torch.testing.assert_close(heard(encoder, list(sound.split(size)), causal), heard(encoder, [sound], causal), rtol=0, atol=1e-5)


def test_the_texture_is_that_of_the_windows_around(encoder: SoundInversionEncoder) -> None:
    sound = windows(12)
    textures = encoder.textures(sound)
    wanted = torch.cat([encoder(sound[i : i + 1], textures[max(0, i - 3) : i + 4].mean(0, keepdim=True)) for i in range(12)])
    torch.testing.assert_close(heard(encoder, [sound]), wanted, rtol=0, atol=1e-5)
    torch.testing.assert_close(encode_clips(encoder, sound[None])[0], wanted, rtol=0, atol=1e-5)
    assert (wanted - encoder(sound)).abs().max() > 1e-3


def test_clips_know_nothing_of_one_another(encoder: SoundInversionEncoder) -> None:
    clips = windows(12).unflatten(0, (2, 6))
    torch.testing.assert_close(encode_clips(encoder, clips)[1], encode_clips(encoder, clips[1:])[0], rtol=0, atol=1e-5)


def test_causal_hears_nothing_that_is_to_come(encoder: SoundInversionEncoder) -> None:
    sound, other = windows(12), windows(12)
    other[8:] = 0
    assert torch.equal(heard(encoder, [sound], True)[:8], heard(encoder, [other], True)[:8])
    assert not torch.equal(heard(encoder, [sound])[:8], heard(encoder, [other])[:8])


def test_without_reach_each_window_is_heard_by_itself() -> None:
    encoder = build_sound_encoder(dataclasses.replace(TINY.sound_encoder, texture_reach=0.0)).eval()
    sound = windows(5)
    assert encoder.reach == 0
    with torch.no_grad():
        torch.testing.assert_close(heard(encoder, list(sound.split(2))), encoder(sound), rtol=0, atol=1e-5)
        torch.testing.assert_close(encode_clips(encoder, sound[None])[0], encoder(sound), rtol=0, atol=1e-5)


def test_a_fitted_encoder_reaches_as_far(encoder: SoundInversionEncoder) -> None:
    fitted = AdaptedSoundEncoder(encoder, torch.eye(encoder.num_ws), torch.zeros(encoder.w_dim))
    sound = windows(9)
    torch.testing.assert_close(heard(fitted, list(sound.split(4))), heard(encoder, [sound]), rtol=0, atol=1e-5)
