"""Keyframes as people write them down: a seed, latents, words, a picture or a label at a moment."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..config import check_choice
from ..errors import ConfigError, shown
from ..motion import EASINGS, INTERPOLATIONS, BeatGrid, read_moment

KINDS = ("seed", "latents", "prompt", "picture", "label")
SNAPS = {"": 0.0, "half beat": 0.5, "beat": 1.0, "bar": 0.0}
_LINE_KINDS = {"seed": "seed", "prompt": "prompt", "label": "label", "latent": "latents", "picture": "picture"}
_MAX_KEYS, _MAX_BYTES = 1000, 2**20
_KEY_FIELDS = ("at", "item", "ease", *KINDS)


@dataclasses.dataclass(frozen=True)
class KeyframePlan:
    """Keyframes before a model and a sound are known."""

    keys: tuple[Mapping[str, Any], ...]
    """Each with "at" (seconds, or a text such as "2 bars"), one of `KINDS`, and perhaps "ease" (of `EASINGS`) and "item" (of latents)."""
    interpolation: str = "linear"
    """How latents between two keyframes are found, as in `motion.Keyframes`."""
    snap: str = ""
    """Where each moment is moved to: the nearest "half beat" (with the grid's swing), "beat" or "bar"; "": it stays."""
    folder: Path = Path()
    """Where the files of latents and pictures lie, if their names aren't absolute."""

    def __post_init__(self) -> None:
        check_choice("keyframes: interpolation", self.interpolation, INTERPOLATIONS)
        check_choice("keyframes: snap", self.snap, tuple(SNAPS))
        if not 1 <= len(self.keys) <= _MAX_KEYS:
            raise ConfigError(f"keyframes: got {len(self.keys)}, expected 1 to {_MAX_KEYS}")
        for number, key in enumerate(self.keys, start=1):
            _check_key(key, f"keyframe {number}")

    @property
    def files(self) -> tuple[Path, ...]:
        """The files of latents and pictures that it reads."""
        return tuple(self.folder / key[kind] for key in self.keys for kind in ("latents", "picture") if kind in key)

    def plain(self) -> dict[str, Any]:
        """As a file has it."""
        return {"keyframes": [dict(key) for key in self.keys], "interpolation": self.interpolation, "snap": self.snap}

    @property
    def needs_beats(self) -> bool:
        """Whether a moment is in beats or bars, or moved to them."""
        return bool(self.snap) or any("b" in str(key["at"]).lower() for key in self.keys)


def _check_key(key: Any, where: str) -> None:
    if not isinstance(key, Mapping) or "at" not in key:
        raise ConfigError(f"{where}: got {shown(repr(key), 60)}, expected an object with \"at\" and one of {', '.join(KINDS)}")
    unknown, kinds = sorted(set(key) - set(_KEY_FIELDS)), [kind for kind in KINDS if kind in key]
    if unknown or len(kinds) != 1:
        got = ", ".join(map(str, unknown)) if unknown else " and ".join(kinds) or "none of them"
        raise ConfigError(f"{where}: got {shown(got, 60)}, expected one of {', '.join(KINDS)}; and perhaps ease, item")
    check_choice(f"{where}: ease", key.get("ease", "linear"), tuple(EASINGS))
    wanted = int if kinds[0] == "seed" else int | str if kinds[0] == "label" else str
    for name, kind in ((kinds[0], wanted), ("item", int)):
        value = key.get(name, 0 if name == "item" else None)
        if not isinstance(value, kind) or isinstance(value, bool):
            said = "a whole number" if kind is int else "a text"
            raise ConfigError(f"{where}: {name}: got {shown(repr(value), 60)}, expected {said}")
    read_moment(key["at"], BeatGrid((0.0, 1.0)))


def read_keyframes(path: str | Path) -> KeyframePlan:
    """Keyframes from a JSON file: {"keyframes": [{"at": "2 bars", "seed": 7, "ease": "smooth"}, ...], "interpolation": ..., "snap": ...}.

    Raises ConfigError.
    """
    path = Path(path)
    if path.stat().st_size > _MAX_BYTES:
        raise ConfigError(f"{path}: {path.stat().st_size / 2**20:.0f} MiB, expected keyframes of at most {_MAX_BYTES >> 20} MiB")
    try:
        data = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: isn't JSON ({shown(error, 80)}); expected {{\"keyframes\": [{{\"at\": 0, \"seed\": 7}}, ...]}}") from error
    return plan_of(data, path.parent, str(path))


def plan_of(data: Any, folder: Path, where: str) -> KeyframePlan:
    """The plan in plain data. Raises ConfigError, which names `where`."""
    known = ("keyframes", "interpolation", "snap")
    if not isinstance(data, dict) or not isinstance(data.get("keyframes"), list) or set(data) - set(known):
        got = ", ".join(map(str, data)) if isinstance(data, dict) else type(data).__name__
        raise ConfigError(f"{where}: got {shown(got, 60) or 'nothing'}, expected keyframes (a list), and perhaps interpolation and snap")
    try:
        return KeyframePlan(tuple(data["keyframes"]), data.get("interpolation", "linear"), data.get("snap", ""), folder)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error


def read_key_lines(text: str) -> tuple[dict[str, Any], ...]:
    """Keyframes as lines: a moment, a colon, what's there, and after a comma how the way to the next one is passed.

    Such as "2 bars: seed 7, smooth", "0.5 s: prompt a campfire at night", "3 beats: label rain", "4: latent 1" and "5: picture 2" (those that
    are given, no files).
    Raises ConfigError.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return tuple(_read_line(line, number) for number, line in enumerate(lines, start=1))


def _read_line(line: str, number: int) -> dict[str, Any]:
    moment, _, said = line.partition(":")
    what, comma, ease = said.rpartition(",")
    if not comma or ease.strip() not in EASINGS:
        what, ease = said, "linear"
    kind, _, value = what.strip().partition(" ")
    value = value.strip()
    if not value or kind not in _LINE_KINDS or (kind in ("seed", "picture") and not value.isdecimal()):
        such = "'2 bars: seed 7, smooth', '0: prompt a campfire', '3 s: latent 1' or '4 beats: picture 1'"
        raise ConfigError(f"line {number}: got {shown(line, 60)!r}, expected such as {such}")
    found: Any = int(value) if kind == "seed" else f"{kind} {value}" if kind in ("latent", "picture") else value
    return {"at": moment.strip(), _LINE_KINDS[kind]: found, "ease": ease.strip()}
