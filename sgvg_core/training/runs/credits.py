"""Who made the recordings that a model learned from: read from their folder, kept in the work folder, carried with the model, printed on its card.

A CREDITS.md next to recordings has a table with a line a file and columns named file, by, licence, source (and scene, where names repeat).
Weights that others were begun with bring their credits along: what was learned stays in them.
"""

import dataclasses
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ...atomic_files import atomic_write
from ...errors import DataError, TrainingError
from ...world.recordings import FEWEST_SOURCES, find_sources

NAMES = ("CREDITS.md", "CREDITS", "CREDITS.txt")
USED = "recordings_used.json"
"""In the work folder: the recordings that were learned from, with their credits."""
UNKNOWN = "not known"
_COLUMNS = {"file": "file", "by": "by", "author": "by", "licence": "licence", "license": "licence", "source": "source", "scene": "scene"}


@dataclasses.dataclass(frozen=True)
class Credit:
    """Who made a recording, under which licence, and where it comes from."""

    by: str = UNKNOWN
    licence: str = UNKNOWN
    source: str = ""


Credits = dict[str, Credit]
"""By `<scene>/<file>`."""


def read_credits(folder: Path, paths: Iterable[Path]) -> Credits:
    """The credits of recordings below `folder`, by the table in its CREDITS file; those of whom it says nothing are of nobody known."""
    known = _table(folder)
    return {_key(path): known.get((path.parent.name, path.name)) or known.get(("", path.name)) or Credit() for path in paths}


def _key(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def _table(folder: Path) -> dict[tuple[str, str], Credit]:
    """What the CREDITS file next to recordings says, by scene ("" where it names none) and file. Raises DataError where it can't be read."""
    path = next((folder / name for name in NAMES if (folder / name).is_file()), None)
    if path is None:
        return {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: can't be read ({error}); its lines go into the model card, so mend it as UTF-8 text") from error
    found: dict[tuple[str, str], Credit] = {}
    columns: list[str] = []
    for line in lines:
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.lstrip().startswith("|") else []
        named = [_COLUMNS.get(cell.lower(), "") for cell in cells]
        if "file" in named:
            columns = named
        elif columns and len(cells) >= len(columns) and set("".join(cells)) - set("-: "):
            row = {name: cell for name, cell in zip(columns, cells, strict=False) if name}
            credit = Credit(row.get("by") or UNKNOWN, row.get("licence") or UNKNOWN, row.get("source", ""))
            found[row.get("scene", ""), row["file"]] = credit
    return found


def learned_from(folder: Path) -> list[Path]:
    """The recordings in a folder that training learns from: those of classes with sources enough (`sound_data.drop_rare_classes`)."""
    every = find_sources(folder)
    sources: dict[str, set[str]] = {}
    for kind, _, source in every:
        sources.setdefault(kind, set()).add(source)
    return [path for kind, path, _ in every if len(sources[kind]) >= FEWEST_SOURCES]


def note_recordings(work: Path, folder: Path) -> Credits:
    """Remember in the work folder the recordings that a stage learns from, in addition to those remembered already; returns the new ones."""
    new = read_credits(folder, learned_from(folder))
    keep_credits(work, new)
    return new


def keep_credits(work: Path, more: Credits) -> None:
    """Add the credits `more` to those in the work folder."""
    if not more:
        return
    work.mkdir(parents=True, exist_ok=True)
    with atomic_write(work / USED, TrainingError) as part:
        part.write_text(json.dumps(to_plain({**credits_in(work), **more}), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def credits_in(work: Path) -> Credits:
    """The credits that a work folder remembers. Raises DataError where they can't be read: without them no card may be written."""
    path = work / USED
    if not path.exists():
        return {}
    try:
        return from_plain(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: can't be read ({error}); run a stage with --recordings again, which writes it") from error


def to_plain(credits: Credits) -> dict[str, dict[str, str]]:
    """Credits as plain data, sorted."""
    return {key: dataclasses.asdict(credits[key]) for key in sorted(credits)}


def from_plain(plain: Mapping[str, Any]) -> Credits:
    """The inverse of `to_plain`; of what the first versions wrote, whole lines of a table, too."""
    if set(plain) == {"header", "rows"}:
        return {key: _of_line(line) for key, line in plain["rows"].items()}
    return {str(key): Credit(**{name: str(value) for name, value in said.items()}) for key, said in plain.items()}


def _of_line(line: str) -> Credit:
    """| scene | file | s | by | licence | source |"""
    cells = [cell.strip() for cell in line.strip().strip("|").split("|")] + [""] * 6
    return Credit(cells[3] or UNKNOWN, cells[4] or UNKNOWN, cells[5])


def credit_lines(credits: Credits) -> list[str]:
    """The credits as Markdown: how many of which licence, and a table with a line a recording."""
    if not credits:
        return []
    counts: dict[str, int] = {}
    for credit in credits.values():
        counts[credit.licence] = counts.get(credit.licence, 0) + 1
    said = ", ".join(f"{count} {licence}" for licence, count in sorted(counts.items(), key=lambda each: (-each[1], each[0])))
    rows = [f"| {key} | {credit.by} | {credit.licence} | {credit.source} |" for key, credit in sorted(credits.items())]
    words = f"{len(credits)} real recordings were learned from ({said}). They aren't part of this model; it was taught with changed copies of them:"
    return [f"{words} other speeds, rooms and microphones.", "", "| recording | by | licence | source |", "|---|---|---|---|", *rows, "",
            "CC BY: https://creativecommons.org/licenses/by/. CC0: https://creativecommons.org/publicdomain/zero/1.0/.", ""]  # fmt: skip
