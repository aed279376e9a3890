"""The walk of a sound: lazy, the same each time, the same motion at any frame rate."""

from fractions import Fraction

import pytest
import torch

from sgvg_core.assembly import SoundModel
from sgvg_core.generation import Sound, Walk, analyse_sound
from sgvg_core.generation.seeded_start import random_start
from sgvg_core.generation.trajectory import change_rate
from sgvg_core.walker import WalkSettings


def tone(seconds: float, rate: int = 22_050) -> torch.Tensor:
    t = torch.arange(int(seconds * rate)) / rate
    return (0.3 * torch.sin(2 * torch.pi * 330 * t) * (1 + torch.sin(2 * torch.pi * 1.5 * t)))[None]


def walk_of(model: SoundModel, waveform: torch.Tensor, fps: Fraction, **settings: float) -> Walk:
    analysed = analyse_sound(Sound.from_waveform(waveform, 22_050), model.mel)
    return Walk(analysed, model.sound_encoder, model.walker, random_start(model.generator, 5), fps, WalkSettings(**settings))


@pytest.mark.parametrize(("in_rate", "out_rate"), [(12, 25), (12, 12), (25, 12), (10, Fraction(30000, 1001))])
@pytest.mark.parametrize("batch", [1, 3, 100])
def test_change_rate_is_linear_interpolation_however_it_streams(in_rate: int, out_rate: Fraction, batch: int) -> None:
    in_rate, out_rate = Fraction(in_rate), Fraction(out_rate)
    steps = torch.randn(20, 2, 3, generator=torch.Generator().manual_seed(1))
    num_out = int(19 * out_rate / in_rate) + 1
    got = torch.cat(list(change_rate(steps.split(batch), in_rate, out_rate, num_out)))
    wanted = []
    for k in range(num_out):
        position = float(k * in_rate / out_rate)
        low = min(int(position), 18)
        wanted.append(torch.lerp(steps[low], steps[low + 1], position - low))
    torch.testing.assert_close(got, torch.stack(wanted))


def test_change_rate_holds_the_last_step() -> None:
    steps = torch.arange(3.0)[:, None, None]
    got = torch.cat(list(change_rate([steps], Fraction(10), Fraction(10), 5)))
    assert got.flatten().tolist() == [0, 1, 2, 2, 2]


def test_a_walk_is_the_same_each_time_and_covers_the_sound(tiny_model: SoundModel) -> None:
    walk = walk_of(tiny_model, tone(2.5), Fraction(25))
    first, second = torch.cat(list(walk)), torch.cat(list(walk))
    assert torch.equal(first, second)
    assert first.shape == (63, tiny_model.generator.num_ws, tiny_model.generator.w_dim)
    assert (first[1:] - first[:-1]).abs().amax((1, 2)).min() > 0


def test_12_and_60_frames_a_second_show_the_same_motion(tiny_model: SoundModel) -> None:
    slow, fast = (torch.cat(list(walk_of(tiny_model, tone(2), Fraction(fps)))) for fps in (12, 60))
    torch.testing.assert_close(slow, fast[::5], atol=1e-5, rtol=1e-4)


def test_the_beginning_doesnt_depend_on_how_long_the_walk_is(tiny_model: SoundModel) -> None:
    # causal: both sounds are as loud, so their common beginning is heard alike
    long = torch.cat([tone(2), tone(2)], 1)
    short, longer = (torch.cat(list(walk_of(tiny_model, waveform, Fraction(12)))) for waveform in (tone(2), long))
    torch.testing.assert_close(short[:18], longer[:18], atol=1e-4, rtol=1e-3)


def test_a_louder_moment_moves_it_elsewhere(tiny_model: SoundModel) -> None:
    burst = tone(2).clone()
    burst[:, 22_050:26_000] = torch.randn(1, 26_000 - 22_050, generator=torch.Generator().manual_seed(3))
    plain, changed = (torch.cat(list(walk_of(tiny_model, waveform, Fraction(12)))) for waveform in (tone(2), burst))
    assert (plain[14] - changed[14]).abs().amax() > 1e-5


def test_silence_and_three_samples_walk(tiny_model: SoundModel) -> None:
    for waveform in (torch.zeros(1, 22_050), torch.tensor([[0.1, -0.2, 0.1]])):
        walk = walk_of(tiny_model, waveform, Fraction(25))
        assert torch.isfinite(torch.cat(list(walk))).all()
        assert walk.num_frames == (25 if waveform.shape[1] > 3 else 1)
