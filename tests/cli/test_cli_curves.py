"""``curves`` and ``sync`` as they're called."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sgvg_core.cli import main
from sgvg_core.media import write_wav

RATE = 22_050


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a click each half second for ten seconds."""
    sound = np.random.default_rng(0).standard_normal(10 * RATE) * 1e-3
    for beat in range(20):
        sound[beat * RATE // 2:][:400] += 0.7 * np.sin(np.arange(400) * 0.4) * np.exp(-np.arange(400) / 100)
    write_wav(tmp_path / "clicks.wav", torch.from_numpy(sound.astype(np.float32))[None], RATE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_curves_writes_json_and_a_plot(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["curves", "clicks.wav", "-o", "c.json", "--fps", "25", "--curves", "loudness,onset,bass,beat,80-120hz", "--plot", "p.png"]
    assert main(words) == 0
    data = json.loads((place / "c.json").read_text())
    assert (data["fps"], data["frames"]) == ("25", 250)
    assert list(data["curves"]) == ["loudness", "onset", "bass", "beat", "80-120hz"]
    assert {name: one["unit"] for name, one in data["curves"].items()}["loudness"] == "LUFS"
    assert all(len(one["values"]) == 250 for one in data["curves"].values())
    assert np.abs(np.array(data["beats"]) - np.arange(20) / 2).max() < 0.01
    assert data["tempo"] == pytest.approx(120, abs=0.5)
    assert data["confidence"] > 0.8
    with Image.open("p.png") as plot:
        assert plot.width == 1000
    assert "120.0 BPM" in capsys.readouterr().out


@pytest.mark.slow
def test_a_cut_keeps_the_songs_beats(place: Path) -> None:
    assert main(["curves", "clicks.wav", "-o", "c.json", "--curves", "beat", "--start", "2.2", "--length", "3", "--scale", "relative"]) == 0
    data = json.loads((place / "c.json").read_text())
    assert data["frames"] == 75
    assert np.allclose(data["beats"], np.arange(5, 11) / 2 - 2.2, atol=0.01)


@pytest.mark.slow
def test_beats_of_a_file_are_taken(place: Path) -> None:
    (place / "own.beats").write_text("".join(f"{0.25 + index}\t{index % 4 + 1}\n" for index in range(9)))
    assert main(["curves", "clicks.wav", "-o", "c.json", "--curves", "beat_phase,downbeat", "--beats", "own.beats"]) == 0
    data = json.loads((place / "c.json").read_text())
    assert (data["beats"][:2], data["tempo"], data["confidence"]) == ([0.25, 1.25], 60, 1)
    assert sum(value == 1 for value in data["curves"]["downbeat"]["values"]) == 3


@pytest.mark.slow
def test_words_are_heard_as_curves(place: Path, tiny_model_folder: Path) -> None:
    assert main(["curves", "clicks.wav", "-o", "c.json", "--fps", "4", "--curves", "rms", "--heard", "rain, fire", "--device", "cpu"]) == 0
    heard = json.loads((place / "c.json").read_text())["curves"]
    assert list(heard) == ["rms", "rain", "fire"]
    assert np.allclose(np.add(heard["rain"]["values"], heard["fire"]["values"]), 1, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(("words", "said"), [
    (["-o", "c.json", "--curves", "bas"], "got 'bas', expected all, loudness"),
    (["-o", "c.xyz"], "expected a name that ends in .json"),
    ([], "neither -o FILE nor --plot PICTURE"),
    (["-o", "c.json", "--fps", "fast"], "fps: got 'fast'"),
    (["-o", "c.json", "--start", "99"], "the sound is over after 10.00 s"),
    (["-o", "c.json", "--curves", "90-20hz"], "low < high"),
    (["--plot", "p.txt"], "--plot: got p.txt"),
])
def test_what_curves_refuses(place: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["curves", "clicks.wav", *words]) == 2
    assert said in capsys.readouterr().err
    assert {path.name for path in place.iterdir()} == {"clicks.wav"}
