"""Configurations from plain data and back, with every unknown or missing setting named."""

import dataclasses
import functools
import json
import types
import typing
from typing import Any, TypeVar

from ..errors import ConfigError, shown
from .aliases import current_names

T = TypeVar("T")


def from_dict(cls: type[T], data: Any, where: str) -> T:
    """A configuration from plain data; `where` names the file or argument in errors. Raises ConfigError."""
    if not isinstance(data, dict):
        raise ConfigError(f"{where}: got {type(data).__name__}, expected an object with the settings of {cls.__name__}")
    data = current_names(cls, data)
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    unknown = sorted(set(data) - set(fields))
    if unknown:
        raise ConfigError(f"{where}: unknown setting {shown(', '.join(map(repr, unknown)), 300)}; known are {', '.join(sorted(fields))}")
    hints = _type_hints(typing.cast(Any, cls))
    values = {name: _typed(value, hints[name], f"{where}: {name}") for name, value in data.items()}
    try:
        return cls(**values)
    except TypeError as error:
        missing = sorted(name for name, field in fields.items() if name not in data and field.default is dataclasses.MISSING)
        raise ConfigError(f"{where}: missing setting {', '.join(missing)}") from error


@functools.cache
def _type_hints(cls: type) -> dict[str, Any]:
    """The types of a configuration's settings; resolving them takes longer than all checks of a small one."""
    return typing.get_type_hints(cls)


def _typed(value: Any, wanted: Any, where: str) -> Any:
    """`value` as the annotated type `wanted`: lists become tuples, objects become nested configurations."""
    origin = typing.get_origin(wanted)
    if origin in (types.UnionType, typing.Union):
        options = typing.get_args(wanted)
        if value is None and type(None) in options:
            return None
        return _typed(value, next(option for option in options if option is not type(None)), where)
    if origin is tuple and isinstance(value, list | tuple):
        inner = typing.get_args(wanted)
        many = len(inner) == 2 and inner[1] is Ellipsis
        if not many and len(value) != len(inner):
            raise ConfigError(f"{where}: got {len(value)} values, expected {len(inner)}")
        return tuple(_typed(item, inner[0] if many else inner[i], f"{where}[{i}]") for i, item in enumerate(value))
    if dataclasses.is_dataclass(wanted):
        return from_dict(typing.cast(type, wanted), value, where)
    plain: Any = {int: int, float: (int, float), str: str, bool: bool}.get(wanted)
    if plain is None or not isinstance(value, plain) or (isinstance(value, bool) and wanted is not bool):
        raise ConfigError(f"{where}: got {shown(repr(value))}, expected {getattr(wanted, '__name__', wanted)}")
    try:
        return float(value) if wanted is float else value
    except OverflowError as error:
        raise ConfigError(f"{where}: got {shown(value)}, too large for any setting") from error


def to_json(config: Any) -> str:
    """A configuration as JSON with sorted keys, the form in which it's stored."""
    return json.dumps(dataclasses.asdict(config), sort_keys=True)
