"""Labels out of a CSV table: which file means what, and maybe from which recording and for which side."""

import csv
import dataclasses
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from ..errors import DataError

FILE_COLUMNS = ("file", "filename", "file_name", "path", "filepath", "clip", "video", "audio", "fname")
LABEL_COLUMNS = ("label", "category", "class", "class_name", "labels", "sound")
SOURCE_COLUMNS = ("source", "recording", "src_file", "youtube_id", "ytid", "video_id", "freesound_id")
SPLIT_COLUMNS = ("split", "subset", "set")
_MOST_BYTES = 2**28


@dataclasses.dataclass(frozen=True)
class Row:
    """A line of the table."""

    file: str
    """Path relative to the prepared folder."""
    label: str | None
    """In words; None: the table doesn't say."""
    source: str | None
    """The recording that it belongs to; None: the table doesn't say."""
    split: str | None
    """"train" or "test"; None: the table doesn't say."""


@dataclasses.dataclass(frozen=True)
class LabelTable:
    """The rows of a table, by the files that they name."""

    path: Path
    rows: dict[str, Row]
    """By the name of a file that is there."""
    missing: tuple[str, ...]
    """Files that the table names and that aren't there."""
    columns: tuple[str, ...]
    """What was read: the columns of file, label, and where there are any of recording and side."""


def find_table(root: Path) -> Path | None:
    """The one CSV in a folder, or in a folder of it, that has a column of files and one of labels."""
    found = [path for path in sorted([*root.glob("*.csv"), *root.glob("*/*.csv")]) if len(_columns(path)) >= 2]
    return found[0] if len(found) == 1 else None


def read_table(path: Path, names: Iterable[str]) -> LabelTable:
    """Read a table against the files that are there (`names`, relative paths). Raises DataError."""
    columns = _columns(path)
    if len(columns) < 2:
        raise DataError(f"{path}: expected a table whose first line names a column of files ({', '.join(FILE_COLUMNS[:4])}, ...) and one of "
                        f"labels ({', '.join(LABEL_COLUMNS[:4])}, ...)")
    whole = set(names)
    short: dict[str, list[str]] = defaultdict(list)
    for name in whole:
        short[PurePosixPath(name).name].append(name)
        short[PurePosixPath(name).stem].append(name)
    rows: dict[str, Row] = {}
    missing: list[str] = []
    for row in _rows(path, columns):
        wanted = PurePosixPath(row.file.replace("\\", "/"))
        matches = [wanted.as_posix()] if wanted.as_posix() in whole else short.get(wanted.name, [])
        if len(matches) > 1:
            raise DataError(f"{path}: {row.file!r} could be {' or '.join(sorted(matches)[:2])}; name files with their folders")
        if not matches:
            missing.append(row.file)
        elif matches[0] in rows and rows[matches[0]].label != row.label:
            raise DataError(f"{path}: {row.file!r} is there twice, as {rows[matches[0]].label!r} and {row.label!r}; keep one line")
        else:
            rows[matches[0]] = row
    return LabelTable(path, rows, tuple(missing), tuple(columns.values()))


def _columns(path: Path) -> dict[str, str]:
    """The table's own names of the columns for "file", "label", "source" and "split", as far as there are any."""
    try:
        with path.open(encoding="utf-8-sig", newline="", errors="replace") as file:
            header = next(csv.reader([file.readline(65_536)]), [])
    except (OSError, csv.Error):
        return {}
    by_lower = {name.strip().lower(): name for name in header}
    wanted = {"file": FILE_COLUMNS, "label": LABEL_COLUMNS, "source": SOURCE_COLUMNS, "split": SPLIT_COLUMNS}
    found = {what: next((by_lower[name] for name in names if name in by_lower), None) for what, names in wanted.items()}
    kept = {what: name for what, name in found.items() if name is not None}
    return kept if {"file", "label"} <= set(kept) else {}


def _rows(path: Path, columns: dict[str, str]) -> Iterable[Row]:
    if path.stat().st_size > _MOST_BYTES:
        raise DataError(f"{path}: got {path.stat().st_size} bytes, expected a table of up to {_MOST_BYTES}")

    def cell(line: dict[str, str | None], what: str) -> str | None:
        return (line.get(columns[what]) or "").strip() or None if what in columns else None

    try:
        with path.open(encoding="utf-8-sig", newline="", errors="replace") as file:
            for line in csv.DictReader(file):
                name = cell(line, "file")
                if name is not None:
                    yield Row(name, cell(line, "label"), cell(line, "source"), cell(line, "split"))
    except csv.Error as error:
        raise DataError(f"{path}: can't be read as a table ({error}); save it as CSV with commas, in UTF-8") from error
