"""Edits as text: one line each on the command line, a JSON file for many."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import ConfigError, shown
from ..latents import GROUPS
from .edits import Edit, StrengthCurve
from .targets import KINDS, Target, TargetPart

_KEYS = (*KINDS, "neutral", "direction", "strength", "layers", "curve", "region", "way")
_MOST_EDITS, _MOST_BYTES = 64, 4 * 2**20


def parse_edit(line: str) -> Edit:
    """An edit from "text=at night; strength=2; layers=fine; curve=loudness".

    Keys: text, sound, picture, embedding (each may be repeated; a weight follows behind a colon, "text=rain:-0.5"), neutral, direction,
    strength, layers ("mid,fine", "6-", "0-5,8"), curve (a name or numbers, "0,1,0.5"), region (a picture), way (scene or attribute). Words
    without a key are a text. Raises ConfigError that names the part that is wrong.
    """
    pairs: list[tuple[str, str]] = []
    for part in filter(None, (each.strip() for each in line.split(";"))):
        key, equals, value = part.partition("=")
        pairs.append((key.strip().lower(), value.strip()) if equals else ("text", part))
    if not pairs:
        raise ConfigError("edit: got nothing, expected such as 'text=at night; strength=1'")
    try:
        return _edit_of(pairs)
    except ConfigError as error:
        raise ConfigError(f"edit {shown(repr(line), 200)}: {error}") from error


def read_edits(path: str | Path) -> tuple[Edit, ...]:
    """The edits of a JSON file: a list of lines as `parse_edit` takes them, or of objects with its keys.

    In objects a text, sound, picture or embedding may be a list, each item a string or {"value": ..., "weight": ...}; layers and curve may
    be lists. Files are named from the JSON file's own folder. Raises ConfigError that says which entry and which key is wrong.
    """
    path = Path(path)
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ConfigError(f"{path}: got {path.stat().st_size} bytes, expected a list of edits of at most {_MOST_BYTES}")
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: can't be read as JSON ({shown(error, 200)}); expected a list of edits") from error
    if not isinstance(found, list) or not 1 <= len(found) <= _MOST_EDITS:
        raise ConfigError(f"{path}: got {type(found).__name__}, expected a list of 1 to {_MOST_EDITS} edits")
    edits = []
    for number, each in enumerate(found, start=1):
        try:
            edits.append(_edit_of_item(each, path.parent))
        except ConfigError as error:
            raise ConfigError(f"{path}: entry {number}: {error}") from error
    return tuple(edits)


def _edit_of_item(item: Any, folder: Path) -> Edit:
    if isinstance(item, str):
        return parse_edit(item)
    if not isinstance(item, Mapping):
        raise ConfigError(f"got {shown(repr(item))}, expected a line or an object")
    pairs: list[tuple[str, Any]] = []
    for key, value in item.items():
        several = value if isinstance(value, list) and key in KINDS else [value]
        pairs += [(key, _located(key, each, folder)) for each in several]
    return _edit_of(pairs)


def _located(key: str, value: Any, folder: Path) -> Any:
    """A file of a JSON file by its own folder, where there is one of that name."""
    if isinstance(value, Mapping) and "value" in value:
        return {**value, "value": _located(key, value["value"], folder)}
    if key in ("sound", "picture", "embedding", "region", "direction") and isinstance(value, str) and (folder / value).exists():
        return str(folder / value)
    return value


def _edit_of(pairs: list[tuple[str, Any]]) -> Edit:
    """An edit from keys and their values, which are strings of a line or values of JSON."""
    parts: list[TargetPart] = []
    others: dict[str, Any] = {}
    for key, value in pairs:
        if key not in _KEYS:
            raise ConfigError(f"unknown key {shown(repr(key))}, expected {', '.join(_KEYS)}")
        if key in KINDS:
            parts.append(_part(key, value))
        elif key in others:
            raise ConfigError(f"{key}: got it twice, expected it once")
        else:
            others[key] = value
    if parts and "direction" in others:
        raise ConfigError(f"got a {parts[0].kind} and a direction, expected one of them; write two edits")
    if not parts and "direction" not in others:
        raise ConfigError(f"expected one of {', '.join(KINDS)} or direction, such as text=at night")
    return Edit(
        target=Target(tuple(parts), _words("neutral", others.get("neutral"))) if parts else None,
        direction=_words("direction", others.get("direction")),
        strength=_number("strength", others.get("strength", 1.0)),
        layers=read_layers(others.get("layers", ())),
        curve=read_curve(others.get("curve")),
        region=_words("region", others.get("region")),
        way=_words("way", others.get("way")) or "auto",
    )


def _part(kind: str, value: Any) -> TargetPart:
    if isinstance(value, Mapping):
        if unknown := set(value) - {"value", "weight"}:
            raise ConfigError(f"{kind}: unknown key {shown(repr(min(map(str, unknown))))}, expected value and weight")
        return TargetPart(kind, _words(kind, value.get("value")) or "", _number("weight", value.get("weight", 1.0)))
    told = _words(kind, value) or ""
    words, colon, weight = told.rpartition(":")
    try:
        return TargetPart(kind, words.strip(), float(weight)) if colon and words.strip() else TargetPart(kind, told)
    except ValueError:
        return TargetPart(kind, told)


def _words(key: str, value: Any) -> str | None:
    if value is not None and not (isinstance(value, str) and value.strip()):
        raise ConfigError(f"{key}: got {shown(repr(value))}, expected words or a name")
    return value


def _number(key: str, value: Any) -> float:
    try:
        if isinstance(value, bool):
            raise ValueError
        return float(value)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{key}: got {shown(repr(value))}, expected a number") from error


def read_layers(value: Any) -> tuple[int | str, ...]:
    """Groups and numbers from "mid,fine", "6-11" or "0-2,fine", or from a list of them. Raises ConfigError for anything else."""
    words = value.replace("+", ",").split(",") if isinstance(value, str) else [value] if isinstance(value, int) else value
    if not isinstance(words, list | tuple):
        raise ConfigError(f"layers: got {shown(repr(value))}, expected such as 'mid,fine' or '0-5'")
    found: list[int | str] = []
    for word in (str(each).strip() for each in words):
        first, dash, last = word.partition("-")
        if word in GROUPS:
            found.append(word)
        elif first.isdecimal() and (not dash or last.isdecimal()) and int(last or first) < 64:
            found += range(int(first), int(last or first) + 1)
        else:
            raise ConfigError(f"layers: got {shown(repr(word))}, expected {', '.join(GROUPS)} or numbers such as 3 or 6-11")
    return tuple(found)


def read_curve(value: Any) -> StrengthCurve:
    """None, a number, several numbers, or a name."""
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    if isinstance(value, list):
        return tuple(_number("curve", each) for each in value)
    told = _words("curve", value) or ""
    try:
        numbers = tuple(float(each) for each in told.split(","))
    except ValueError:
        return told
    return numbers if len(numbers) > 1 else numbers[0]
