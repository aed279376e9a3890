"""What each moment hears: centred, causal, independent of chunks, under one reference."""

import dataclasses
import math
from collections.abc import Iterator
from fractions import Fraction

import pytest
import torch

from sgvg_core.audio import (
    MelSegments,
    SoundLevel,
    cut_window,
    log_mel,
    measure,
    mel_power,
    resize_log_mel,
    segments_of,
    window_samples,
    window_start,
)
from sgvg_core.config import MelConfig
from sgvg_core.errors import ConfigError, MediaError, ShapeError

MEL = MelConfig(sample_rate=22_050, n_fft=1024, hop=256, n_mels=64, segment_seconds=0.75, resized_mels=64, resized_frames=64)
RATES = [Fraction(24_000, 1001), Fraction(25), Fraction(60_000, 1001), Fraction(12), Fraction(10)]


def noise(seconds: float, seed: int = 0) -> torch.Tensor:
    return torch.randn(round(seconds * MEL.sample_rate), generator=torch.Generator().manual_seed(seed))


@pytest.mark.slow
@pytest.mark.parametrize("chunk_samples", [1, 777, 22_050, 10**6])
def test_the_level_is_that_of_the_whole_clip_however_it_is_chunked(chunk_samples: int) -> None:
    sound = noise(0.4 if chunk_samples == 1 else 12) * torch.linspace(0, 1, round((0.4 if chunk_samples == 1 else 12) * MEL.sample_rate))
    level = measure(sound.split(chunk_samples), MEL)
    assert level.reference == pytest.approx(float(mel_power(sound[None], MEL).max()), rel=1e-6)
    assert level.num_samples == len(sound)
    assert level.peak == float(sound.abs().max())
    assert level.rms == pytest.approx(float(sound.square().mean().sqrt()), rel=1e-5)


@pytest.mark.parametrize("num_samples", [1, 3, 255, 1023, 1024, 1025, 5000])
def test_the_level_of_short_sounds(num_samples: int) -> None:
    sound = noise(1)[:num_samples]
    assert measure(sound.split(100), MEL).reference == pytest.approx(float(mel_power(sound[None], MEL).max()), rel=1e-6)


def test_a_silent_sound_says_so() -> None:
    level = measure([torch.zeros(5000)], MEL)
    assert level.silent
    assert level.reference == 0
    assert not measure([torch.full((5000,), 0.01)], MEL).silent


def test_dither_is_silence_and_not_a_log_mel_of_noise() -> None:
    dither = (2 * noise(2).sign() * (noise(2, 1) > 0)) / 2**15
    assert measure([dither], MEL).silent
    assert (segments_of(dither, MEL, rate=Fraction(10), num_segments=20) == 0).all()
    assert segments_of(dither, MEL, rate=Fraction(10), num_segments=20, silence="released").max() > 0.9
    assert segments_of(10 * dither, MEL, rate=Fraction(10), num_segments=20).max() > 0.9


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("causal", [False, True])
def test_a_segment_is_the_log_mel_of_its_very_window(rate: Fraction, causal: bool) -> None:
    sound = noise(4)
    level = measure([sound], MEL)
    num = math.ceil(4 * rate)
    log_mels = segments_of(sound, MEL, rate=rate, num_segments=num, causal=causal)
    assert log_mels.shape == (num, 1, 64, 64)
    half = window_samples(MEL) // 2
    for segment in range(0, num, 7):
        moment = math.floor(segment * MEL.sample_rate / rate + Fraction(1, 2))
        first = moment - (window_samples(MEL) if causal else half)
        padded = torch.cat([torch.zeros(30_000), sound, torch.zeros(30_000)])
        window = padded[30_000 + first:30_000 + first + window_samples(MEL)]
        expected = resize_log_mel(log_mel(window[None], MEL, reference=level.reference), 64, 64)
        assert torch.allclose(log_mels[segment], expected[0], atol=1e-5)


@pytest.mark.parametrize("rate", RATES)
def test_a_click_is_in_the_middle_of_the_segment_that_stands_there(rate: Fraction) -> None:
    """The brightest column of the window moves through its middle just when the segment's time is the click's."""
    sound = torch.zeros(22_050 * 6)
    click = round(4.3 * 22_050)
    sound[click:click + 64] = 1
    log_mels = segments_of(sound, MEL, rate=rate, num_segments=math.ceil(6 * rate))
    frames = torch.arange(64.0)
    shown = math.floor(Fraction(click, 22_050) * rate + Fraction(1, 2))
    energy = log_mels[shown, 0].mean(dim=0)
    assert abs(float((energy * frames).sum() / energy.sum()) - 31.5) < 64 / 0.75 * 0.5 / float(rate) + 0.6
    heard = [segment for segment in range(len(log_mels)) if log_mels[segment].max() > 0]
    assert heard[0] == pytest.approx((4.3 - 0.375) * rate, abs=1.5)
    assert heard[-1] == pytest.approx((4.3 + 0.375) * rate, abs=1.5)


def test_a_causal_segment_never_hears_the_future() -> None:
    before = noise(3)
    after = before.clone()
    moment = round(1.5 * MEL.sample_rate)
    after[moment:] = 30 * noise(3, seed=1)[moment:]
    level = SoundLevel(reference=1000.0, num_samples=len(before), peak=1, rms=1)

    def heard(sound: torch.Tensor) -> torch.Tensor:
        return torch.cat(list(MelSegments(lambda: [sound], MEL, level, rate=Fraction(10), num_segments=30, causal=True)))

    first, second = heard(before), heard(after)
    assert torch.equal(first[:16], second[:16])
    assert not torch.equal(first[16], second[16])


@pytest.mark.parametrize("chunk_samples", [97, 22_050, 10**6])
def test_segments_do_not_depend_on_the_chunks(chunk_samples: int) -> None:
    sound = noise(7)
    level = measure([sound], MEL)
    segments = MelSegments(lambda: sound.split(chunk_samples), MEL, level, rate=Fraction(24_000, 1001), num_segments=168)
    assert torch.equal(torch.cat(list(segments)), segments_of(sound, MEL, rate=Fraction(24_000, 1001), num_segments=168))


def test_segments_can_be_iterated_again_and_at_once() -> None:
    sound = noise(5)
    segments = MelSegments(lambda: sound.split(5000), MEL, measure([sound], MEL), rate=Fraction(20), num_segments=100)
    first, second = iter(segments), iter(segments)
    pairs = list(zip(first, second, strict=True))
    assert len(pairs) > 1
    assert all(torch.equal(a, b) for a, b in pairs)
    assert sum(len(a) for a, _ in pairs) == len(segments) == 100


def test_one_reference_serves_every_window() -> None:
    sound = noise(6)
    sound[3 * 22_050:] *= 0.1
    log_mels = segments_of(sound, MEL, rate=Fraction(10), num_segments=60)
    loud, quiet = log_mels[10:25].mean(), log_mels[40:55].mean()
    assert float(loud - quiet) == pytest.approx(20 / 80, abs=0.01)


def test_a_sound_shorter_than_a_window_and_segments_behind_its_end() -> None:
    log_mels = segments_of(torch.tensor([0.5, -0.5, 0.5]), MEL, rate=Fraction(10), num_segments=20)
    assert log_mels[0].max() > 0
    assert (log_mels[5:] == 0).all()
    assert (segments_of(torch.zeros(3), MEL, rate=Fraction(10), num_segments=4) == 0).all()
    assert (segments_of(torch.zeros(9000), MEL, rate=Fraction(10), num_segments=4, silence="released") == 1).all()


@pytest.mark.slow
def test_a_stream_is_read_no_further_than_needed_and_its_past_is_dropped() -> None:
    drawn = 0

    def chunks() -> Iterator[torch.Tensor]:
        nonlocal drawn
        while True:  # a stream without an end
            drawn += 1
            yield torch.zeros(22_050)

    segments = iter(MelSegments(chunks, MEL, SoundLevel(1.0, 1, 1.0, 1.0), rate=Fraction(10), num_segments=10_000))
    for batch in range(1, 20):
        next(segments)
        assert drawn <= batch * 3.2 + 2


def test_window_start_rounds_to_the_nearest_sample() -> None:
    assert window_samples(MEL) == 16_538
    assert window_start(0, Fraction(25), MEL) == -8269
    assert window_start(0, Fraction(25), MEL, causal=True) == -16_538
    for segment in (1, 17, 14_385):
        exact = segment * 22_050 * Fraction(1001, 24_000)
        assert abs(window_start(segment, Fraction(24_000, 1001), MEL) + 8269 - exact) <= Fraction(1, 2)


def test_bad_sounds_and_settings() -> None:
    sound = noise(1)
    sound[4410] = torch.nan
    with pytest.raises(MediaError, match=r"NaN or infinite sample at 0\.200 s"):
        measure(sound.split(1000), MEL)
    with pytest.raises(MediaError, match="no samples"):
        measure([], MEL)
    with pytest.raises(ShapeError, match=r"got shape \[2, 100\], expected mono"):
        measure([torch.zeros(2, 100)], MEL)
    level = measure([torch.ones(10)], MEL)
    with pytest.raises(ConfigError, match="segment rate: got 0"):
        MelSegments(list, MEL, level, rate=Fraction(0), num_segments=1)
    with pytest.raises(ConfigError, match="num_segments: got 0"):
        MelSegments(list, MEL, level, rate=Fraction(1), num_segments=0)

def test_beyond_the_ends_a_window_hears_silence_or_the_sound_backwards():
    quiet, mirrored = MEL, dataclasses.replace(MEL, edges="mirror")
    sound = torch.arange(1.0, 40_001)
    size = window_samples(MEL)
    assert torch.equal(cut_window(sound, 1000, quiet), cut_window(sound, 1000, mirrored))
    assert torch.equal(cut_window(sound, 1000, mirrored), sound[1000 : 1000 + size])
    before = cut_window(sound, -300, mirrored)
    assert torch.equal(before[:300], sound[:300].flip(0))
    assert torch.equal(before[300:], sound[: size - 300])
    assert not cut_window(sound, -300, quiet)[:300].any()
    after = cut_window(sound, 40_000 - size + 300, mirrored)
    assert torch.equal(after[-300:], sound[-300:].flip(0))


def test_a_sound_shorter_than_the_window_goes_on_and_a_click_does_not():
    mirrored = dataclasses.replace(MEL, edges="mirror")
    short = torch.randn(3 * MEL.n_fft)
    window = cut_window(short, -MEL.n_fft, mirrored)
    assert torch.equal(window[MEL.n_fft : 4 * MEL.n_fft], short)
    assert torch.equal(window[4 * MEL.n_fft : 5 * MEL.n_fft], short[-MEL.n_fft :].flip(0))
    assert torch.equal(window[: MEL.n_fft], short[: MEL.n_fft].flip(0))
    assert (cut_window(torch.ones(3), -100, mirrored) != 0).sum() == 3  # three samples aren't made a buzz


def test_mirrored_segments_dont_depend_on_chunks_and_causal_ones_hear_no_future():
    mel = dataclasses.replace(MEL, edges="mirror")
    sound = torch.randn(2 * mel.sample_rate) * 0.1
    level = measure([sound], mel)

    def log_mels(sound: torch.Tensor, chunk_samples: int, num_segments: int, causal: bool) -> torch.Tensor:
        chunks = sound.split(chunk_samples)
        return torch.cat(list(MelSegments(lambda: chunks, mel, level, rate=Fraction(10), num_segments=num_segments, causal=causal)))

    for causal in (False, True):
        whole = log_mels(sound, len(sound), 20, causal)
        assert torch.equal(whole, log_mels(sound, 100, 20, causal))
        assert torch.equal(whole, log_mels(sound, 7001, 20, causal))
    changed = sound.clone()
    changed[mel.sample_rate :] = 0
    assert torch.equal(log_mels(sound, 7001, 11, causal=True), log_mels(changed, 7001, 11, causal=True))


def test_segments_may_begin_later():
    sound = torch.randn(2 * MEL.sample_rate) * 0.1
    level = measure([sound], MEL)
    at_once = torch.cat(list(MelSegments(lambda: [sound], MEL, level, rate=Fraction(4), num_segments=8)))
    later = torch.cat(list(MelSegments(lambda: [sound], MEL, level, rate=Fraction(2), num_segments=4, first=Fraction(1, 4))))
    assert torch.equal(later, at_once[1::2])
