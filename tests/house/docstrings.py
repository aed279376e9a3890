"""Which parameters of public functions nobody explains: ``python tests/house/docstrings.py`` prints them and exits with 1 if there are any.

A public function or method of sgvg_core with two or more parameters names each of them in its docstring, but for those that say it all
themselves: by a type of this pack (its own docstring explains it), or by a name that means the same everywhere. Those names, and the
parts that are left out, stand in pyproject.toml under ``[tool.sgvg.docstrings]``.
"""

import ast
import fnmatch
import re
import sys
from collections.abc import Iterator
from pathlib import Path

try:
    import tomllib
except ImportError:  # Python 3.10 has none
    import tomli as tomllib  # type: ignore[import-not-found, no-redef, unused-ignore]

ROOT = Path(__file__).resolve().parents[2]
_PLAIN = {"int", "float", "str", "bool", "None", "Any", "tuple", "list", "dict", "set", "Sequence", "Iterable", "Iterator", "Mapping", "Callable"}
_PLAIN |= {"torch", "Tensor", "np", "ndarray", "NDArray", "floating", "float32", "float64", "uint8", "int64", "dtype", "Collection", "object"}


def unexplained(root: Path = ROOT) -> Iterator[str]:
    """A line for each public function below `root` / sgvg_core that leaves parameters unexplained: place, name, parameters."""
    with (root / "pyproject.toml").open("rb") as file:
        settings = tomllib.load(file)["tool"]["sgvg"]["docstrings"]
    for path in sorted((root / "sgvg_core").rglob("*.py")):
        place = path.relative_to(root).as_posix()
        if not any(fnmatch.fnmatch(place, pattern) for pattern in settings["leave-out"]):
            for name, function in _public(ast.parse(path.read_text(encoding="utf-8")).body):
                missing = _missing(function, set(settings["say-it-all"]))
                if missing and function.name not in settings["leave-out-functions"]:
                    yield f"{place}:{function.lineno}: {name}: {', '.join(missing)}"


def _public(body: list[ast.stmt], before: str = "") -> Iterator[tuple[str, ast.FunctionDef]]:
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from _public(node.body, f"{before}{node.name}.")
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield before + node.name, node


def _missing(function: ast.FunctionDef, known: set[str]) -> list[str]:
    """The parameters that neither their type nor their name nor the docstring explains."""
    given = [one for one in function.args.args + function.args.kwonlyargs if one.arg not in ("self", "cls")]
    text = ast.get_docstring(function) or ""
    return [
        one.arg for one in given
        if len(given) > 1 and one.arg not in known and _is_plain(one) and not re.search(rf"\b{re.escape(one.arg)}\b", text, re.IGNORECASE)
    ]  # fmt: skip


def _is_plain(parameter: ast.arg) -> bool:
    """Whether the type is one of Python, torch and numpy, which says nothing of units, ranges and shapes."""
    return parameter.annotation is None or set(re.findall(r"[A-Za-z_]\w*", ast.unparse(parameter.annotation))) <= _PLAIN


if __name__ == "__main__":
    lines = list(unexplained())
    print(*lines, sep="\n", end="\n" * bool(lines))
    print(f"{len(lines)} functions leave parameters unexplained" if lines else "Every public function explains its parameters.")
    sys.exit(1 if lines else 0)
