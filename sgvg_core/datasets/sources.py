"""Where clips come from: folders of several layouts, and the procedural world."""

import hashlib
from pathlib import Path

from ..errors import DataError
from ..world import KINDS
from .options import Original, PrepareOptions

VIDEO_SUFFIXES = (".mp4", ".mkv", ".mov", ".webm", ".avi", ".m4v", ".mpg", ".mpeg", ".ts", ".flv", ".wmv", ".3gp")
SOUND_SUFFIXES = (".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".aac", ".aiff", ".aif", ".wma")
WORLD = "world:"

SOURCE_PATTERNS: tuple[tuple[str, str], ...] = (
    ("YouTube id and start", r"(?P<source>[0-9A-Za-z_-]{11})[_-]\d+(?:\.\d+)?(?:[_-]\d+(?:\.\d+)?)?"),
    ("fold-recording-take, as in ESC-50", r"(?:[0-9A-Za-z]+-)?\d-(?P<source>\d+)-[A-Z](?:-\d+)?"),
)
"""How the data sets of this field name excerpts of one recording."""


def find_originals(source: str, options: PrepareOptions) -> tuple[list[Original], dict[str, str]]:
    """What clips are cut from, in a fixed order, and how it was read (layout, rule of sources). Raises DataError or ConfigError."""
    if source == WORLD or options.layout == "world":
        return world_originals(options), {"layout": "world", "sources": "every clip of the world is a recording of its own"}
    root = Path(source)
    if not root.is_dir():
        raise DataError(f"{source}: there is no such folder; name one with videos or sounds, or `{WORLD}` for the procedural world")
    files = sorted((path for path in root.rglob("*") if path.suffix.lower() in VIDEO_SUFFIXES and path.is_file()),
                   key=lambda path: path.relative_to(root).as_posix())
    originals = [Original(index, "video", path.relative_to(root).as_posix(), None, path.stem, num_bytes=path.stat().st_size)
                 for index, path in enumerate(files)]
    return originals, {"layout": "flat", "sources": "every file is a recording of its own"}


def world_originals(options: PrepareOptions) -> list[Original]:
    """Recipes of the procedural world, kinds in turn."""
    found = []
    for index in range(options.num_clips):
        kind = KINDS[index % len(KINDS)]
        digest = hashlib.sha256(f"data/{options.seed}/{index}".encode()).digest()
        name = f"world/{kind.replace(' ', '_')}/{options.seed}/{index:06d}"
        found.append(Original(index, "world", name, kind, name, seed=int.from_bytes(digest[:8], "little") >> 2))
    return found
