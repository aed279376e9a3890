"""librosa to compare with, its functions as they're written: compiling them on import, by numba, takes 40 s where it was never done before."""

import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any


class Uncompiled(ModuleType):
    """What librosa takes from numba: types, which aren't looked at, and decorators, which leave a function as it is."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *given, **options: given[0] if len(given) == 1 and callable(given[0]) and not options else lambda function: function


_numba = sys.modules.get("numba")
sys.modules["numba"] = Uncompiled("numba")
try:
    librosa: Any = importlib.import_module("librosa")
    for _name in ("core", "decompose", "feature", "filters", "onset"):  # else they come on first use
        importlib.import_module(f"librosa.{_name}")
finally:
    del sys.modules["numba"]
    if _numba is not None:
        sys.modules["numba"] = _numba
