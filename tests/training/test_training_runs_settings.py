"""Settings of a stage: preset, file, single changes; every mistake is told by its place."""

import dataclasses
import sys

import pytest

from sgvg_core.config import check_range
from sgvg_core.errors import ConfigError
from sgvg_core.training.runs.settings import read_stage_config, with_changes, write_stage_config


@dataclasses.dataclass(frozen=True)
class Inner:
    target: float = 0.6
    kinds: tuple[str, ...] = ("flip",)


@dataclasses.dataclass(frozen=True)
class Settings:
    batch: int = 8
    name: str = "a"
    limit: float | None = None
    inner: Inner = Inner()

    def __post_init__(self):
        check_range("batch", self.batch, 1, 64)


PRESETS = {"small": Settings(), "paper": Settings(batch=32)}


def test_preset_then_file_then_changes(tmp_path):
    (tmp_path / "a.json").write_text('{"preset": "paper", "inner": {"target": 0.5}, "name": "b"}')
    assert read_stage_config(PRESETS) == Settings()
    assert read_stage_config(PRESETS, file=tmp_path / "a.json") == Settings(32, "b", None, Inner(0.5))
    changes = ["batch=4", "inner.kinds=[\"hue\", \"flip\"]", "limit=2", "name=c=d"]
    read = read_stage_config(PRESETS, preset="small", file=tmp_path / "a.json", changes=changes)
    assert read == Settings(4, "c=d", 2.0, Inner(0.5, ("hue", "flip")))


@pytest.mark.skipif(sys.version_info < (3, 11), reason="tomllib came with Python 3.11")
def test_toml(tmp_path):
    (tmp_path / "a.toml").write_text('batch = 2\n[inner]\nkinds = ["hue"]\n')
    assert read_stage_config(PRESETS, file=tmp_path / "a.toml") == Settings(2, inner=Inner(kinds=("hue",)))


def test_what_was_written_is_read_again(tmp_path):
    config = Settings(5, "z", 0.25, Inner(0.1, ()))
    write_stage_config(tmp_path / "run" / "config.json", config)
    assert read_stage_config(PRESETS, file=tmp_path / "run" / "config.json") == config


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"bach": 3}', r"a\.json: unknown setting 'bach'; known are batch, inner, limit, name"),
        ('{"inner": {"kind": 3}}', r"a\.json: inner: unknown setting 'kind'; known are kinds, target"),
        ('{"batch": 3.5}', r"a\.json: batch: got 3\.5, expected int"),
        ('{"batch": 65}', r"batch: got 65, expected 1 to 64"),
        ('{"preset": "huge"}', r"preset: got 'huge', expected small, paper"),
        ('{"preset": 3}', r"preset: got 3, expected a name"),
        ('{"batch": 3', r"a\.json: can't be read as JSON \(Expecting"),
        ("[1]", r"a\.json: got list, expected an object"),
    ],
)
def test_mistakes_in_a_file(tmp_path, text, words):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ConfigError, match=words):
        read_stage_config(PRESETS, file=tmp_path / "a.json")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("batch", r"--set: got 'batch', expected name=value"),
        ("inner..target=1", r"--set: got 'inner\.\.target=1'"),
        ("inner.goal=1", r"--set inner\.goal=1: inner: unknown setting 'goal'"),
        ("batch=many", r"--set batch=many: batch: got 'many', expected int"),
        ("inner=1", r"--set inner=1: inner: got int, expected an object"),
    ],
)
def test_mistakes_in_changes(change, words):
    with pytest.raises(ConfigError, match=words):
        read_stage_config(PRESETS, changes=[change])


def test_other_files_are_told(tmp_path):
    with pytest.raises(ConfigError, match=r"--config: .*a\.json isn't there"):
        read_stage_config(PRESETS, file=tmp_path / "a.json")
    with pytest.raises(ConfigError, match=r"--config: got a\.yaml, expected a file \.json or \.toml"):
        read_stage_config(PRESETS, file=tmp_path / "a.yaml")


@dataclasses.dataclass(frozen=True)
class Sized:
    size: int = 2
    widths: tuple[int, ...] = (8, 8)

    def __post_init__(self):
        if len(self.widths) != self.size:
            raise ConfigError("as many widths as the size says")


@dataclasses.dataclass(frozen=True)
class Stage:
    minutes: float = 1.0
    sized: Sized = Sized()


def test_settings_that_hold_only_together_are_changed_together():
    changed = with_changes(Stage(), ["sized.size=3", "minutes=2", "sized.widths=[8, 8, 4]"])
    assert changed == Stage(2, Sized(3, (8, 8, 4)))
    with pytest.raises(ConfigError, match="as many widths"):
        with_changes(Stage(), ["sized.size=3"])
