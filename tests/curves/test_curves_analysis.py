"""A source is measured once; every film and every cut reads the same numbers."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from drawn_drums import RATE, pattern

from sgvg_core.curves.analysis import SoundAnalysis, analyse_sound
from sgvg_core.curves.measures import ALIASES, MEASURES, expanded
from sgvg_core.curves.source import SoundSource
from sgvg_core.errors import ConfigError, MediaError
from sgvg_core.media import write_wav

HITS = {"kick": [0.0, 2.0], "snare": [1.0, 3.0], "hat": [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5]}


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    return pattern(HITS, 120, 4, 12.3)[0]


@pytest.fixture(scope="module")
def analysis(sound: np.ndarray) -> SoundAnalysis:
    return analyse_sound(SoundSource.from_waveform(torch.from_numpy(sound)[None], RATE), ["all", "cens", "80-120hz"])


@pytest.mark.slow
def test_every_curve_has_a_number_a_frame_on_every_scale(analysis: SoundAnalysis) -> None:
    for fps in (Fraction(24), Fraction(30000, 1001)):
        for scale in ("measured", "absolute", "relative"):
            for name, curve in analysis.curves(fps, scale=scale).items():
                assert len(curve) == int(np.ceil(float(analysis.duration * fps))), name
                if scale != "measured":
                    assert 0 <= curve.values.min() <= curve.values.max() <= 1, name
    assert set(analysis.names) == {*MEASURES, "80-120hz"}


@pytest.mark.slow
def test_a_cut_has_the_songs_own_numbers(analysis: SoundAnalysis) -> None:
    start = Fraction(3)
    for name in analysis.names:
        whole = analysis.curve(name, Fraction(25)).values[75:175]
        cut = analysis.curve(name, Fraction(25), 100, start=start).values
        assert torch.allclose(whole, cut, atol=1e-5), name


@pytest.mark.slow
def test_bands_follow_their_drums(analysis: SoundAnalysis) -> None:
    """On the beat of a kick the bass is high, on that of a snare it's low."""
    bass, beat = (analysis.curve(name, Fraction(25)).values for name in ("bass", "beat"))
    kicks, snares = [range(shift, 300, 25) for shift in (1, 13)]
    assert np.mean([float(bass[frame]) for frame in kicks]) > np.mean([float(bass[frame]) for frame in snares]) + 0.4
    assert all(float(beat[round(12.5 * index)]) > 0.8 for index in range(24))
    assert analysis.beats.tempo == pytest.approx(120, rel=0.005)
    assert len(analysis.bars.downbeats) == 13


@pytest.mark.slow
def test_the_absolute_scale_tells_loud_from_quiet_and_the_relative_one_does_not(sound: np.ndarray) -> None:
    loud, quiet = (analyse_sound(SoundSource.from_waveform(torch.from_numpy(sound * level)[None], RATE), ["bass"]) for level in (1.0, 0.1))
    levels = {scale: [each.curve("bass", Fraction(25), scale=scale).values for each in (loud, quiet)] for scale in ("absolute", "relative")}
    assert (levels["absolute"][0] - levels["absolute"][1]).max() == pytest.approx(20 / 60, abs=0.01)
    assert torch.allclose(*levels["relative"], atol=0.02)


@pytest.mark.slow
def test_a_file_gives_what_its_samples_give(sound: np.ndarray, tmp_path: Path) -> None:
    write_wav(tmp_path / "drums.wav", torch.from_numpy(sound)[None], RATE)
    names = ["loudness", "onset", "bass", "beat"]
    file = analyse_sound(SoundSource.from_file(tmp_path / "drums.wav"), names)
    samples = analyse_sound(SoundSource.from_waveform(torch.from_numpy(sound)[None], RATE), names)
    for name in names:
        assert torch.allclose(file.curve(name, Fraction(25)).values, samples.curve(name, Fraction(25)).values, atol=2e-3), name
    assert file.duration == samples.duration
    with pytest.raises(MediaError):
        SoundSource.from_file(tmp_path / "none.wav")


@pytest.mark.slow
def test_progress_can_stop_the_work_and_tells_how_far_it_is(sound: np.ndarray) -> None:
    told = []

    def watch(done: float, total: float | None, note: str = "", preview: torch.Tensor | None = None) -> None:
        told.append((done, total, note))
        if note == "curves: onsets":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        analyse_sound(SoundSource.from_waveform(torch.from_numpy(sound)[None], RATE), progress=watch)
    assert {note for _, _, note in told} == {"curves: levels", "curves: bands", "curves: range", "curves: onsets"}
    assert all(total is not None and done <= total + 1e-6 for done, total, _ in told)


def test_names_are_spelt_out_and_unknown_ones_refused() -> None:
    assert expanded(["bands", "Bass", "phase", "50-90hz"]) == ("bass", "low_mid", "mid", "high", "air", "beat_phase", "50-90hz")
    assert len(ALIASES["chroma"]) == 12
    with pytest.raises(ConfigError, match="got 'bas', expected all, loudness"):
        expanded(["bas"])


@pytest.mark.slow
def test_silence_and_a_click_of_a_sound_are_measured_too() -> None:
    silent = analyse_sound(SoundSource.from_waveform(torch.zeros(2, 44100), 44100), ["all"])
    for name, curve in silent.curves(Fraction(25)).items():
        assert curve.values.abs().max() == 0, name
    short = analyse_sound(SoundSource.from_waveform(torch.ones(1, 7), 44100), ["all"])
    assert all(len(curve) == 1 for curve in short.curves(Fraction(25)).values())
