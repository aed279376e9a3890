"""The command line: what it writes and prints, one line for an error, exit codes."""

import io
import json
import sys
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from sgvg_core.cli import main
from sgvg_core.cli.options import parse_strength
from sgvg_core.errors import ConfigError
from sgvg_core.media import probe_sound, write_wav


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    """0.8 s of mono noise."""
    path = tmp_path / "hiss.wav"
    write_wav(path, 0.2 * torch.randn(1, 35_280, generator=torch.Generator().manual_seed(0)), 44_100)
    return path


@pytest.mark.slow
def test_generate_writes_a_video_a_sheet_and_a_report(
    sound: Path, tiny_model_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, sheet, report = tmp_path / "film.mp4", tmp_path / "sheet.png", tmp_path / "report.json"
    words = ["generate", str(sound), "-o", str(out), "--model", str(tiny_model_folder), "--fps", "29.97", "--from", "random", "--size", "48"]
    assert main([*words, "--strength", "coarse=0.5,fine=2", "--sheet", str(sheet), "--report", str(report), "--device", "cpu"]) == 0
    assert probe_sound(out).fps == pytest.approx(30000 / 1001)
    assert "film.mp4: 24 frames at 29.97 a second" in capsys.readouterr().out
    said = json.loads(report.read_text())
    assert (said["fps"], said["size"], said["settings"]["walk"]["coarse"]) == ("30000/1001", 48, 0.5)
    assert sheet.read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_several_tracks_damage_and_standard_input(
    sound: Path, tiny_model_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = ["--model", str(tiny_model_folder), "--labels", "rain, wind", "--json"]
    with av.open(str(tmp_path / "a.mka"), "w") as container:
        streams = [container.add_stream("pcm_s16le", rate=22_050) for _ in range(2)]
        for stream in streams:
            stream.codec_context.layout = "stereo"
        for number, stream in enumerate(streams):
            tone = (9000 * np.sin(np.arange(44_100) * (0.05 + 0.2 * number))).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(np.stack([tone, -tone], axis=1).reshape(1, -1), format="s16", layout="stereo")
            frame.sample_rate, frame.pts = 22_050, 0
            container.mux([*stream.encode(frame), *stream.encode(None)])
    answers = []
    for number in ("1", "2"):
        assert main(["listen", str(tmp_path / "a.mka"), "--track", number, *ask]) == 0
        printed = capsys.readouterr()
        assert printed.err.count(f"2 sound tracks, number {number} is heard") == 1
        assert printed.err.count("its channels cancel each other") == 1
        answers.append(printed.out)
    assert answers[0] != answers[1]
    assert main(["listen", str(tmp_path / "a.mka"), "--track", "3", *ask]) == 2
    assert "asked for sound track 3, but the file has 2" in capsys.readouterr().err
    with av.open(str(tmp_path / "a.au"), "w") as container:
        stream = container.add_stream("pcm_s16be", rate=22_050)
        stream.codec_context.layout = "mono"
        frame = av.AudioFrame.from_ndarray(tone[None], format="s16", layout="mono")
        frame.sample_rate = 22_050
        container.mux([*stream.encode(frame), *stream.encode(None)])
    (tmp_path / "a.au").write_bytes((tmp_path / "a.au").read_bytes()[:-22_050])
    assert main(["listen", str(tmp_path / "a.au"), *ask]) == 0
    assert "a.au: about 0.50 s of its sound are missing or damaged" in capsys.readouterr().err
    assert main(["listen", str(tmp_path / "a.au"), "--strict", *ask]) == 2
    assert "a.au: about 0.50 s of its sound are missing or damaged" in capsys.readouterr().err
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(sound.read_bytes())))
    assert main(["listen", "-", *ask]) == 0
    piped = capsys.readouterr().out
    assert main(["listen", str(sound), *ask]) == 0
    assert capsys.readouterr().out == piped


@pytest.mark.slow
def test_listen_prints_json(sound: Path, tiny_model_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["listen", str(sound), "--model", str(tiny_model_folder), "--labels", "rain, wind", "--json"]) == 0
    heard = json.loads(capsys.readouterr().out)
    assert {label["text"] for label in heard["labels"]} == {"rain", "wind"}
    assert set(heard["segments"][0]) == {"start", "end", "labels", "sure"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["generate", "missing.wav", "-o", "x.mp4"], "missing.wav"),
        (["generate", "{sound}", "-o", "x.mp4", "--fps", "fast"], "fps: got 'fast'"),
        (["generate", "{sound}", "-o", "x.mp4", "--fps", "source"], "has no video"),
        (["generate", "{sound}", "-o", "x.mp4", "--model", "nowhere"], "nowhere: there's no such model folder"),
        (["generate", "{sound}", "-o", "x.mp4", "--start", "99"], "start 99 s lies at or behind the end"),
        (["generate", "{sound}", "-o", "x.mp4", "--device", "tpu"], "device: got 'tpu'"),
        (["listen", "{text}", "--labels", "rain", "--json"], "notes.txt"),
        (["listen", "{sound}"], "no scenes of its own; give some words"),
    ],
)
def test_an_error_is_one_line_and_exit_code_2(
    words: list[str],
    said: str,
    sound: Path,
    tiny_model_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("not a sound")
    filled = [word.format(sound=sound, text=tmp_path / "notes.txt") for word in words]
    if "--model" not in filled:
        filled += ["--model", str(tiny_model_folder)]
    assert main(filled) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith("error: ")
    assert said in error
    assert "\n" not in error
    assert not (tmp_path / "x.mp4").exists()


def test_strength_names_its_groups() -> None:
    assert parse_strength("coarse=0.5,mid=2") == {"coarse": 0.5, "mid": 2.0}
    with pytest.raises(ConfigError, match="expected coarse, mid, fine"):
        parse_strength("bass=1")
    with pytest.raises(ConfigError, match="'coarse=loud'"):
        parse_strength("coarse=loud")
