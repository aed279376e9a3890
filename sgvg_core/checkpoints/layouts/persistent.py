"""Attributes of the modules in a network that was pickled whole: what its shapes don't tell (gains, clamps, filters)."""

from typing import Any

import torch

from ...errors import CheckpointError
from ..plain import ForeignObject

_OWN = frozenset({"_parameters", "_buffers", "_modules"})
_MAX_MODULES = 5_000
MAX_NUMBER = 1e12


def module_attributes(network: ForeignObject) -> dict[str, dict[str, Any]]:
    """The attributes of every module by its path ("" is the network itself), without its tensors and inner modules.

    Raises CheckpointError for a table of modules that holds itself, or is larger than any network's.
    """
    found: dict[str, dict[str, Any]] = {}
    waiting = [("", network)]
    while waiting:
        path, module = waiting.pop()
        found[path] = {name: value for name, value in module.state.items() if name not in _OWN}
        inner = module.state.get("_modules")
        if isinstance(inner, dict):
            waiting += [(f"{path}.{name}" if path else str(name), each) for name, each in inner.items() if isinstance(each, ForeignObject)]
        if len(found) + len(waiting) > _MAX_MODULES:
            raise CheckpointError(f"got more than {_MAX_MODULES} modules in one network; the file is corrupt or malicious")
    return found


def number(value: Any) -> float | None:
    """A plain number, also out of a tensor of one element; None if it's something else. Raises CheckpointError for one beyond all sizes."""
    if isinstance(value, torch.Tensor) and value.numel() == 1:
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not abs(value) <= MAX_NUMBER:  # NaN too
        raise CheckpointError(f"got {str(value)[:40]} where a network has a setting, expected up to {MAX_NUMBER:g}; the file is damaged")
    return float(value)


def one_value(attributes: dict[str, dict[str, Any]], name: str, paths: list[str], default: Any) -> Any:
    """The attribute that all modules at `paths` share; `default` where none has it. Raises CheckpointError where they differ.

    `attributes` are those of each module, by its path.
    """
    values = [_plain(name, attributes[path][name]) for path in paths if path in attributes and name in attributes[path]]
    if not values:
        return default
    if any(type(value) is not type(values[0]) or value != values[0] for value in values[1:]):
        raise CheckpointError(f"layers differ in their {name} ({str(values[0])[:40]}, ...), which isn't served; expected the same everywhere")
    return values[0]


def _plain(name: str, value: Any) -> float | bool | str | None:
    """A setting that can be compared."""
    if value is None or isinstance(value, str | bool):
        return value
    plain = number(value)
    if plain is None:
        raise CheckpointError(f"a layer whose {name} is a {type(value).__name__}, expected a number or a text; the file is damaged")
    return plain
