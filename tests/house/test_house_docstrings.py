"""Public functions explain their parameters, and the check that says so finds one that doesn't."""

from pathlib import Path

from docstrings import ROOT, unexplained

MODULE = '''
def shift(ws, amount: float, path: int, config: "Config") -> None:
    """Latents `ws` [N, L, D], moved."""

def _hidden(first: int, second: int) -> None:
    """Not public."""

class Wheel:
    def turn(self, angle: float, seconds: float) -> None:
        """By an `angle` in radians."""
'''


def test_every_public_function_explains_its_parameters() -> None:
    assert list(unexplained()) == []


def test_what_is_missing_is_named_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "sgvg_core").mkdir()
    (tmp_path / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    (tmp_path / "sgvg_core" / "one.py").write_text(MODULE, encoding="utf-8")
    assert list(unexplained(tmp_path)) == ["sgvg_core/one.py:2: shift: amount"]
