"""Beats, tempo and bars on drawn drums whose beats are known."""

from pathlib import Path

import numpy as np
import pytest
import torch
from drawn_drums import clicks, f_measure, pattern

from sgvg_core.curves import bars
from sgvg_core.curves.bars import find_bars, read_beats
from sgvg_core.curves.beat_tracking import Beats, beat_envelopes, track_beats
from sgvg_core.curves.onset_strength import loudest_mel
from sgvg_core.errors import DataError

EIGHTHS = [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5]
PATTERNS = {  # each could be told at half or twice its tempo
    "kick and snare, hats in eighths": ({"kick": [0, 2], "snare": [1, 3], "hat": EIGHTHS}, 4),
    "four on the floor, hats between": ({"kick": [0, 1, 2, 3], "hat": [0.5, 1.5, 2.5, 3.5]}, 4),
    "a kick before the beat": ({"kick": [0, 2.5], "snare": [1, 3], "hat": EIGHTHS}, 4),
}


def tracked(sound: np.ndarray) -> Beats:
    chunks = torch.from_numpy(sound).split(88200)
    return track_beats(beat_envelopes(chunks, loudest_mel(chunks)))


@pytest.mark.slow
@pytest.mark.parametrize("bpm", [60, 83, 104, 131, 155, 180])
def test_clicks_of_any_tempo(bpm: int) -> None:
    true = np.arange(0.1, 19.9, 60 / bpm)
    found = tracked(clicks(true, 20, 1e-3))
    score, error = f_measure(found.seconds, true)
    assert score >= 0.99
    assert error < 0.005
    assert found.tempo == pytest.approx(bpm, rel=0.005)
    assert found.confidence > 0.8


@pytest.mark.slow
def test_a_tempo_that_drifts_is_followed() -> None:
    true = [0.2]
    while true[-1] < 39:
        true.append(true[-1] + 60 / (100 + true[-1]))
    found = tracked(clicks(np.array(true), 40, 1e-3))
    score, error = f_measure(found.seconds, np.array(true))
    assert score >= 0.97
    assert error < 0.005
    assert found.track is not None
    assert found.track.bpm[4] < 110
    assert found.track.bpm[-8] > 130


@pytest.mark.slow
@pytest.mark.parametrize("bpm", [90, 140])
@pytest.mark.parametrize("name", list(PATTERNS))
def test_half_and_double_tempo_are_told_apart(name: str, bpm: int) -> None:
    sound, true = pattern(*PATTERNS[name][:1], bpm, PATTERNS[name][1], 20)
    found = tracked(sound)
    assert found.tempo == pytest.approx(bpm, rel=0.01)
    assert f_measure(found.seconds, true)[0] >= 0.95


LEVELS = {  # the level at which something loud answers something loud, or, where all are slow, at which anything begins
    "swing at 160": ({"kick": [0, 2], "snare": [1, 3], "hat": [0, 1, 5 / 3, 2, 3, 11 / 3]}, 160),
    "sixteenths at 160": ({"kick": [0, 2], "snare": [1, 3], "hat": [k / 4 for k in range(16)]}, 160),
    "syncopation at 140": ({"kick": [0, 0.75, 1.5, 2.75], "snare": [1, 3], "hat": EIGHTHS}, 140),
    "half time at 120": ({"kick": [0], "snare": [2], "hat": [0, 1, 2, 3]}, 120),
    "half time, hats in eighths, at 80": ({"kick": [0], "snare": [2], "hat": EIGHTHS}, 80),
    "half time, two kicks, at 100": ({"kick": [0, 1.5], "snare": [2], "hat": EIGHTHS}, 100),
}


@pytest.mark.parametrize("name", list(LEVELS))
def test_the_beat_is_the_level_that_is_tapped(name: str) -> None:
    hits, bpm = LEVELS[name]
    sound, true = pattern(hits, bpm, 4, 14)
    found = tracked(sound)
    assert found.tempo == pytest.approx(bpm, rel=0.01)
    assert f_measure(found.seconds, true)[0] >= 0.95


@pytest.mark.slow
@pytest.mark.parametrize(("hits", "beats_a_bar", "metre"), [
    ({"kick": [0], "snare": [1, 2], "hat": [0, 1, 2]}, 3, 3),
    ({"kick": [0, 2], "snare": [1, 3], "hat": [0, 1, 5 / 3, 2, 3, 11 / 3]}, 4, 2),
], ids=["waltz", "swing"])
def test_a_waltz_and_a_swing(hits: dict[str, list[float]], beats_a_bar: int, metre: int) -> None:
    sound, true = pattern(hits, 120, beats_a_bar, 20)
    found = tracked(sound)
    assert f_measure(found.seconds, true)[0] >= 0.99
    found_bars = find_bars(found)
    assert found_bars.beats_a_bar == metre
    assert found_bars.confidence > 0.7
    assert np.abs(found_bars.downbeats - true[::metre][:len(found_bars.downbeats)]).max() < 0.03


@pytest.mark.slow
def test_no_beats_where_nothing_beats() -> None:
    for sound in (np.zeros(220500), np.random.default_rng(0).standard_normal(220500) * 0.1, np.sin(np.arange(220500) * 0.05)):
        found = tracked(sound.astype(np.float32))
        assert len(found.seconds) == 0
        assert found.tempo == 0
        assert found.confidence < 0.18
    assert find_bars(found).confidence == 0


def test_even_clicks_have_no_bars() -> None:
    assert len(find_bars(tracked(clicks(np.arange(0.1, 19.9, 0.5), 20, 1e-3))).downbeats) == 0


def test_phases_and_pulses() -> None:
    marks, seconds = np.array([1.0, 2.0, 4.0]), np.array([0.5, 1.0, 1.25, 3.0, 5.0])
    assert bars.phase(marks, seconds) == pytest.approx([0.5, 0, 0.25, 0.5, 0.5])
    assert bars.count(marks, seconds) == pytest.approx([-0.5, 0, 0.25, 1.5, 2.5])
    for fps in (24, 60):
        pulse = bars.pulse(marks, np.arange(5 * fps) / fps)
        assert (pulse == 1).sum() == 3
        assert pulse[:fps - 1].max() == 0
    assert bars.phase(marks[:1], seconds).max() == 0


def test_beats_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "song.beats"
    file.write_text("# made elsewhere\n0.5\t1\n1.0\t2\n1.5, 3\n2.0 1\n", encoding="utf-8")
    beats, downbeats = read_beats(file)
    assert beats.tolist() == [0.5, 1.0, 1.5, 2.0]
    assert downbeats.tolist() == [0.5, 2.0]
    file.write_text("0.5\nhello\n", encoding="utf-8")
    with pytest.raises(DataError, match="line 2 is 'hello'"):
        read_beats(file)
    file.write_text("2\n1\n", encoding="utf-8")
    with pytest.raises(DataError, match="rising order"):
        read_beats(file)
