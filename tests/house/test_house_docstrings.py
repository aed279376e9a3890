"""Public docstrings say what types and names don't, and the check that holds them to it finds each kind of gap."""

import re
from pathlib import Path

import pytest
from docstrings import ROOT, rules, unexplained

MODULE = '''
class Wheel:
    """A wheel of `radius`."""

    def __init__(self, radius: float, spokes: int) -> None: ...

    def turn(self, angle: float, seed: int) -> None:
        """By an `angle` in radians."""


def shift(ws, amount: float, path: int, wheel: "Wheel", other: "Wheel") -> None:
    """Latents `ws` [N, L, D], moved."""

def fitted(source: "Sequence[int | None]", told: "Callable[[int], None]") -> None:
    """What `source` and `told` say."""

def looked_at(frames: torch.Tensor) -> None:
    """What is seen of frames."""

def checked(count: int) -> int:
    """The count."""
    if count < 0:
        raise ValueError(count)
    return count

def built(*, hidden: int, depth: int) -> None:
    """A module. Arguments as in `WheelConfig`."""

def _hidden(first: int, second: int) -> None:
    """Not public."""
'''
FOUND = [
    "5: Wheel.__init__: spokes",
    "11: shift: amount, other",
    "14: fitted: what None means for source",
    "17: looked_at: the shape of frames",
    "20: checked: what it refuses",
]


@pytest.mark.slow
def test_every_public_docstring_says_what_types_and_names_dont() -> None:
    assert list(unexplained()) == []


def test_each_kind_of_gap_is_named_with_its_place(tmp_path: Path) -> None:
    for room in ("sgvg_core", "nodes"):
        (tmp_path / room).mkdir()
    (tmp_path / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    (tmp_path / "sgvg_core" / "one.py").write_text(MODULE, encoding="utf-8")
    assert list(unexplained(tmp_path)) == [f"sgvg_core/one.py:{each}" for each in FOUND]


@pytest.mark.parametrize("name", sorted(rules().known))
def test_a_name_that_needs_no_word_has_its_meaning_in_the_architecture(name: str) -> None:
    words = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").partition("\n## Data, and its words\n")[2].partition("\n## ")[0]
    assert re.search(rf"`[^`]*\b{name}\b[^`]*`", words)
