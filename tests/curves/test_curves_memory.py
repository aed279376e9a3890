"""An hour of sound takes the memory of its curves, not of what they're made from."""

import functools
import tracemalloc
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from sgvg_core.audio import mono_pieces, resample, to_mono
from sgvg_core.curves.curve import Curve
from sgvg_core.curves.curve_files import ENDINGS, save_curves
from sgvg_core.curves.curve_set import CurveSet
from sgvg_core.curves.gathered import Gathered
from sgvg_core.curves.spectra import Stft
from sgvg_core.curves.tempo import Tempo, measure_tempo

FPS = Fraction(25)


def peak(work: Callable[[], object]) -> float:
    """The most that Python and numpy held at once, in MiB."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.slow
def test_the_tempo_of_ten_minutes() -> None:
    rate = 22050 / 256
    onsets = np.zeros(round(600 * rate), np.float32)
    onsets[np.round(np.arange(0.1, 599, 0.5) * rate).astype(int)] = 1
    found: list[Tempo] = []
    assert peak(lambda: found.append(measure_tempo(onsets, rate))) < 16, "the autocorrelations of all windows together would be 24"
    assert found[0].overall == pytest.approx(120, rel=0.002)


@pytest.mark.slow
@pytest.mark.parametrize("ending", list(ENDINGS))
def test_files_are_written_a_stretch_at_a_time(ending: str, tmp_path: Path) -> None:
    values = torch.rand(24_000, generator=torch.Generator().manual_seed(0))
    sets = [CurveSet(FPS, {"bass": Curve(part, FPS, "bass", "0..1")}) for part in (values[:6000], values)]
    short, long = [peak(functools.partial(save_curves, each, tmp_path / f"curves{ending}")) for each in sets]
    assert long < 1.5 * short + 0.1


def test_however_long_a_chunk_is_few_windows_are_looked_at_together() -> None:
    stft = Stft(22050, 1024, 256)
    sound = torch.randn(30 * 22050, generator=torch.Generator().manual_seed(0))
    at_once, by_seconds = [list(stft.powers(sound.split(size))) for size in (len(sound), 22050)]
    assert max(len(part) for part in [*at_once, *by_seconds]) <= 64
    assert torch.equal(torch.cat(at_once), torch.cat(by_seconds))


def test_samples_in_memory_are_mixed_and_resampled_by_the_second() -> None:
    waveform = torch.randn(2, 200_001, generator=torch.Generator().manual_seed(0))
    for sound in (waveform, torch.cat([waveform[:1], -waveform[:1]])):  # the second one's channels cancel each other
        for rate in (22_050, 44_100, 48_000):
            pieces = list(mono_pieces(sound, 44_100, rate))
            assert max(map(len, pieces)) <= 1.1 * rate
            assert torch.equal(torch.cat(pieces), resample(to_mono(sound)[None], 44_100, rate)[0])


def test_rows_are_gathered_in_order() -> None:
    rows, made = torch.arange(30_000.0).reshape(-1, 2), Gathered(2)
    for piece in rows.split(701):
        made.add(piece)
    assert torch.equal(torch.from_numpy(made.rows), rows)
    assert Gathered().rows.shape == (0,)
