"""The settings of a stage: a preset, over it a file (JSON or TOML), over both single changes. Unknown names are refused.

A file is an object with the stage's settings; what it leaves out keeps the preset's value. It may name its preset itself:

    {"preset": "small", "batch": 16, "augment": {"target": 0.5}}
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from ...config import check_choice, from_dict
from ...config.aliases import current_names
from ...errors import ConfigError

try:
    import tomllib
except ImportError:  # Python 3.10 has none
    tomllib = None  # type: ignore[assignment, unused-ignore]

T = TypeVar("T")

CONFIG_FILE = "config.json"
"""In the folder of a run: the settings that it was begun with, as a file that can be given again."""


def read_stage_config(
    presets: Mapping[str, T], *, preset: str | None = None, default: str = "small", file: Path | None = None, changes: Sequence[str] = ()
) -> T:
    """The settings of a stage.

    `preset` is one of `presets` (None: the one that the file names, or `default`). `changes` are "name=value" with dotted names for
    nested settings ("augment.target=0.5"); values are read as JSON, else as text. Raises ConfigError with the place of the mistake.
    """
    said = _read(file) if file is not None else {}
    named = said.pop("preset", None)
    name = preset or named or default
    if not isinstance(name, str):
        raise ConfigError(f"{file}: preset: got {name!r}, expected a name")
    check_choice("preset", name, tuple(presets))
    cls = type(presets[name])
    data = _over(dataclasses.asdict(presets[name]), current_names(cls, said))  # type: ignore[call-overload]
    from_dict(cls, data, str(file) if file is not None else f"preset {name}")
    for change in changes:
        data = _over(data, current_names(cls, _change(change)))
        from_dict(cls, data, f"--set {change}")
    return from_dict(cls, data, str(file) if file is not None else f"preset {name}")


def with_changes(settings: T, changes: Sequence[str], fixed: Sequence[str] = ()) -> T:
    """Settings with single changes ("name=value", dotted for nested ones), but for the `fixed` names. Raises ConfigError.

    All changes within one nested setting are made together, for some hold only with one another (a size and its channels).
    """
    names = {field.name for field in dataclasses.fields(settings)} - set(fixed)  # type: ignore[arg-type]
    nested: dict[str, tuple[list[str], dict[str, Any]]] = {}
    for change in changes:
        ((name, value),) = current_names(type(settings), _change(change)).items()
        if name not in names:
            raise ConfigError(f"--set {change}: unknown setting {name}; expected one of {', '.join(sorted(names))}")
        own = getattr(settings, name)
        if dataclasses.is_dataclass(own) and not isinstance(own, type):
            if not isinstance(value, Mapping):
                raise ConfigError(f"--set {change}: {name} holds settings of its own, expected {name}.NAME=value")
            said, all_values = nested.get(name, ([], {}))
            nested[name] = ([*said, change], _over(all_values, value))
            continue
        if isinstance(value, bool) or not isinstance(value, int if isinstance(own, int) else (int, float)):
            raise ConfigError(f"--set {change}: got {value!r}, expected {'a whole number' if isinstance(own, int) else 'a number'}")
        settings = dataclasses.replace(settings, **{name: value})  # type: ignore[type-var]
    for name, (said, value) in nested.items():
        own = getattr(settings, name)
        made = from_dict(type(own), _over(dataclasses.asdict(own), value), f"--set {' --set '.join(said)}")
        settings = dataclasses.replace(settings, **{name: made})  # type: ignore[type-var]
    return settings


def write_stage_config(path: Path, config: Any) -> None:
    """Write settings as a file that `read_stage_config` takes. `config` is a dataclass of settings."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(dataclasses.asdict(config), indent=2) + "\n", encoding="utf-8")


def _read(path: Path) -> dict[str, Any]:
    """The object in a JSON or TOML file."""
    if path.suffix not in (".json", ".toml"):
        raise ConfigError(f"--config: got {path.name}, expected a file .json or .toml")
    if not path.is_file():
        raise ConfigError(f"--config: {path} isn't there")
    try:
        text = path.read_text(encoding="utf-8")
        data = json.loads(text) if path.suffix == ".json" else _toml(text)
    except (ValueError, RecursionError) as error:  # of JSON, of TOML and of text that isn't UTF-8
        raise ConfigError(f"{path}: can't be read as {path.suffix[1:].upper()} ({error}); mend that place") from error
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: got {type(data).__name__}, expected an object with settings")
    return data


def _toml(text: str) -> Any:
    if tomllib is None:
        raise ConfigError("--config: TOML needs Python 3.11; give the settings as JSON")
    return tomllib.loads(text)


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of `above` laid over those of `below`; nested ones one by one."""
    laid = dict(below)
    for name, value in above.items():
        both = isinstance(value, Mapping) and isinstance(laid.get(name), Mapping)
        laid[name] = _over(laid[name], value) if both else value
    return laid


def _change(text: str) -> dict[str, Any]:
    """``"a.b=1"`` -> {"a": {"b": 1}}."""
    name, sign, value = text.partition("=")
    if not sign or not all(name.split(".")):
        raise ConfigError(f"--set: got {text!r}, expected name=value (nested: name.name=value)")
    try:
        read = json.loads(value)
    except ValueError:
        read = value
    for part in reversed(name.split(".")):
        read = {part: read}
    return dict(read)
