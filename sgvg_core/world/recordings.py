"""Real recordings, from a folder that a user names: `DIR/<scene>/<file>`, the scene's name with underscores.

Nothing in the pack needs them. The files are opened by a callable that is handed in, for decoding is another room's work.
"""

import dataclasses
import re
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

    `<set>-<fold>-<number>-<letter>` names an excerpt of recording <number>; any other file is a recording of its own.
    """
    cut = re.fullmatch(r".+-\d+-(\d+)-[A-Z]", path.stem)
    return cut.group(1) if cut else path.stem


def find_recordings(folder: Path) -> list[tuple[str, Path]]:
    """The class and path of every sound below `folder`, sorted. Raises MediaError when there's none."""
    by_folder = {kind.replace(" ", "_"): kind for kind in NAMES}
    found = [(by_folder[path.parent.name], path) for path in sorted(Path(folder).glob("*/*"))
             if path.parent.name in by_folder and path.suffix.lower() in SUFFIXES]
    if not found:
        raise MediaError(f"{folder}: no recordings found; expected folders named like raining/ with {', '.join(SUFFIXES)} files in them")
    return found


def read_recordings(folder: Path, load: Load) -> list[Recording]:
    """Every recording below `folder`, opened by `load`; those shorter than a tenth of a second are left out by the caller."""
    return [Recording(kind, source_of(path), path, np.asarray(load(path), np.float32)) for kind, path in find_recordings(folder)]
