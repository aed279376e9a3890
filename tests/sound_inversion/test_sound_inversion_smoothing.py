"""What is heard, smoothed over time: without trembling, with its jumps."""

import dataclasses
import math

import pytest
import torch

from sgvg_core.assembly import build_sound_encoder
from sgvg_core.errors import ConfigError
from sgvg_core.presets import TINY
from sgvg_core.sound_inversion import AdaptedSoundEncoder, encode_clips, encode_stream, smoothing_reach
from sgvg_core.sound_inversion.smoothing import smooth_clips, smooth_stream

WIDTH, RANGE = 1.5, 0.2


def offsets(values: list[float]) -> torch.Tensor:
    """Offsets of two latents of four numbers that are all this value, [T, 2, 4]."""
    return torch.tensor(values)[:, None, None].expand(-1, 2, 4).contiguous()


def smoothed(batches: list[torch.Tensor], causal: bool = False) -> torch.Tensor:
    return torch.cat(list(smooth_stream(batches, WIDTH, RANGE, causal=causal)))


def test_weights_by_hand() -> None:
    near = math.exp(-0.5 * ((1 / WIDTH) ** 2 + (0.1 / RANGE) ** 2))
    far = math.exp(-0.5 * ((2 / WIDTH) ** 2 + (0.3 / RANGE) ** 2))
    wanted = (0.0 + 0.1 * near + 0.3 * far) / (1 + near + far)
    assert smoothed([offsets([0.0, 0.1, 0.3])])[0].flatten().tolist() == pytest.approx([wanted] * 8)


def test_differences_are_those_of_the_means_over_latents() -> None:
    """Two latents that go apart by as much have the same mean, so nothing is a jump for them."""
    apart = offsets([0.0] * 9)
    apart[4:, 0], apart[4:, 1] = 50.0, -50.0
    alone = torch.exp(-0.5 * (torch.arange(-4.0, 5) / WIDTH).square()) * (torch.arange(-4, 5).abs() <= smoothing_reach(WIDTH))
    assert smoothed([apart])[4, 0, 0].item() == pytest.approx((alone[4:].sum() / alone.sum() * 50).item())


def test_trembling_goes_and_a_jump_stays() -> None:
    torch.manual_seed(0)
    steady = torch.cat([offsets([0.0] * 40), offsets([5.0] * 40)])
    heard = steady + 0.05 * torch.randn(80, 1, 4)
    before, after = (x.diff(dim=0).abs().mean((1, 2)) for x in (heard, smoothed([heard])))
    assert after[:39].mean() < 0.3 * before[:39].mean()
    assert after[39].item() == pytest.approx(5, abs=0.1)
    assert (smoothed([heard]) - steady).abs().mean() < 0.5 * (heard - steady).abs().mean()


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("size", [1, 2, 5, 32])
def test_any_batching_gives_the_same(size: int, causal: bool) -> None:
    torch.manual_seed(1)
    heard = torch.randn(23, 2, 4) * 0.3
    torch.testing.assert_close(smoothed(list(heard.split(size)), causal), smoothed([heard], causal))
    assert [len(batch) for batch in smooth_stream([], WIDTH, RANGE)] == []


def test_causal_hears_nothing_that_is_to_come() -> None:
    torch.manual_seed(2)
    heard = torch.randn(20, 2, 4) * 0.3
    other = heard.clone()
    other[12:] = 0
    assert torch.equal(smoothed([heard], True)[:12], smoothed([other], True)[:12])
    assert not torch.equal(smoothed([heard])[:12], smoothed([other])[:12])


def test_reach_is_three_standard_deviations_and_no_more() -> None:
    assert smoothing_reach(WIDTH) == 5
    heard, other = offsets([0.0] * 20), offsets([0.0] * 20)
    other[15:] = 0.01
    assert torch.equal(smoothed([heard])[:10], smoothed([other])[:10])
    assert not torch.equal(smoothed([heard])[10], smoothed([other])[10])


def test_clips_know_nothing_of_one_another() -> None:
    torch.manual_seed(3)
    clips = torch.randn(2, 9, 2, 4) * 0.3
    torch.testing.assert_close(smooth_clips(clips, WIDTH, RANGE)[1], smoothed([clips[1]]))


def test_an_encoder_smooths_as_its_configuration_says() -> None:
    torch.manual_seed(4)
    plain = build_sound_encoder(TINY.sound_encoder).eval().requires_grad_(False)
    config = dataclasses.replace(TINY.sound_encoder, smoothing_seconds=0.25, smoothing_range=0.05)
    encoder = build_sound_encoder(config).eval().requires_grad_(False)
    encoder.load_state_dict(plain.state_dict())
    sound = torch.rand(20, 1, 64, 64)
    raw = torch.cat(list(encode_stream(plain, [sound])))
    wanted = torch.cat(list(smooth_stream([raw], 0.25 * config.segment_rate, 0.05)))
    assert not torch.allclose(wanted, raw, atol=1e-4)
    torch.testing.assert_close(torch.cat(list(encode_stream(encoder, list(sound.split(7))))), wanted, rtol=0, atol=1e-5)
    torch.testing.assert_close(encode_clips(encoder, sound[None])[0], wanted, rtol=0, atol=1e-5)
    fitted = AdaptedSoundEncoder(encoder, torch.eye(encoder.num_ws), torch.zeros(encoder.w_dim))
    torch.testing.assert_close(torch.cat(list(encode_stream(fitted, [sound]))), wanted, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("name", "value"), [("smoothing_seconds", -0.1), ("smoothing_seconds", 11), ("smoothing_range", 0.0)])
def test_settings_out_of_range_are_refused(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=name):
        dataclasses.replace(TINY.sound_encoder, **{name: value})
