"""What public docstrings leave unsaid: ``python tests/house/docstrings.py`` prints it and exits with 1 if there is anything.

Of every public function and method of sgvg_core and of the nodes the docstring says (of a constructor, that of its class)

- each parameter, where there are two or more. Those go without saying whose type is one of this pack and has a word of their name
  (``walk: Walk``, ``settings: LoopSettings``, ``g: Grid``), the names that mean the same everywhere (``say-it-all``), and the fields of a
  configuration that the docstring refers to ("arguments as in `WalkerConfig`");
- what None means, where a parameter may be None;
- the shape, in square brackets, where it takes a tensor or an array;
- what is refused, where its own body raises something.

Names and left-out functions are listed in pyproject.toml under ``[tool.sgvg.docstrings]``.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

try:
    import tomllib
except ImportError:  # Python 3.10 has none
    import tomli as tomllib  # type: ignore[import-not-found, no-redef, unused-ignore]

ROOT = Path(__file__).resolve().parents[2]
Function = ast.FunctionDef | ast.AsyncFunctionDef
_PLAIN = {"int", "float", "str", "bool", "None", "Any", "tuple", "list", "dict", "set", "Sequence", "Iterable", "Iterator", "Mapping", "Callable"}
_PLAIN |= {"torch", "Tensor", "np", "ndarray", "NDArray", "floating", "float32", "float64", "uint8", "int64", "dtype", "Collection", "object", "Path"}
_SAYS_NONE = re.compile(r"\bNone\b|\bwithout\b|\bdefault\b", re.IGNORECASE)
_SAYS_REFUSAL = re.compile(r"\brais|\brefus|\w+Error\b|\berrors?\b|\bmust\b", re.IGNORECASE)
_SAYS_SHAPE = re.compile(r"\[|\bshapes?\b")
_TENSOR = re.compile(r"\b(Tensor|ndarray|NDArray)\b")
_ELSEWHERE = re.compile(r"\barguments (as in|are (those|the fields) of)\s+`", re.IGNORECASE)
_TABLE = re.compile(r"\b(Mapping|dict|Callable)\b")


class Rules(NamedTuple):
    """What ``[tool.sgvg.docstrings]`` says."""

    known: set[str]
    left_out: set[str]


def rules(root: Path = ROOT) -> Rules:
    """The rules of the pack in `root`."""
    with (root / "pyproject.toml").open("rb") as file:
        settings = tomllib.load(file)["tool"]["sgvg"]["docstrings"]
    return Rules(set(settings["say-it-all"]), set(settings["leave-out-functions"]))


def functions(root: Path = ROOT) -> Iterator[tuple[str, str, Function]]:
    """Place, docstring and code of each public function that the rules look at; of a constructor the docstring is also its class's."""
    left_out = rules(root).left_out
    for path in sorted(path for room in ("sgvg_core", "nodes") for path in (root / room).rglob("*.py")):
        place = path.relative_to(root).as_posix()
        for name, text, function in _public(ast.parse(path.read_text(encoding="utf-8")).body):
            if function.name not in left_out:
                yield f"{place}:{function.lineno}: {name}", text, function


def unexplained(root: Path = ROOT) -> Iterator[str]:
    """A line for each public function of the pack in `root` whose docstring leaves something unsaid: place, name, what is missing."""
    known = rules(root).known
    for place, text, function in functions(root):
        missing = unsaid(function, text, known)
        if missing:
            yield f"{place}: {', '.join(missing)}"


def unsaid(function: Function, text: str, known: set[str]) -> list[str]:
    """What the docstring `text` of `function` doesn't say, though neither types nor names (those in `known` suffice) do."""
    given = [] if _ELSEWHERE.search(text) else parameters(function)
    missing = [one.arg for one in given if len(given) > 1 and one.arg not in known and not _says_itself(one) and not _named(one.arg, text)]
    optional = [one.arg for one in given if one.arg not in known and one.annotation and _may_be_none(one.annotation)]
    if optional and not _SAYS_NONE.search(text):
        missing.append(f"what None means for {' and '.join(optional)}")
    tensors = [one.arg for one in given if one.arg not in known and _TENSOR.search(_type(one)) and not _TABLE.search(_type(one))]
    if tensors and not _SAYS_SHAPE.search(text):
        missing.append(f"the shape of {' and '.join(tensors)}")
    if _raises(function) and not _SAYS_REFUSAL.search(text):
        missing.append("what it refuses")
    return missing


def parameters(function: Function) -> list[ast.arg]:
    """The parameters that a caller gives."""
    return [one for one in function.args.args + function.args.kwonlyargs if one.arg not in ("self", "cls")]


def _public(body: list[ast.stmt], before: str = "", above: str = "") -> Iterator[tuple[str, str, Function]]:
    """Name, docstring and code of what is public in a module or a class, whose own docstring is `above`."""
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from _public(node.body, f"{before}{node.name}.", ast.get_docstring(node) or "")
        if isinstance(node, Function) and (node.name == "__init__" or not node.name.startswith("_")):
            text = ast.get_docstring(node) or ""
            yield before + node.name, f"{above} {text}" if node.name == "__init__" else text, node


def _named(name: str, text: str) -> bool:
    return bool(re.search(rf"\b{re.escape(name)}\b", text, re.IGNORECASE))


def _may_be_none(annotation: ast.expr) -> bool:
    """Whether a type has None in it, other than as what a function returns."""
    if isinstance(annotation, ast.Constant):
        return annotation.value is None or (isinstance(annotation.value, str) and _may_be_none(ast.parse(annotation.value, mode="eval").body))
    if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value) == "Callable":
        return False
    return any(_may_be_none(part) for part in ast.iter_child_nodes(annotation) if isinstance(part, ast.expr))


def _type(parameter: ast.arg) -> str:
    return ast.unparse(parameter.annotation) if parameter.annotation else ""


def _says_itself(parameter: ast.arg) -> bool:
    """Whether the type is one of this pack, explained there, and the name has a word of it or is one letter."""
    own = [name for name in re.findall(r"[A-Za-z_]\w*", _type(parameter)) if name not in _PLAIN]
    words = {word.lower().rstrip("s") for name in own for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+", name)}
    return (bool(own) and len(parameter.arg) == 1) or bool(words & {word.rstrip("s") for word in parameter.arg.lower().split("_")})


def _raises(function: Function) -> bool:
    """Whether the body itself raises something new (not what it caught, not in a function inside)."""
    todo: list[ast.AST] = list(function.body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            return True
        if not isinstance(node, Function | ast.Lambda):
            todo += ast.iter_child_nodes(node)
    return False


if __name__ == "__main__":
    lines = list(unexplained())
    print(*lines, sep="\n", end="\n" * bool(lines))
    print(f"{len(lines)} of {len(list(functions()))} public functions leave something unsaid" if lines else "Every public docstring says it all.")
    sys.exit(1 if lines else 0)
