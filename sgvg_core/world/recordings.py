"""Real recordings, from a folder that a user names: `DIR/<scene>/<file>`, the scene's name with underscores.

Nothing in the pack needs them. The files are opened by a callable that is handed in, for decoding is another room's work.
"""

import dataclasses
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import MediaError
from .captions import NAMES

SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".m4a")

Load = Callable[[Path], NDArray[np.floating]]
"""Opens a file as mono samples [N] at the rate that the caller wants."""


@dataclasses.dataclass(frozen=True)
class Recording:
    """One real sound: its class, where it comes from, and its samples, float32 [N], mono."""

    kind: str
    source: str
    path: Path
    waveform: NDArray[np.float32]


def source_of(path: Path) -> str:
    """The name of the place that a file was cut from: excerpts of one recording share it, so that they can be held out together.

    `<set>-<fold>-<number>-<letter>` names an excerpt of recording <number>; any other file is a recording of its own, unless the folder's
    CREDITS.md says otherwise (`credited_sources`).
    """
    cut = re.fullmatch(r".+-\d+-(\d+)-[A-Z]", path.stem)
    return cut.group(1) if cut else path.stem


def credited_sources(folder: Path) -> dict[tuple[str, str], str]:
    """What the table of a folder's CREDITS.md says each (scene, file) was cut from, for the excerpts that share it with another file.

    The table's header names the columns `scene`, `file` and `source`. What comes first in the source's cell, up to a comma or a bracket,
    is its name ("freesound 7138"), and a number that is a part of a word counts the cut ("dive loop1", "dive loop2").
    """
    path, found, columns = Path(folder) / "CREDITS.md", {}, {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if "source" in cells and "file" in cells and "scene" in cells:
            columns = {name: cells.index(name) for name in ("scene", "file", "source")}
        elif columns and line.lstrip().startswith("|") and len(cells) > max(columns.values()):
            source = re.split(r"[,(]", cells[columns["source"]])[0].strip()
            found[cells[columns["scene"]], cells[columns["file"]]] = re.sub(r"(?<=[^\W\d_])\d+$", "", source)
    counts = Counter((scene, source) for (scene, _), source in found.items())
    return {(scene, file): source for (scene, file), source in found.items() if source and counts[scene, source] > 1}


def find_recordings(folder: Path) -> list[tuple[str, Path]]:
    """The class and path of every sound below `folder`, sorted. Raises MediaError when there's none."""
    by_folder = {kind.replace(" ", "_"): kind for kind in NAMES}
    found = [(by_folder[path.parent.name], path) for path in sorted(Path(folder).glob("*/*"))
             if path.parent.name in by_folder and path.suffix.lower() in SUFFIXES]
    if not found:
        raise MediaError(f"{folder}: no recordings found; expected folders named like raining/ with {', '.join(SUFFIXES)} files in them")
    return found


def find_sources(folder: Path) -> list[tuple[str, Path, str]]:
    """The class, path and source of every sound below `folder`, sorted. Raises MediaError when there's none."""
    credited = credited_sources(folder)
    return [(kind, path, credited.get((path.parent.name, path.name), source_of(path))) for kind, path in find_recordings(folder)]


def read_recordings(folder: Path, load: Load) -> list[Recording]:
    """Every recording below `folder`, opened by `load`; those shorter than a tenth of a second are left out by the caller."""
    return [Recording(kind, source, path, np.asarray(load(path), np.float32)) for kind, path, source in find_sources(folder)]

FEWEST_SOURCES = 5
"""Recordings of a class with fewer sources than this serve no training: the class would be learned as those few places."""
