"""The harness and the tables it fills: small real models, real clips of the world and of a prepared data set."""

import copy
import dataclasses
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sgvg_core.assembly import build_judge, save_judge
from sgvg_core.cli import main
from sgvg_core.config import JudgeConfig
from sgvg_core.datasets import ClipData, PrepareOptions, prepare
from sgvg_core.errors import ConfigError
from sgvg_core.evaluation.judged.table import held_out_clips
from sgvg_core.evaluation.networks.video import JointSpaceNetwork, JudgeNetwork, of_frames, windows
from sgvg_core.evaluation.paper import (
    Instruments,
    PreparedSource,
    WorldSource,
    format_paper_table,
    paper_tables,
)
from sgvg_core.evaluation.paper.measure import (
    REAL,
    REAL_AGAIN,
    Entry,
    Measured,
    film,
    measure,
)
from sgvg_core.evaluation.paper.methods import OURS, Take
from sgvg_core.evaluation.paper.records import Eyes
from sgvg_core.evaluation.paper.sources import MeasuredClip
from sgvg_core.evaluation.paper.tables import SHUFFLED, Tables
from sgvg_core.generation import Sound, analyse_sound
from sgvg_core.generation.windows import window_log_mels
from sgvg_core.judge import Judge
from sgvg_core.world import KINDS


@pytest.fixture(scope="module")
def judge() -> Judge:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build_judge(JudgeConfig(widths=(8, 8), labels=KINDS)).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def source() -> WorldSource:
    return WorldSource(3, seed=0, seconds=0.5, fps=12)


def test_windows_lie_side_by_side_in_the_middle() -> None:
    assert windows(48).flatten().tolist() == list(range(48))
    assert windows(20).tolist() == [list(range(2, 18))]
    assert windows(80, 1)[0].tolist() == list(range(32, 48))
    assert windows(6).shape == (1, 16)
    assert set(windows(6)[0].tolist()) == set(range(6))


@pytest.mark.slow
def test_clips_are_those_of_the_judges_table() -> None:
    source = WorldSource(4, seed=2, seconds=0.5, fps=12)
    for clip, held in zip(source.clips, held_out_clips(4, 2, 0.5, 12), strict=True):
        assert (clip.label, clip.seed, clip.num_frames) == (KINDS[held.kind], 2 + held.seed, 6)
        assert np.array_equal(clip.envelope, held.envelope)  # type: ignore[arg-type]
        assert torch.equal(source.sound(clip).waveform[0], held.waveform)  # type: ignore[index]
    assert not torch.equal(source.real(source.clips[0], 16), source.real_again(source.clips[0], 16))


def test_a_still_film_has_no_change_and_another_order_is_seen() -> None:
    features = torch.randn(16, 5, generator=torch.Generator().manual_seed(0))
    logits = torch.zeros(16, 3)
    assert not of_frames(features[:1].expand(16, -1), logits).features[:, 5:].any()
    one, two = of_frames(features, logits), of_frames(features[torch.randperm(16, generator=torch.Generator().manual_seed(1))], logits)
    assert torch.allclose(one.features[:, :5], two.features[:, :5], atol=1e-6)
    assert not torch.allclose(one.features[:, 5:], two.features[:, 5:], atol=1e-3)
    assert one.classes.sum().item() == pytest.approx(1)


def _eyes(model: Any, judge: Judge) -> Eyes:
    return Eyes(judge, model.joint_space, (JudgeNetwork(judge),))


@dataclasses.dataclass
class KnownClips:
    """Three clips of half a second, the second without a label; real frames are dark, other real ones bright."""

    labels: tuple[str, ...] = ("rain", "fire")
    name: str = "known"
    fps: Fraction = Fraction(12)

    @property
    def clips(self) -> list[MeasuredClip]:
        return [MeasuredClip(index, f"clip {index}", label, index, 6) for index, label in enumerate(("rain", None, "fire"))]

    def sound(self, clip: MeasuredClip) -> Sound:
        return Sound.from_waveform(0.2 * torch.randn(1, 8000, generator=torch.Generator().manual_seed(clip.index)), 16_000)

    def real(self, clip: MeasuredClip, size: int) -> torch.Tensor:
        return torch.full((6, size, size, 3), 10 + clip.index, dtype=torch.uint8)

    def real_again(self, clip: MeasuredClip, size: int) -> torch.Tensor:
        return self.real(clip, size) + 200


@pytest.mark.slow
def test_what_is_seen_heard_and_said_of_known_clips(tiny_model: Any, judge: Judge) -> None:
    source, space, eyes = KnownClips(), tiny_model.joint_space, _eyes(tiny_model, judge)
    found = measure([], source, eyes, size=32)
    assert list(found.records) == [REAL, REAL_AGAIN]
    for key, frames in ((REAL, source.real), (REAL_AGAIN, source.real_again)):
        for clip, record in zip(source.clips, found.records[key], strict=True):
            assert np.array_equal(record["strength"], eyes.look(frames(clip, 32))["strength"]), key
    said = space.embed_texts(["rain", "fire"]).numpy()
    np.testing.assert_allclose(found.texts, [said[0], np.zeros_like(said[0]), said[1]], atol=1e-6)
    heard = [torch.cat([space.embed_sounds(mel) for mel in window_log_mels(analyse_sound(source.sound(clip), space.mel), space.mel, Fraction(4))])
             for clip in source.clips]  # fmt: skip
    assert found.moments is not None
    for one, other in zip(found.moments, heard, strict=True):
        np.testing.assert_allclose(one, other.numpy(), atol=1e-6)
    np.testing.assert_allclose(found.sounds, torch.nn.functional.normalize(torch.stack([one.mean(0) for one in heard])).numpy(), atol=1e-5)


@pytest.mark.parametrize("deaf", [False, True])
def test_without_a_space_or_its_ears_or_labels_nothing_is_heard_or_said(tiny_model: Any, judge: Judge, deaf: bool) -> None:
    space = copy.deepcopy(tiny_model.joint_space) if deaf else None
    if space is not None:
        space.sound = None
    found = measure([], KnownClips(), Eyes(judge, space, ()), size=32)
    assert found.moments is None
    assert found.sounds is None
    assert (found.texts is None) == (not deaf)
    unnamed = KnownClips()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(KnownClips, "clips", [dataclasses.replace(clip, label=None) for clip in unnamed.clips])
        assert measure([], unnamed, Eyes(judge, space, ()), size=32).texts is None


def test_progress_tells_how_much_of_a_film_is_made(tiny_model: Any) -> None:
    source, seen = KnownClips(), []
    take = Take(tiny_model, source.sound(source.clips[0]), 1, Fraction(24))
    assert film(take, OURS.make, lambda *said: seen.append(said)).shape == (12, 32, 32, 3)
    assert seen == [(pytest.approx(0.9 * 8 / 12), 1, "films"), (pytest.approx(0.9), 1, "films")]
    film(take, OURS.make, lambda *said: seen.append(said), 3, 7, "more")
    assert seen[2:] == [(pytest.approx(3 + 0.9 * 8 / 12), 7, "more"), (pytest.approx(3.9), 7, "more")]


@pytest.mark.slow
def test_what_was_seen_is_kept_and_goes_on_where_it_was_stopped(tiny_model: Any, judge: Judge, source: WorldSource, tmp_path: Path) -> None:
    entries, eyes = [Entry.of(OURS, tiny_model)], _eyes(tiny_model, judge)
    whole = measure(entries, source, eyes, size=32)

    def stop(done: float, total: float | None, note: str = "", preview: Any = None) -> None:
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure(entries, source, eyes, size=32, keep=tmp_path, progress=stop)
    kept = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*.npz"))
    assert len(kept) == 4
    assert not list(tmp_path.rglob("*.part*"))
    (tmp_path / kept[0]).write_bytes(b"cut off")
    times = {path: (tmp_path / path).stat().st_mtime_ns for path in kept}
    films: list[Any] = []
    again = measure(entries, source, eyes, size=32, keep=tmp_path, progress=lambda done, total, note="", preview=None: films.append(preview))
    assert sum(shown is not None for shown in films) == 9 - 3  # three were there, the damaged one was made again
    assert {path for path in kept if (tmp_path / path).stat().st_mtime_ns != times[path]} == {kept[0]}
    for key, records in whole.records.items():
        for one, two in zip(records, again.records[key], strict=True):
            assert one.keys() == two.keys()
            assert all(np.array_equal(one[name], two[name]) for name in one), key


@pytest.mark.slow
def test_records_of_other_weights_are_not_taken(tiny_model: Any, judge: Judge, source: WorldSource, tmp_path: Path) -> None:
    entries = [Entry.of(OURS, tiny_model)]
    measure(entries, source, _eyes(tiny_model, judge), size=32, keep=tmp_path)
    other = build_judge(JudgeConfig(widths=(8, 8), labels=KINDS)).eval()
    films: list[Any] = []
    eyes = _eyes(tiny_model, other)
    measure(entries, source, eyes, size=32, keep=tmp_path, progress=lambda done, total, note="", preview=None: films.append(preview))
    assert sum(shown is not None for shown in films) == 9


def _measured(source: WorldSource, judge: Judge, **embeddings: list[list[float]]) -> Measured:
    """Records whose cosines, kinds and strengths are known."""
    records = {}
    for key, embedded in embeddings.items():
        records[key] = [
            {
                "embeddings": np.array([one] * 24),
                "kind": np.eye(9)[index],
                "strength": np.asarray(source.clips[index].envelope),
                "change": np.array(1.0),
                "detail": np.array(1.0),
                "features judge": np.array([[float(index)], [index + 1.0]]),
                "classes judge": np.eye(9)[[index, index]],
            }
            for index, one in enumerate(embedded)
        ]
    return Measured(source, {key: key for key in records}, records, [np.eye(3)[[index] * 8] for index in range(3)], np.roll(np.eye(3), 1, axis=0))


@pytest.mark.slow
def test_tables_of_known_records(judge: Judge) -> None:
    source = WorldSource(3, seed=0, seconds=2, fps=12)
    sounds, words = np.eye(3).tolist(), (2 * np.roll(np.eye(3), 1, axis=0)).tolist()
    both = [[1.0, 0, 1], [1, 1, 0], [0, 1, 1]]
    measured = _measured(source, judge, **{REAL: both, "real again": both, "ours": sounds, "none": words})
    tables = Tables(measured, KINDS)
    table = tables.table3a(["ours", "none"])
    cells = {row.key: {name: cell.value for name, cell in row.cells.items() if cell} for row in table.rows}
    assert cells["ours"] == {"t<->v": 0, "a<->v": 1, "a<->v in time": 0}
    assert cells["none"] == {"t<->v": 1, "a<->v": 0, "a<->v in time": 0}
    assert cells[REAL] == {"t<->v": pytest.approx(0.5**0.5), "a<->v": pytest.approx(0.5**0.5), "a<->v in time": 0}
    assert cells[SHUFFLED]["a<->v"] == 0  # another clip's sound is never the film's own
    none = table.rows[2].cells["t<->v"]
    assert none is not None
    assert none.ours_more is not None
    assert (none.ours_more.value, none.ours_more.low, none.ours_more.high, none.ours_more.excludes_zero) == (-1, -1, -1, True)
    assert "**worse**" in format_paper_table(table)
    assert "| ours less | t<->v |" in format_paper_table(table)
    judged = tables.judged(["ours"])
    assert judged is not None
    values = {row.key: [cell.value for cell in row.cells.values() if cell] for row in judged.rows}
    assert values["ours"] == [1, pytest.approx(1)]
    assert values[SHUFFLED][0] == 0
    second = tables.table2("judge", ["ours"])
    ours = {name: cell.value for name, cell in second.rows[1].cells.items() if cell}
    assert ours["FVD-judge"] == pytest.approx(0, abs=1e-9)
    assert ours["IS-judge"] == pytest.approx(3)
    assert second.title == "Table 2 by judge"  # never under the paper's own name


@pytest.mark.slow
def test_all_tables_of_a_small_model(tiny_model: Any, judge: Judge) -> None:
    source = WorldSource(2, seed=0, seconds=0.5, fps=12)
    notes: list[str] = []

    def watch(done: float, total: float | None, note: str = "", preview: Any = None) -> None:
        assert total
        assert done <= total
        notes.append(note)

    instruments = Instruments(judge, inversion_steps=3)
    made = paper_tables(tiny_model, source, instruments, ablations={"again": tiny_model}, progress=watch)
    tables = {table.key: table for table in made}
    assert list(tables) == ["table2 judge", "table3a", "judge", "ablations", "table3b"]
    assert [row.key for row in tables["table3a"].rows] == ["real", "ours", "none", "once", "interpolation", "music", "shuffled"]
    rows = {row.key: row for row in tables["ablations"].rows}
    assert list(rows) == ["ours", "coarse", "mid", "fine", "recurrence", "walker", "model again"]
    assert rows["model again"].cells["change a frame"].value == rows["ours"].cells["change a frame"].value  # type: ignore[union-attr]
    again = rows["model again"].cells["FVD-judge"]
    assert (again.ours_more.low, again.ours_more.high) == (0, 0)  # type: ignore[union-attr]
    assert set(notes) == {"films", "intervals of FVD-judge", "intervals of IS-judge", "intervals of diversity (joint-space)", "inversion"}
    json.dumps([table.to_dict() for table in tables.values()], allow_nan=False)


@pytest.mark.slow
def test_too_little_to_measure_is_said(tiny_model: Any, judge: Judge) -> None:
    with pytest.raises(ConfigError, match="expected at least 2"):
        paper_tables(tiny_model, WorldSource(1, 0, 0.5, 12), Instruments(judge), which="3a")
    blind = dataclasses.replace(tiny_model, joint_space=None)
    with pytest.raises(ConfigError, match="nothing can look at its films"):
        paper_tables(blind, WorldSource(2, 0, 0.5, 12), which="2")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "DATA"
    prepare("world:", folder, PrepareOptions(size=32, fps="8", sample_rate=16_000, seconds=1, num_clips=18, test_share=0.5))
    return folder


@pytest.mark.slow
def test_a_prepared_data_set_is_measured_without_a_judge(tiny_model: Any, prepared: Path) -> None:
    data = ClipData.open(prepared)
    source = PreparedSource(data, 3, seed=0, seconds=0.75)
    assert {clip.key for clip in source.clips} <= {clip.key for clip in data.clips("test")}
    assert [clip.key for clip in PreparedSource(data, 2, 0, 0.75).clips] == [clip.key for clip in source.clips[:2]]
    assert source.clips[0].num_frames == 6
    real = source.real(source.clips[0], 32)
    assert real.shape == (6, 32, 32, 3)
    assert not torch.equal(real, source.real_again(source.clips[0], 32))  # type: ignore[arg-type]
    assert film(Take(tiny_model, source.sound(source.clips[0]), 1, source.fps), OURS.make).shape == (6, 32, 32, 3)
    tables = paper_tables(tiny_model, source, which="2")
    assert [table.key for table in tables] == ["table2 joint-space"]
    assert [metric.name for metric in tables[0].metrics] == ["FVD-joint-space", "IS-joint-space", "diversity (joint-space)", "change a frame"]
    network = JointSpaceNetwork(tiny_model.joint_space, source.labels)
    assert network.look(real).classes.shape == (1, len(data.labels))


@pytest.mark.slow
def test_the_command_prints_tables_and_keeps_what_was_seen(
    tiny_model_folder: Path, judge: Judge, prepared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["evaluate", "--model", str(tiny_model_folder), "--device", "cpu", "--clips", "2", "--seconds", "0.4"]
    assert main([*words, "--table", "3a", "--data", str(prepared), "--keep", str(tmp_path / "keep"), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert list(said["tables"]) == ["table3a"]
    assert list(tmp_path.glob("keep/ours-*/*.npz"))
    save_judge(tiny_model_folder / "judge.safetensors", judge, JudgeConfig(widths=(8, 8), labels=KINDS))
    assert main([*words, "--table", "3a"]) == 0
    assert "| ours under other sounds (floor) |" in capsys.readouterr().out
    (tiny_model_folder / "judge.safetensors").unlink()
    assert main([*words, "--table", "2", "--ablation", "x=/nowhere"]) == 2
    assert "there's no such model folder" in capsys.readouterr().err
