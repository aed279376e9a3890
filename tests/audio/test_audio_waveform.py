"""AUDIO dictionaries as they come, mono, resampling."""

from pathlib import Path

import numpy as np
import pytest
import torch

from sgvg_core.audio import from_audio_dict, resample, to_mono
from sgvg_core.errors import ConfigError, MediaError, ShapeError
from sgvg_core.media import read_sound, write_wav


@pytest.mark.parametrize(("shape", "index", "expected"), [
    ((1, 2, 100), 0, (2, 100)), ((3, 6, 50), 2, (6, 50)), ((2, 10), 0, (2, 10)), ((7,), 0, (1, 7))])
def test_dictionaries_of_any_shape(shape: tuple[int, ...], index: int, expected: tuple[int, int]) -> None:
    data = torch.randn(*shape, dtype=torch.float64)
    waveform, rate = from_audio_dict({"waveform": data, "sample_rate": 48_000, "path": "kept by others"}, index=index)
    assert (waveform.shape, waveform.dtype, rate) == (expected, torch.float32, 48_000)
    assert torch.allclose(waveform, data.float().reshape(-1, *expected)[index])


@pytest.mark.parametrize(("audio", "words"), [
    (None, "got NoneType.*is it a video without sound"),
    ({"waveform": torch.zeros(1, 1, 5)}, "expected a dictionary with 'waveform' and 'sample_rate'"),
    ({"waveform": torch.zeros(1, 1, 0), "sample_rate": 44_100}, r"shape \[1, 1, 0\], expected \[batch, channels, samples\]"),
    ({"waveform": torch.zeros(1, 1, 1, 5), "sample_rate": 44_100}, "expected \\[batch, channels, samples\\]"),
    ({"waveform": torch.zeros(1, 1, 5), "sample_rate": 0}, "sample rate of 0"),
    ({"waveform": torch.zeros(1, 1, 5, dtype=torch.int16), "sample_rate": 44_100}, "torch.int16, expected floating point"),
    ({"waveform": torch.tensor([[[0.0, 1.0], [0.0, float("nan")]]]), "sample_rate": 2}, r"sample 1 \(0\.500 s\) of channel 1 is NaN")])
def test_bad_dictionaries_are_refused(audio: object, words: str) -> None:
    with pytest.raises(MediaError, match=words):
        from_audio_dict(audio)
    with pytest.raises(MediaError, match="item 4 of a batch of 1"):
        from_audio_dict({"waveform": torch.zeros(1, 1, 5), "sample_rate": 44_100}, index=4)


def test_mono_is_the_mean_of_the_channels() -> None:
    assert torch.equal(to_mono(torch.tensor([[1.0, 0.0], [0.0, 0.5]])), torch.tensor([0.5, 0.25]))
    with pytest.raises(ShapeError, match=r"got shape \[0, 5\]"):
        to_mono(torch.zeros(0, 5))


@pytest.mark.parametrize("to_rate", [8000, 16_000, 22_050, 44_100, 48_000, 44_056, 96_000])
def test_resampling_keeps_tones_in_place_and_removes_what_cannot_be(to_rate: int) -> None:
    time = torch.arange(44_100, dtype=torch.float64) / 44_100
    tones = torch.stack([torch.sin(2 * torch.pi * 440 * time), torch.sin(2 * torch.pi * 18_000 * time)]).float()
    out = resample(tones, 44_100, to_rate)
    assert out.shape == (2, to_rate)
    expected = torch.sin(2 * torch.pi * 440 * torch.arange(to_rate, dtype=torch.float64) / to_rate)
    inside = slice(to_rate // 20, -to_rate // 20)
    assert (out[0].double() - expected)[inside].abs().max() < 2e-4
    assert (out[1][inside].abs().max() < 0.01) == (to_rate < 36_000)


@pytest.mark.parametrize("num_samples", [1, 3, 100, 44_101])
def test_resampled_sounds_have_the_rounded_up_number_of_samples(num_samples: int) -> None:
    out = resample(torch.full((2, num_samples), 0.5), 44_100, 22_050)
    assert out.shape == (2, -(-num_samples // 2))
    assert out.abs().max() > 0.1
    assert resample(torch.zeros(2, 0), 44_100, 22_050).shape == (2, 0)


def test_resampling_is_the_same_in_pieces_of_a_file_and_in_memory(tmp_path: Path) -> None:
    waveform = torch.from_numpy(np.random.default_rng(0).uniform(-0.5, 0.5, (2, 30_000))).float()
    path = write_wav(tmp_path / "a.wav", waveform, 44_100)
    whole, _ = read_sound(path)
    assert torch.equal(read_sound(path, sample_rate=16_000)[0], resample(whole, 44_100, 16_000))


def test_wrong_rates_are_refused() -> None:
    with pytest.raises(ConfigError, match="to_rate: got 0"):
        resample(torch.zeros(1, 5), 44_100, 0)
