"""The lag of a picture behind its sound is found in made videos."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from sgvg_core.cli import main
from sgvg_core.curves.analysis import analyse_sound
from sgvg_core.curves.source import SoundSource
from sgvg_core.curves.sync_score import motion_curve, score_motion, score_sync
from sgvg_core.errors import MediaError
from sgvg_core.media import SoundTrack, VideoWriter

RATE, SECONDS = 22_050, 8
HITS = (0.7, 1.3, 2.4, 2.9, 3.8, 4.9, 5.4, 6.6, 7.2)


def knocks() -> torch.Tensor:
    sound = np.random.default_rng(0).standard_normal(SECONDS * RATE) * 1e-3
    for hit in HITS:
        first = round(hit * RATE)
        sound[first:first + 2000] += 0.7 * np.random.default_rng(1).standard_normal(2000) * np.exp(-np.arange(2000) / 400)
    return torch.from_numpy(sound.clip(-1, 1).astype(np.float32))[None]


def jumping(lag: float, fps: Fraction = Fraction(25)) -> list[np.ndarray]:
    """A square that jumps aside `lag` seconds after each knock."""
    frames, times = [], np.array(HITS) + lag
    for frame in range(int(SECONDS * fps)):
        image = np.full((48, 64, 3), 40, np.uint8)
        place = 4 + 13 * int((times <= float(frame / fps) + 1e-6).sum() % 4)
        image[12:36, place:place + 14] = 220
        frames.append(image)
    return frames


def film(path: Path, lag: float, fps: Fraction = Fraction(25)) -> Path:
    with VideoWriter(path, fps=fps, width=64, height=48, sound=SoundTrack.from_waveform(knocks(), RATE)) as writer:
        writer.write(torch.from_numpy(np.stack(jumping(lag, fps))))
    return path


@pytest.mark.slow
@pytest.mark.parametrize(("lag", "fps"), [(0.0, Fraction(25)), (0.2, Fraction(25)), (-0.2, Fraction(30000, 1001))])
def test_a_known_lag_is_found(tmp_path: Path, lag: float, fps: Fraction, capsys: pytest.CaptureFixture[str]) -> None:
    path = film(tmp_path / "film.mp4", lag, fps)
    assert main(["sync", str(path), "--json"]) == 0
    score = json.loads(capsys.readouterr().out)
    assert list(score) == ["lag_seconds", "correlation"]
    assert score["lag_seconds"] == pytest.approx(lag, abs=0.04), "a frame"
    assert score["correlation"] > 0.6


def test_an_unrelated_picture_correlates_less() -> None:
    analysis = analyse_sound(SoundSource.from_waveform(knocks(), RATE), ("onset", "rms"))
    frames = [(Fraction(index, 25), image[..., 0]) for index, image in enumerate(jumping(0.0))]
    true = score_motion(motion_curve(frames), analysis)
    noise = np.random.default_rng(5).integers(0, 255, (200, 12, 16)).astype(np.uint8)
    steps = np.random.default_rng(6).integers(0, 2, 200).cumsum()
    other = score_motion(motion_curve((Fraction(index, 25), noise[step]) for index, step in enumerate(steps)), analysis)
    assert other.correlation < 0.4 < true.correlation
    still = score_motion(motion_curve((Fraction(index, 25), noise[0]) for index in range(200)), analysis)
    assert (still.lag_seconds, still.correlation) == (0, 0)


def test_what_has_no_picture_or_no_sound_is_refused(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "silent.mp4", fps=Fraction(25), width=64, height=48) as writer:
        writer.write(torch.zeros(10, 48, 64, 3, dtype=torch.uint8))
    with pytest.raises(MediaError, match="no sound"):
        score_sync(tmp_path / "silent.mp4")
    with pytest.raises(MediaError, match="got 2 frames"):
        motion_curve([(Fraction(0), np.zeros((2, 2))), (Fraction(1), np.zeros((2, 2)))])
