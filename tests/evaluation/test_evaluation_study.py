"""The user study: the page that is written, and what is made of its answers."""

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest

from sgvg_core.cli import main
from sgvg_core.errors import ConfigError, DataError
from sgvg_core.evaluation.paper import WorldSource
from sgvg_core.evaluation.study import kit as study
from sgvg_core.evaluation.study import make_study, study_means
from sgvg_core.evaluation.study.kit import choose_clips
from sgvg_core.media import probe_sound, read_video_frames

METHODS = ("ours", "once")


@pytest.fixture(scope="module")
def page(tiny_model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    return make_study(tiny_model, WorldSource(2, 0, 0.5, 12), folder, num_sounds=2, methods=METHODS)


def _study(page: Path) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="study">(.*?)</script>', page.read_text("utf-8"), re.DOTALL)
    assert found
    return json.loads(found[1])


@pytest.mark.slow
def test_one_page_holds_everything(page: Path, tmp_path: Path) -> None:
    assert [path.name for path in page.parent.iterdir()] == ["study.html"]
    held = _study(page)
    assert held["seconds"] == 0.5
    assert len({clip["id"] for clip in held["clips"]}) == 6
    path = tmp_path / "clip.mp4"
    path.write_bytes(base64.b64decode(held["clips"][1]["src"].removeprefix("data:video/mp4;base64,")))
    frames = list(read_video_frames(path))
    assert (len(frames), frames[0].shape) == (6, (256, 256, 3))
    assert probe_sound(path).sample_rate == 22_050
    text = page.read_text("utf-8")
    assert not re.findall(r'(?:src|href)="(?!data:)', text)  # nothing is loaded from anywhere
    assert "://" not in text


@pytest.mark.slow
def test_no_clip_says_what_made_it(page: Path) -> None:
    text = page.read_text("utf-8")
    assert '"method": "' not in text
    for clip in _study(page)["clips"]:
        assert set(clip) == {"id", "about", "src"}
        assert not any(method in clip["id"] for method in METHODS)
    abouts = [json.loads(base64.b64decode(clip["about"])) for clip in _study(page)["clips"]]
    assert sorted(about["method"] for about in abouts) == ["once", "once", "ours", "ours", "real", "real"]
    assert all(about["real"] == (about["method"] == "real") for about in abouts)


@pytest.mark.slow
def test_clips_too_large_for_a_page_lie_beside_it(tiny_model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "INLINE_BYTES", 0)
    made = make_study(tiny_model, WorldSource(1, 0, 0.3, 12), tmp_path / "new", num_sounds=1, methods=METHODS)
    assert all((made.parent / clip["src"]).is_file() for clip in _study(made)["clips"])


@pytest.mark.slow
def test_a_study_that_is_stopped_leaves_nothing(tiny_model: Any, tmp_path: Path) -> None:
    def stop(done: float, total: float | None, note: str = "", preview: Any = None) -> None:
        assert total == 3
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_study(tiny_model, WorldSource(1, 0, 0.3, 12), tmp_path / "new", num_sounds=1, methods=METHODS, progress=stop)
    assert not list((tmp_path / "new").iterdir())
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match="there's something in this folder already"):
        make_study(tiny_model, WorldSource(1, 0, 0.3, 12), tmp_path)
    with pytest.raises(ConfigError, match="expected two or more of ours"):
        make_study(tiny_model, WorldSource(1, 0, 0.3, 12), tmp_path / "other", methods=("ours", "magic"))


def test_labels_come_in_turns() -> None:
    assert [clip.index for clip in choose_clips(WorldSource(12, 0, 0.1, 12), 10)] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]


# ---- answers


def _rating(method: str, realness: int, consistency: int, sound: str = "1") -> dict[str, Any]:
    return {"kind": "rating", "clip": "x", "method": method, "sound": sound, "realness": realness, "consistency": consistency}


def _choice(method: str, sound: str = "1") -> dict[str, Any]:
    return {"kind": "choice", "sound": sound, "method": method, "options": list(METHODS)}


def _file(folder: Path, participant: str, answers: list[dict[str, Any]], **changes: Any) -> Path:
    path = folder / f"{participant}.json"
    about = {"format": "sgvg-study-1", "study": "s", "participant": participant, "started": "", "finished": None, "answers": answers, **changes}
    path.write_text(json.dumps(about))
    return path


def test_means_and_intervals_of_known_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = _file(tmp_path, "one", [_rating("real", 5, 5), _rating("ours", 4, 5), _rating("once", 2, 1), _choice("ours"), _choice("ours", "2")])
    two = _file(tmp_path, "two", [_rating("real", 5, 4), _rating("ours", 2, 5), _rating("once", 2, 3), _choice("once")])
    found = study_means([one, two])
    rows = {row["key"]: row for row in found["rows"]}
    assert list(rows) == ["real", "ours", "once"]
    assert (rows["real"]["realness"]["value"], rows["real"]["realness"]["interval"]) == (5, [5, 5])
    assert rows["ours"]["realness"]["value"] == 3
    assert rows["ours"]["realness"]["interval"] == [2, 4]  # of two people, a draw may hold one of them twice
    assert (rows["ours"]["naturalness"]["value"], rows["ours"]["naturalness"]["answers"]) == (0.667, 3)
    assert rows["once"]["naturalness"]["value"] == 0.333
    assert rows["real"]["naturalness"] is None
    assert main(["evaluate", "--study-answers", str(one), str(two)]) == 0
    assert "| ours | 3.00 (2.00 to 4.00) | 5.00 (5.00 to 5.00) | 67% (0% to 100%) |" in capsys.readouterr().out
    assert study_means([one])["resampled"] == "answers"


_HEAD = '{"format": "sgvg-study-1", "study": "s", "participant": "p", "answers": ['


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "this is no JSON"),
        ("[" * 100_000, "this is no JSON"),
        ("[]", "not a file of answers"),
        ('{"format": "sgvg-study-1"}', "names no study"),
        (_HEAD + '{"kind": "rating", "method": "magic", "sound": "1"}]}', "magic"),
        (_HEAD + '{"kind": "rating", "method": "ours", "sound": "1", "realness": 6}]}', "an answer can't be read"),
        (_HEAD + '{"kind": "choice", "method": "ours", "sound": "1", "options": []}]}', "an answer can't be read"),
    ],
)  # fmt: skip
def test_files_that_hold_no_answers_are_refused(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(DataError, match=said):
        study_means([path])


def test_files_that_dont_go_together_are_refused(tmp_path: Path) -> None:
    one, other = _file(tmp_path, "one", [_choice("ours")]), _file(tmp_path, "other", [], study="t")
    with pytest.raises(DataError, match=r"files of 2 studies \(s, t\)"):
        study_means([one, other])
    with pytest.raises(DataError, match="participant one is given twice"):
        study_means([one, one])
    with pytest.raises(DataError, match="can't be read"):
        study_means([tmp_path / "missing.json"])
    assert study_means([other])["rows"] == []
