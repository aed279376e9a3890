"""Curves as files for other programs, read back by independent readers; and drawn."""

import json
import struct
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from sgvg_core.curves.curve import Curve
from sgvg_core.curves.curve_files import load_curves, save_curves
from sgvg_core.curves.curve_set import CurveSet
from sgvg_core.curves.plot import plot_curves
from sgvg_core.errors import ConfigError, DataError

FPS = Fraction(30000, 1001)


@pytest.fixture
def curves() -> CurveSet:
    time = np.arange(90) / float(FPS)
    outline = -np.abs(np.sin(time * 9)), np.abs(np.sin(time * 9))
    made = {"bass": Curve(torch.from_numpy(0.5 + 0.5 * np.sin(time * 6)), FPS, "bass", "0..1"),
            "loudness": Curve(torch.from_numpy(-30 + 10 * np.cos(time * 4)), FPS, "loudness", "LUFS")}
    return CurveSet(FPS, made, (0.5, 1.0, 1.5, 2.0), (0.5, 1.5), 120.0, 0.8, outline)


@pytest.mark.parametrize("ending", ["json", "csv"])
def test_json_and_csv_come_back(curves: CurveSet, tmp_path: Path, ending: str) -> None:
    read = load_curves(save_curves(curves, tmp_path / f"c.{ending}"))
    assert read.fps == FPS
    assert list(read.curves) == ["bass", "loudness"]
    for name, curve in curves.curves.items():
        assert torch.allclose(read.curves[name].values, curve.values, atol=1e-4)
    if ending == "json":
        assert (read.beats, read.tempo, read.curves["loudness"].unit) == (curves.beats, 120, "LUFS")
    slower = load_curves(tmp_path / f"c.{ending}", 10)
    assert (slower.fps, slower.num_frames) == (10, 31)


def test_json_has_exactly_what_it_says(curves: CurveSet, tmp_path: Path) -> None:
    data = json.loads(save_curves(curves, tmp_path / "c.json").read_text())
    assert list(data) == ["fps", "frames", "curves", "beats", "tempo", "confidence"]
    assert (data["fps"], data["frames"], data["tempo"], data["confidence"]) == ("30000/1001", 90, 120.0, 0.8)
    assert list(data["curves"]["bass"]) == ["unit", "values"]
    assert len(data["curves"]["bass"]["values"]) == 90


def midi_events(data: bytes) -> list[list[tuple[int, bytes]]]:
    """Events [(tick, bytes)] of each track, as the standard says."""
    assert data[:4] == b"MThd"
    _, kind, num_tracks, quarter = struct.unpack(">IHHH", data[4:14])
    assert (kind, quarter) == (1, 480)
    place, tracks = 14, []
    for _ in range(num_tracks):
        assert data[place:place + 4] == b"MTrk"
        end = place + 8 + struct.unpack(">I", data[place + 4:place + 8])[0]
        place, tick, events = place + 8, 0, []
        while place < end:
            delta = 0
            while True:
                byte = data[place]
                place, delta = place + 1, delta << 7 | byte & 0x7F
                if byte < 0x80:
                    break
            tick += delta
            length = 3 + data[place + 2] if data[place] == 0xFF else 3
            events.append((tick, data[place:place + length]))
            place += length
        tracks.append(events)
    assert place == len(data)
    return tracks


def test_midi_controllers_follow_the_curve_in_time(curves: CurveSet, tmp_path: Path) -> None:
    beats, bass, loudness = midi_events(save_curves(curves, tmp_path / "c.mid").read_bytes())
    assert [tick / 960 for tick, event in beats if event[1] == 6] == list(curves.beats)
    assert [event[3:] for _, event in beats if event[1] == 6] == [b"downbeat", b"beat", b"downbeat", b"beat"]
    for track, name, controller in ((bass, "bass", 20), (loudness, "loudness", 21)):
        values = curves.curves[name].values
        low, high = (0, 1) if name == "bass" else (values.min(), values.max())
        changes = {round(tick / 960 * float(FPS)): event[2] for tick, event in track if event[0] == 0xB0 and event[1] == controller}
        level = 0
        for frame, value in enumerate(values):
            level = changes.get(frame, level)
            assert level == pytest.approx(127 * float((value - low) / (high - low)), abs=0.51)


def test_after_effects_text_has_a_slider_a_curve_and_a_row_a_frame(curves: CurveSet, tmp_path: Path) -> None:
    lines = save_curves(curves, tmp_path / "c.txt").read_bytes().decode().split("\r\n")
    assert lines[0] == "Adobe After Effects 8.0 Keyframe Data"
    assert lines[2] == f"\tUnits Per Second\t{float(FPS):.6g}"
    assert [line for line in lines if line.startswith("Effects")] == [f"Effects\tSlider Control #{index}\tSlider #2" for index in (1, 2)]
    rows = [line.split("\t") for line in lines if line.startswith("\t") and line[1:2].isdigit()]
    assert len(rows) == 2 * 90
    assert float(rows[7][2]) == pytest.approx(float(curves.curves["bass"].values[7]), abs=1e-5)


def test_the_after_effects_script_names_its_sliders(curves: CurveSet, tmp_path: Path) -> None:
    text = save_curves(curves, tmp_path / "c.jsx").read_text()
    assert 'slider("bass", [' in text
    times = json.loads(text.split("var times = ")[1].split(";")[0])
    assert times[89] == pytest.approx(89 / float(FPS), abs=1e-5)


def test_the_blender_script_runs_and_keys_each_frame(curves: CurveSet, tmp_path: Path) -> None:
    keys: dict[tuple[str, int], float] = {}

    class Holder(dict):  # type: ignore[type-arg]
        def keyframe_insert(self, data_path: str, frame: int) -> None:
            keys[data_path, frame] = self[data_path[2:-2]]

    marks: list[int] = []
    scene = SimpleNamespace(render=SimpleNamespace(), frame_start=1, collection=SimpleNamespace(objects=SimpleNamespace(link=lambda _: None)),
                            timeline_markers=SimpleNamespace(new=lambda _, frame: marks.append(frame)))
    bpy = SimpleNamespace(context=SimpleNamespace(scene=scene), data=SimpleNamespace(objects=SimpleNamespace(new=lambda name, _: Holder())))
    text = save_curves(curves, tmp_path / "c.py").read_text().replace("import bpy\n", "")
    exec(compile(text, "c.py", "exec"), {"bpy": bpy})  # noqa: S102
    assert len(keys) == 180
    assert keys['["bass"]', 11] == pytest.approx(float(curves.curves["bass"].values[10]), abs=1e-5)
    assert scene.render.fps / scene.render.fps_base == pytest.approx(float(FPS))
    assert marks == [round(beat * float(FPS)) + 1 for beat in curves.beats]


@pytest.mark.parametrize(("name", "content", "said"), [
    ("a.json", "{", "isn't a file of curves"),
    ("a.json", '{"fps": "25", "curves": {"a": {"values": ["x"]}}}', "isn't a file of curves"),
    ("a.json", '{"fps": "0", "curves": {"a": {"values": [1]}}}', "fps: got 0, expected"),
    ("a.json", '{"fps": "25", "curves": {"a": {"values": [1]}, "b": {"values": [1, 2]}}}', "all with as many frames"),
    ("a.json", '{"fps": "25", "curves": {"a": {"values": [NaN]}}}', "frame 0 is nan"),
    ("a.csv", "bass\n1\n2\n", "how many frames a second"),
    ("a.csv", "seconds,bass\n0,1\n0.04,x\n", "row 3, column bass: got 'x'"),
    ("a.csv", "seconds,bass\n0,1\n0.04\n", "row 3 has 1 cells, expected 2"),
    ("a.csv", "a,a\n0,1\n", "two columns alike"),
    ("a.csv", "", "a row a frame"),
    ("a.mid", "", "read from .json and .csv"),
    ("a.csv", None, "can't be read"),
])
def test_files_that_hold_no_curves_are_refused(tmp_path: Path, name: str, content: str | None, said: str) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=said.replace("(", r"\(")):
        load_curves(tmp_path / name)


def test_unknown_endings_are_refused(curves: CurveSet, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"got the ending '\.mp3'"):
        save_curves(curves, tmp_path / "c.mp3")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_a_plot_shows_the_curve_the_beats_and_the_ticks(curves: CurveSet, theme: str) -> None:
    image = plot_curves(curves, width=600, theme=theme)
    assert image.shape[1:] == (600, 3)
    bare = plot_curves(CurveSet(FPS, curves.curves), width=600, theme=theme)
    assert image.shape[0] > bare.shape[0]
    flat = plot_curves(CurveSet(FPS, {"bass": curves.curves["bass"] * 0, "loudness": curves.curves["loudness"]}), width=600, theme=theme)
    assert (bare != flat)[26:72].any()
    assert torch.equal(bare[80:], flat[80:])
    ground = image[0, 0].int()
    ink = (image.int() - ground).abs().sum(2).amax()
    assert ink > 500, "letters stand out from the ground"


def test_a_plot_of_an_hour_draws_every_peak() -> None:
    values = torch.zeros(90_000)
    values[[12_345, 67_890]] = 1
    made = plot_curves(CurveSet(Fraction(25), {"onset": Curve(values, Fraction(25), "onset", "0..1")}), width=600)
    lane = made[28:50, 118:586].int() - made[30, 300].int()
    assert {round(column / 467 * 90_000, -4) for column in lane.abs().sum((0, 2)).nonzero().flatten().tolist()} == {10_000, 70_000}


def test_a_single_frame_is_drawn() -> None:
    plot_curves(CurveSet(Fraction(25), {"a": Curve([0.5], Fraction(25))}))
    with pytest.raises(ConfigError, match="width"):
        plot_curves(CurveSet(Fraction(25), {"a": Curve([0.5], Fraction(25))}), width=10)
    with pytest.raises(ConfigError, match="one or more"):
        CurveSet(Fraction(25), {})
