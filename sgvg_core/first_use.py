"""Public names of a room that are imported on first use, so that importing the room costs nothing."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def on_first_use(package: str, names: Mapping[str, Sequence[str]]) -> Callable[[str], Any]:
    """A package's `__getattr__` (PEP 562): `package` is its `__name__`; `names` says what comes out of which module (relative: ".film").

    A name must differ from its module's: once that is imported, the package's attribute of this name is the module.
    """
    home = {name: module for module, own in names.items() for name in own}

    def attribute(name: str) -> Any:
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(home[name], package), name)

    return attribute
