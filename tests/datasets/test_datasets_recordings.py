"""Recordings, labels and layouts as names tell them: nothing here is decoded."""

from pathlib import Path

import pytest

from sgvg_core.datasets import PrepareOptions
from sgvg_core.datasets.recordings import recordings
from sgvg_core.datasets.sources import find_originals
from sgvg_core.errors import ConfigError, DataError


def sources_of(*names: str, label: str = "fire crackl", depth: int = 0, pattern: str | None = None) -> list[str]:
    return recordings(names, [label] * len(names), [depth] * len(names), pattern, {})[0]


def touch(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return root


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (("---g-f_I2yQ_000001.mp4", "---g-f_I2yQ_000011.mp4"), ["---g-f_I2yQ", "---g-f_I2yQ"]),  # VGG-Sound: YouTube id, start
        (("0B4dYTMsgHA_130000_140000.mp4",), ["0B4dYTMsgHA"]),  # AudioSet: id, start, end
        (("1-17367-A-10.wav", "esc10-3-132852-A.ogg", "esc10-3-132852-B.ogg"), ["17367", "132852", "132852"]),  # ESC-50 and its like
        (("Storm_Ocean_Sky_7.mp4", "Storm_Ocean_Sky_8.mp4", "Rain 12 HOURS__1.mp4"), ["Storm_Ocean_Sky"] * 2 + ["Rain 12 HOURS"]),  # Landscape
        (("clip 1.wav", "video_002.wav", "fire-3.wav"), ["clip 1", "video_002", "fire-3"]),  # what says no more than the label is no title
        (("fire_crackl_001.wav", "fire_crackl_002.wav"), ["fire_crackl_001", "fire_crackl_002"]),  # eleven letters, but no YouTube id
        (("alone.mp4",), ["alone"]),
    ],
)
def test_names_tell_recordings(names: tuple[str, ...], wanted: list[str]) -> None:
    assert sources_of(*names) == wanted


def test_a_folder_below_the_label_is_a_recording_on_either_side() -> None:
    names = ("train/rain/clip_a/0.mp4", "test/rain/clip_a/1.mp4", "train/rain/clip_b/0.mp4")
    found = recordings(names, ["rain"] * 3, [2] * 3, None, {})
    assert found == (["rain/clip_a", "rain/clip_a", "rain/clip_b"], {"the folder below the label's": 3})


def test_a_pattern_of_ones_own_wins() -> None:
    assert sources_of("day1_cam2_03.mp4", "day1_cam1_04.mp4", "x.mp4", pattern=r"(?P<source>day\d)") == ["day1", "day1", "x"]
    with pytest.raises(ConfigError, match="no regular expression"):
        PrepareOptions(source_pattern="(")
    with pytest.raises(ConfigError, match="expected one with a group"):
        PrepareOptions(source_pattern="day")


def test_landscape_folders_have_the_papers_labels_at_any_depth(tmp_path: Path) -> None:
    root = touch(tmp_path, "data/train/thunder/a_0.mp4", "data/train/volcano/b_0.mp4", "data/test/fire_crakling/deep/c_0.mp4", "data/notes.txt",
                 "data/train/other_thing/d.mp4", ".hidden/x/e.mp4")
    found = find_originals(str(root), PrepareOptions())
    labels = {original.name.rsplit("/", 1)[-1]: (original.label, original.split) for original in found.originals}
    assert labels == {"a_0.mp4": ("thunderstorm", "train"), "b_0.mp4": ("volcano eruption", "train"), "c_0.mp4": ("fire crackling", "test"),
                      "d.mp4": ("other thing", "train")}
    assert found.about["layout"] == "classes"


def test_validation_is_test_where_there_is_no_test(tmp_path: Path) -> None:
    root = touch(tmp_path, "train/a/1.mp4", "val/a/2.mp4")
    assert [original.split for original in find_originals(str(root), PrepareOptions()).originals] == ["train", "test"]
    touch(root, "test/a/3.mp4")
    found = find_originals(str(root), PrepareOptions())
    assert [(original.name, original.split) for original in found.originals] == [("test/a/3.mp4", "test"), ("train/a/1.mp4", "train"),
                                                                                 ("val/a/2.mp4", "train")]
    assert "validation counts as train" in found.about["sides"]


def test_flat_videos_have_no_label_and_sounds_beside_them_are_said(tmp_path: Path) -> None:
    found = find_originals(str(touch(tmp_path, "b.MP4", "a.mkv", "c.wav")), PrepareOptions())
    assert [(original.name, original.label, original.kind) for original in found.originals] == [("a.mkv", None, "video"), ("b.MP4", None, "video")]
    assert [entry.origin for entry in found.left_out] == ["c.wav"]


def test_sounds_take_labels_from_folders_names_or_a_table(tmp_path: Path) -> None:
    by_folder = find_originals(str(touch(tmp_path / "folders", "rain/1.wav", "deep_sea/2.ogg")), PrepareOptions())
    assert {original.label for original in by_folder.originals} == {"rain", "deep sea"}
    by_name = find_originals(str(touch(tmp_path / "names", "heavy-rain_01.wav", "heavy-rain_02.wav", "fire 1.wav", "fire (2).wav")), PrepareOptions())
    assert [original.label for original in by_name.originals] == ["fire", "fire", "heavy rain", "heavy rain"]
    assert len({original.source for original in by_name.originals}) == 4
    tabled = touch(tmp_path / "table", "audio/x.wav", "audio/y.wav", "audio/z.wav")
    (tabled / "meta.csv").write_text("filename,fold,category,src_file,split\nx.wav,1,rain,17,train\ny.wav,1,wind,17,test\ngone.wav,1,wind,18,test\n")
    found = find_originals(str(tabled), PrepareOptions())
    assert [(original.name, original.label, original.source, original.split) for original in found.originals] == [
        ("audio/x.wav", "rain", "17", "train"), ("audio/y.wav", "wind", "17", "test")]
    assert sorted((entry.origin, entry.reason) for entry in found.left_out) == [
        ("audio/z.wav", "not named in meta.csv"), ("gone.wav", "named in meta.csv, but not there")]


def test_a_table_that_says_two_things_is_refused(tmp_path: Path) -> None:
    root = touch(tmp_path, "a/x.wav", "b/x.wav", "y.wav")
    (root / "t.csv").write_text("file,label\ny.wav,rain\ny.wav,wind\n")
    with pytest.raises(DataError, match=r"'y.wav' is there twice, as 'rain' and 'wind'"):
        find_originals(str(root), PrepareOptions())
    (root / "t.csv").write_text("file,label\nx.wav,rain\n")
    with pytest.raises(DataError, match=r"'x.wav' could be a/x.wav or b/x.wav"):
        find_originals(str(root), PrepareOptions())
    with pytest.raises(DataError, match="no such file"):
        find_originals(str(root), PrepareOptions(labels_csv="nowhere.csv"))
    (root / "t.csv").write_text("one,two\n1,2\n")
    with pytest.raises(DataError, match="column of files"):
        find_originals(str(root), PrepareOptions(labels_csv=str(root / "t.csv")))


@pytest.mark.parametrize(
    ("names", "options", "said"),
    [
        ((), {}, "there is no video or sound in this folder"),
        (("a.txt",), {}, r"no video or sound in this folder \(of 1 files\)"),
        (("a.wav",), {"layout": "classes"}, r"asked for --layout classes, but it holds 0 videos, 1 sounds.*found: sounds"),
        (("a.mp4",), {"layout": "sub-urmp"}, "asked for --layout sub-urmp"),
        (("a.wav", "x/b.wav"), {"label_from": "folder"}, "a.wav: labels come from folders, but this file lies in none"),
    ],
)
def test_what_does_not_fit_is_said(tmp_path: Path, names: tuple[str, ...], options: dict[str, str], said: str) -> None:
    with pytest.raises(DataError, match=said):
        find_originals(str(touch(tmp_path, *names)), PrepareOptions(**options))


def test_a_folder_that_is_not_there_is_said() -> None:
    with pytest.raises(DataError, match=r"nowhere: there is no such folder.*world:"):
        find_originals("nowhere", PrepareOptions())


def test_the_world_deals_kinds_in_turn_and_seeds_by_number() -> None:
    first = find_originals("world:", PrepareOptions(num_clips=20, seed=3)).originals
    longer = find_originals("world:", PrepareOptions(num_clips=30, seed=3)).originals
    assert longer[:20] == first
    assert len({original.seed for original in longer}) == 30
    assert len({original.label for original in first[:9]}) == 9
