"""The walk of a sound: lazy, the same each time, the same motion at any frame rate."""

import dataclasses
from fractions import Fraction

import pytest
import torch

from sgvg_core.assembly import SoundModel
from sgvg_core.audio.segments import clip_log_mel
from sgvg_core.generation import Sound, Walk, analyse_sound, trajectory
from sgvg_core.generation.seeded_start import random_start
from sgvg_core.generation.trajectory import change_rate
from sgvg_core.latents import interpolate_ws
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


def test_change_rate_keeps_no_more_steps_than_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[int] = []

    def noting(ws: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        kept.append(len(ws))
        return interpolate_ws(ws, positions)

    monkeypatch.setattr(trajectory, "interpolate_ws", noting)
    steps = torch.arange(200.0)[:, None, None]
    got = torch.cat(list(change_rate(steps.split(4), Fraction(12), Fraction(25), 400)))
    torch.testing.assert_close(got.flatten(), torch.arange(400.0) * 12 / 25)
    assert max(kept) <= 6  # a batch of four, and the two that the next frame lies between


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


@pytest.mark.slow
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


class Loudness(torch.nn.Module):
    """Hears how loud a window is, and keeps what it was given."""

    def __init__(self, segment_rate: float = 12.0, clip_frames: int | None = None) -> None:
        super().__init__()
        self.segment_rate, self.clip_frames, self.reach, self.smoothing, self.given = segment_rate, clip_frames, 0, 0.0, []

    def forward(self, log_mel: torch.Tensor) -> torch.Tensor:
        self.given.append(log_mel)
        return log_mel.mean((1, 2, 3))[:, None, None].expand(-1, 8, 24)


@pytest.mark.parametrize(("rate", "wanted"), [(12.0, 40), (10.0, 34), (25.0, 83)])
def test_as_many_windows_are_heard_as_the_steps_need(tiny_model: SoundModel, rate: float, wanted: int) -> None:
    walk = dataclasses.replace(walk_of(tiny_model, tone(4), Fraction(12)), encoder=Loudness(rate))
    assert sum(len(batch) for batch in walk.offsets(40, Fraction(12))) == wanted


def test_a_whole_clip_is_heard_once_for_every_step(tiny_model: SoundModel) -> None:
    encoder = Loudness(clip_frames=64)
    walk = dataclasses.replace(walk_of(tiny_model, tone(4), Fraction(12), sound_once=True), encoder=encoder)
    ws = torch.cat(list(walk))
    assert len(ws) == 48
    assert len(encoder.given) == 1
    sound, mel = walk.analysed.sound, walk.analysed.mel
    wanted = clip_log_mel(sound.mono_chunks(mel.sample_rate), mel, walk.analysed.level, num_frames=64)
    assert torch.equal(encoder.given[0], wanted)
    batches = list(walk._whole_clip(70))
    assert [len(batch) for batch in batches] == [32, 32, 6]
    assert all(torch.equal(each, encoder(wanted)[0]) for batch in batches for each in batch)


@pytest.mark.parametrize("sound_once", [False, True])
def test_a_walk_that_stays_hears_silence(tiny_model: SoundModel, sound_once: bool) -> None:
    encoder = Loudness(clip_frames=64 if sound_once else None)
    walk = dataclasses.replace(walk_of(tiny_model, tone(1), Fraction(12), sound_once=sound_once), encoder=encoder, stays=True)
    list(walk)
    assert not any(log_mel.any() for log_mel in encoder.given)
    list(dataclasses.replace(walk, stays=False))
    assert encoder.given[-1].any()
