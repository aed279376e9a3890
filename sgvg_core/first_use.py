"""Public names of a room that are imported on first use, so that importing the room costs nothing."""

import ast
import importlib
import importlib.util
from collections.abc import Callable
from typing import Any

OnFirstUse = tuple[list[str], Callable[[str], Any], Callable[[], list[str]]]


def on_first_use(package: str) -> OnFirstUse:
    """A package's `__all__`, `__getattr__` and `__dir__` (PEP 562); `package` is its `__name__`.

    The names are those that it imports under ``if TYPE_CHECKING:``, where type checkers see them too: there's no second list of them. A name
    must differ from its module's, unless it is the module: once that is imported, the package's attribute of this name is the module.
    Raises ImportError for a package without source code.
    """
    home = names_for_type_checkers(_source_of(package))

    def attribute(name: str) -> Any:
        if name not in home:
            raise AttributeError(f"{package} has no public name {name!r}; it has {', '.join(sorted(home))}")
        found = importlib.import_module(home[name], package)
        return found if home[name].rpartition(".")[2] == name else getattr(found, name)

    return sorted(home), attribute, lambda: sorted({*vars(importlib.import_module(package)), *home})


def names_for_type_checkers(source: str) -> dict[str, str]:
    """Names -> the modules that they're imported from (relative: ".film", "..pixels"), out of a module's ``if TYPE_CHECKING:``."""
    blocks = (node for node in ast.parse(source).body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    lines = [line for block in blocks for line in block.body if isinstance(line, ast.ImportFrom)]
    # "from .film import generate" is a name out of a module, "from . import tools" the module itself.
    return {alias.name: f"{'.' * line.level}{line.module or alias.name}" for line in lines for alias in line.names}


def _source_of(package: str) -> str:
    spec = importlib.util.find_spec(package)
    source = None if spec is None or spec.loader is None else spec.loader.get_source(package)  # type: ignore[attr-defined]
    if source is None:
        raise ImportError(f"{package}: its source code isn't there, which names what it holds; install the pack with its .py files")
    return str(source)
