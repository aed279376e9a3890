"""No call passes more than five arguments by their places: from the sixth on, the reader needs the name."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

MOST = 5
WITHOUT_NAMES = {"Sequential", "pack", "normal", "MadeFiles"}
"""What takes any number of parts, fields, sides or names, none of which has a keyword."""


def crowded(tree: ast.AST) -> Iterator[int]:
    """The lines of the calls in `tree` that pass more than `MOST` arguments by their places."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and len(node.args) > MOST and not WITHOUT_NAMES & set(ast.unparse(node.func).split(".")):
            yield node.lineno


def test_no_call_passes_more_than_five_arguments_by_position(pack_root: Path) -> None:
    files = [path for room in ("sgvg_core", "nodes") for path in sorted((pack_root / room).rglob("*.py"))]
    found = [f"{path.relative_to(pack_root)}:{line}" for path in files for line in crowded(ast.parse(path.read_text(encoding="utf-8")))]
    assert not found, "give the arguments by name, or as one frozen dataclass of settings"


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        ("one(1, 2, 3, 4, 5)", []),
        ("one(1, 2, 3, 4, 5, 6)", [1]),
        ("one(1, 2, 3, four=4, five=5, six=6)", []),
        ("room.Made(*some, 2, 3, 4, 5, 6)", [1]),
        ("nn.Sequential(1, 2, 3, 4, 5, one(1, 2, 3, 4, 5, 6))", [1]),
    ],
)
def test_a_crowded_call_is_found(code: str, lines: list[int]) -> None:
    assert list(crowded(ast.parse(code))) == lines
