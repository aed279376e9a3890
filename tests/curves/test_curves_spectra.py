"""Bands, spectral shape, chroma and the two parts of a sound against closed forms and librosa."""

import numpy as np
import pytest
import torch
from plain_librosa import librosa

from sgvg_core.curves.harmonic_percussive import PARTS_STFT, harmonic_percussive
from sgvg_core.curves.onset_strength import PLAIN, SUPERFLUX, loudest_mel, onset_strength
from sgvg_core.curves.pitch_classes import cens, measure_chroma
from sgvg_core.curves.spectra import Stft
from sgvg_core.curves.spectral_shape import BANDS, Band, band_powers, spectral_shape
from sgvg_core.errors import ConfigError

CHUNK = 30011


def sine(hertz: float, seconds: float, rate: int, level: float = 0.5) -> torch.Tensor:
    time = torch.arange(int(seconds * rate), dtype=torch.float64) / rate
    return (level * torch.sin(2 * torch.pi * hertz * time)).float()


def noise(seconds: float, rate: int, level: float = 0.01) -> np.ndarray:
    return (np.random.default_rng(0).standard_normal(int(seconds * rate)) * level).astype(np.float32)


def bursts() -> np.ndarray:
    """Noise with a burst each half second."""
    sound = noise(6, 22050)
    for first in range(5000, len(sound) - 2000, 11025):
        sound[first:first + 2000] += 30 * noise(1, 22050)[:2000] * np.exp(-np.arange(2000) / 300)
    return sound


@pytest.mark.parametrize("band", BANDS, ids=lambda band: band.name)
def test_a_sine_lands_in_its_band(band: Band) -> None:
    """At least 95 % of the power, from edge to edge."""
    for hertz in np.geomspace(band.low + 2, band.high * 0.99, 5):
        powers = band_powers(sine(hertz, 1, 44100).split(CHUNK))[:, 10:-10].sum(1)
        share = powers[[each.name for each in BANDS].index(band.name)] / powers[:5].sum()
        assert share > 0.999


def test_a_bands_level_is_that_of_the_sine_in_it() -> None:
    power = band_powers(sine(100, 1, 44100, 1.0).split(CHUNK), [Band("own", 80, 120)])[0]
    assert 10 * np.log10(power[5:-5]) == pytest.approx(-3.01, abs=0.01)
    with pytest.raises(ConfigError, match="low < high"):
        band_powers([], [Band("own", 120, 80)])


def test_shapes_are_librosas_on_the_power_spectrum() -> None:
    rate = 44100
    time = np.arange(3 * rate) / rate
    sound = noise(3, rate) + 0.3 * np.sin(2 * np.pi * (100 + 1300 * time) * time).astype(np.float32)
    found = spectral_shape(torch.from_numpy(sound).split(CHUNK))
    power = np.abs(librosa.stft(sound, n_fft=2048, hop_length=512, pad_mode="constant")) ** 2
    expected = {"centroid": librosa.feature.spectral_centroid(S=power, sr=rate), "rolloff": librosa.feature.spectral_rolloff(S=power, sr=rate),
                "flatness": librosa.feature.spectral_flatness(S=power, power=1.0)}
    for name, values in expected.items():
        assert np.abs(found[name] - values[0])[3:-3].max() / np.ptp(values) < 1e-5, name


def test_flux_is_0_for_what_stays_and_1_for_what_is_all_new() -> None:
    change = 1024 + 2048 * 10
    low, high = sine(500, 1, 44100)[:change], sine(5000, 1, 44100)
    flux = spectral_shape(torch.cat([low, high]).split(CHUNK), Stft(44100, 2048, 2048))["flux"]
    assert flux[11] == pytest.approx(1, abs=1e-3)
    assert np.delete(flux, [0, 1, 11])[:25].max() < 1e-3
    assert spectral_shape([torch.zeros(9000)])["centroid"].max() == 0


def test_onset_strength_is_librosas() -> None:
    sound = bursts()
    chunks = torch.from_numpy(sound).split(CHUNK)
    superflux, plain = onset_strength(chunks, loudest_mel(chunks), (SUPERFLUX, PLAIN))
    for ours, theirs in ((superflux, librosa.onset.onset_strength(y=sound, sr=22050, lag=2, max_size=3)[2:]),
                         (plain, librosa.onset.onset_strength(y=sound, sr=22050))):
        assert np.abs(ours[:len(theirs)] - theirs)[6:-4].max() / theirs.max() < 1e-4


def test_an_onset_shows_within_a_hop_of_its_moment() -> None:
    chunks = torch.from_numpy(bursts()).split(CHUNK)
    for strength, hops in zip(onset_strength(chunks, loudest_mel(chunks), (SUPERFLUX, PLAIN)), (1, 2), strict=True):
        for first in range(5000 + 11025, 5000 + 9 * 11025, 11025):
            frame = first / 512
            around = strength[int(frame) - 10:int(frame) + 11]
            assert abs(int(frame) - 10 + int(around.argmax()) - frame) <= hops


def test_sines_land_in_their_pitch_class_out_of_tune_too() -> None:
    """C2 to C7, and 30 cents beside; at least 90 %."""
    for note in range(36, 97, 5):
        for cents_ in (-30, 0, 30):
            chroma = measure_chroma(sine(440 * 2 ** ((note - 69 + cents_ / 100) / 12), 0.8, 22050).split(CHUNK))
            assert chroma.tuning == pytest.approx(cents_ / 100, abs=0.02)
            assert chroma.shares()[4:-4, note % 12].min() > 0.99


def test_chroma_of_silence_is_0_and_cens_has_unit_length() -> None:
    assert measure_chroma([torch.zeros(20000)]).shares().max() == 0
    shares = measure_chroma((sine(261.63, 3, 22050) + sine(392, 3, 22050)).split(CHUNK)).shares()
    statistics = cens(shares, 22050 / 1024)
    assert np.linalg.norm(statistics, axis=1) == pytest.approx(1, abs=1e-5)
    assert set(statistics[30].argsort()[-2:]) == {0, 7}
    assert cens(shares[:3], 22050 / 1024).shape == (3, 12)


def test_tones_and_knocks_are_parted() -> None:
    """By 20 dB and more each way."""
    knocks = torch.zeros(4 * 22050)
    knocks[6000::11025] = 1
    harmonic, percussive = harmonic_percussive(sine(440, 4, 22050).split(CHUNK))
    assert harmonic.mean() > 100 * percussive.mean()
    harmonic, percussive = harmonic_percussive(knocks.split(CHUNK))
    assert percussive.mean() > 100 * harmonic.mean()


@pytest.mark.slow
def test_the_parts_are_librosas_however_the_sound_is_cut_up() -> None:
    knocks = torch.zeros(4 * 22050)
    knocks[6000::11025] = 1
    sound = sine(440, 4, 22050, 0.2) + knocks + torch.from_numpy(noise(4, 22050, 1e-3))
    parts = librosa.decompose.hpss(librosa.stft(sound.numpy(), n_fft=2048, hop_length=512))
    for size in (700, CHUNK, 10**6):
        for ours, theirs in zip(harmonic_percussive(sound.split(size)), parts, strict=True):
            power = (np.abs(theirs) ** 2).sum(0) * PARTS_STFT.to_mean_square
            assert np.abs(ours - power)[3:-3].max() / power.max() < 2e-4


@pytest.mark.parametrize("windows", [0, 1, 15, 16, 17, 40])
def test_short_sounds_have_a_value_a_window(windows: int) -> None:
    for values in harmonic_percussive([torch.randn(512 * windows + 1)]):
        assert values.shape == (windows + 1,)


def test_windows_beyond_the_ends_are_scaled_by_what_they_miss() -> None:
    steady = torch.from_numpy(noise(2, 22050, 0.1))
    stft = Stft(22050, 2048, 512)
    power = torch.cat(list(stft.powers(steady.split(CHUNK)))).sum(1) * stft.to_mean_square
    assert len(power) == 1 + len(steady) // 512
    assert (10 * power.log10() + 20).abs().max() < 1.5
