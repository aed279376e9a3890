"""``data inspect``: the sheet, and the commands as a person calls them."""

import json
from pathlib import Path

import pytest
import torch
from dataset_samples import SMALL, make_sound, tone
from PIL import Image

from sgvg_core.cli import main
from sgvg_core.datasets import ClipData, PrepareOptions, data_sheet, prepare
from sgvg_core.datasets.sheet import chosen_clips, log_mel_image

BACKGROUND = torch.tensor([17, 18, 22], dtype=torch.uint8)


@pytest.mark.slow
def test_the_sheet_shows_frames_in_order_and_the_tone_at_its_height(small_data: ClipData) -> None:
    sheet = data_sheet(small_data)
    rows = (sheet[:, 210:230].float().mean((1, 2)) > 40).long()
    starts = (rows.diff() == 1).nonzero()[:, 0] + 1
    top = int(starts[0]) + 64
    strip = sheet[top, 210:].float().mean(-1)
    tiles = [float(strip[place * 132 + 64]) for place in range(8)]  # tiles of 128 with gaps of 4
    assert tiles == sorted(tiles)
    assert tiles[-1] - tiles[0] > 50
    assert torch.equal(sheet[2, 2], BACKGROUND)


def test_a_mel_image_has_low_tones_at_the_bottom() -> None:
    low, high = (torch.from_numpy(log_mel_image(tone(1.0, hertz)[0], 8000, 200, 64)).float().mean((1, 2)) for hertz in (150, 3000))
    assert int(low.argmax()) > 45
    assert int(high.argmax()) < 20


def test_sounds_and_clips_without_labels_have_a_sheet_too(tmp_path: Path) -> None:
    for take in range(3):
        make_sound(tmp_path / "in" / f"{'abc'[take]}.wav", hertz=300 * (take + 1))
    data = prepare(tmp_path / "in", tmp_path / "out", PrepareOptions(**SMALL))
    assert data.labels == ()
    assert len(chosen_clips(data.clips())) == 3
    assert data_sheet(data).shape[0] > 3 * 96


def test_prepare_and_inspect_as_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for label in ("rain", "wind"):
        for take in range(4):
            make_sound(tmp_path / "in" / label / f"{label}_{take}.wav", hertz=200 + 50 * take + len(label))
    (tmp_path / "in" / "rain" / "broken.wav").write_bytes(b"RIFF")
    out, sheet = tmp_path / "out", tmp_path / "sheet.png"
    assert main(["data", "prepare", str(tmp_path / "in"), "-o", str(out), "--sample-rate", "8000", "--seconds", "1", "--workers", "1"]) == 0
    said = capsys.readouterr().out
    assert "layout sounds: 9 files; 2 labels from folders; recordings by every file for itself (9)" in said
    assert "6 clips to train, 2 to test, 0.1 min, 2 labels" in said
    assert "1 left out, each with its reason in" in said
    assert main(["data", "inspect", str(out), "-o", str(sheet), "--verify"]) == 0
    said = capsys.readouterr().out
    assert "8 clips, sounds alone, sound at 8000 Hz" in said
    assert "rain        3     3       1     1   1.0 (1.0 to 1.0)   -9 (-9 to -9)" in said
    assert "verified: all 8 clips are what was prepared" in said
    with Image.open(sheet) as image:
        assert image.size[0] > 1000
    assert main(["data", "inspect", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["all"]["train"]["clips"] == 6


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["prepare", "nowhere", "-o", "x"], "nowhere: there is no such folder"),
        (["prepare", "world:", "-o", "x", "--fps", "fast"], "fps: got 'fast'"),
        (["prepare", "world:", "-o", "x", "--size", "8"], "--size: got 8, expected 16 to 2048"),
        (["inspect", "nowhere"], "this is no prepared data set"),
        (["inspect", "nowhere", "-o", "sheet.tiff"], "sheet.tiff: got the ending .tiff, expected the name of a picture in .png, .jpg"),
    ],
)
def test_an_error_is_one_line(words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
                              monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["data", *words]) == 2
    errors = capsys.readouterr().err
    assert errors.startswith("error: ")
    assert said in errors
    assert errors.count("\n") == 1
    assert not list(tmp_path.iterdir())
