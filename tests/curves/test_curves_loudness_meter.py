"""Loudness as EBU Tech 3341 asks for it, and RMS in closed form."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from sgvg_core.curves.loudness_meter import LEVEL_FLOOR, LOUDNESS_FLOOR, Loudness, channel_weights, k_weighting, measure_loudness

RATES = (22050, 32000, 44100, 48000, 88200, 96000)


def tone(level: float, seconds: float, rate: int, channels: int = 2, hertz: float = 1000) -> torch.Tensor:
    """A sine whose peak is `level` dBFS in each channel."""
    time = torch.arange(int(seconds * rate), dtype=torch.float64) / rate
    return (10 ** (level / 20) * torch.sin(2 * torch.pi * hertz * time)).float().expand(channels, -1)


def metered(sound: torch.Tensor, rate: int, weights: list[float] | None = None) -> Loudness:
    return measure_loudness(sound.split(rate // 3 + 7, dim=1), rate, weights)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("level", [-23, -33])
def test_a_stereo_tone_reads_its_level_at_every_rate(rate: int, level: int) -> None:
    """Tech 3341, signals 1 and 2: M, S and I within 0.1 LU; rates agree within 0.05 LU."""
    meter, middle = metered(tone(level, 8, rate), rate), np.array([4.0])
    for value in (meter.momentary(middle)[0], meter.short_term(middle)[0], meter.integrated()):
        assert value == pytest.approx(level, abs=0.05)


@pytest.mark.slow
@pytest.mark.parametrize(("levels", "expected"), [
    (((-36, 10), (-23, 60), (-36, 10)), -23.0),  # signal 3: the relative gate
    (((-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10)), -23.0),  # signal 4: the absolute gate too
    (((-26, 20), (-20, 20.1), (-26, 20)), -23.0),  # signal 5
])
def test_the_gates_of_integrated_loudness(levels: tuple[tuple[float, float], ...], expected: float) -> None:
    rate = 8000
    sound = torch.cat([tone(level, seconds, rate) for level, seconds in levels], dim=1)
    assert metered(sound, rate).integrated() == pytest.approx(expected, abs=0.1)


def test_surround_channels_weigh_more_and_lfe_nothing() -> None:
    """Tech 3341, signal 6: -28 left and right, -24 centre, -30 the surrounds is -23 LUFS."""
    rate, names = 48000, ("FL", "FR", "FC", "LFE", "SL", "SR")
    sound = torch.cat([tone(level, 5, rate, 1) for level in (-28, -28, -24, 0, -30, -30)])
    assert channel_weights(names) == [1, 1, 1, 0, 1.41, 1.41]
    assert metered(sound, rate, channel_weights(names)).integrated() == pytest.approx(-23, abs=0.1)
    assert channel_weights(("FL", "FR", "BL", "BR")) == [1, 1, 1.41, 1.41]


def test_the_weighting_is_the_standards_at_48_khz() -> None:
    """The response of the biquads whose coefficients BS.1770-4 prints."""
    hertz = np.array([20.0, 100, 1000, 4000, 12000])
    z = np.exp(-2j * np.pi * hertz / 48000)
    shelf = (1.53512485958697 - 2.69169618940638 * z + 1.19839281085285 * z**2) / (1 - 1.69065929318241 * z + 0.73248077421585 * z**2)
    high_pass = (1 - 2 * z + z**2) / (1 - 1.99004745483398 * z + 0.99007225036621 * z**2)
    assert np.abs(k_weighting(hertz, 48000) - shelf * high_pass).max() < 1e-6


def test_a_sine_reads_3_db_below_full_scale_whatever_the_frames() -> None:
    meter = metered(tone(0, 5, 44100, 1, 440), 44100)
    for fps in (Fraction(24), Fraction(60), Fraction(10)):
        values = meter.rms(np.arange(5 * int(fps)) / float(fps), fps)
        assert np.abs(values + 3.0103).max() < 0.02, "the ends too, where the window is only partly in the sound"


def test_silence_is_the_floor() -> None:
    meter = metered(torch.zeros(2, 44100), 44100)
    assert meter.momentary(np.array([0.0, 0.5]))[0] == LOUDNESS_FLOOR == meter.integrated()
    assert meter.rms(np.array([0.5]), Fraction(25))[0] == LEVEL_FLOOR


def test_chunks_change_nothing() -> None:
    sound = torch.randn(2, 30000, generator=torch.Generator().manual_seed(1)) * 0.1
    whole, parts = measure_loudness([sound], 22050), measure_loudness(sound.split(977, dim=1), 22050)
    assert np.allclose(whole.weighted, parts.weighted, rtol=1e-9)
    assert np.allclose(whole.plain, parts.plain, rtol=1e-12)
