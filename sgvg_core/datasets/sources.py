"""Where clips come from: folders of several layouts, and the procedural world."""

import dataclasses
import hashlib
import os
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import DataError
from ..media import SOUND_ENDINGS, VIDEO_ENDINGS
from ..world import KINDS
from .label_table import LabelTable, find_table, read_table
from .options import Chunk, LeftOut, Original, PrepareOptions
from .recordings import SIDES, recordings

VIDEO_SUFFIXES, SOUND_SUFFIXES = VIDEO_ENDINGS, SOUND_ENDINGS
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")
WORLD = "world:"

LANDSCAPE_FOLDERS = {
    "thunder": "thunderstorm", "thunderstorm": "thunderstorm", "volcano": "volcano eruption", "volcano_eruption": "volcano eruption",
    "waterfall": "waterfall burbling", "waterfall_burbling": "waterfall burbling", "waterfall_bubbling": "waterfall burbling",
    "squishing_water": "squishing water", "wind_noise": "wind noise", "fire_crackling": "fire crackling", "fire_crakling": "fire crackling",
    "raining": "raining", "underwater_bubbling": "underwater bubbling", "splashing_water": "splashing water",
}
"""The folders of the Landscape data as they're found, spelling and all, and the paper's labels."""
_LANDSCAPE_AT_LEAST = 3
_CHUNK = re.compile(r"(?P<recording>.+)_(?P<milliseconds>\d{1,9})")


@dataclasses.dataclass(frozen=True)
class Found:
    """What a source holds."""

    originals: list[Original]
    about: dict[str, Any]
    """How it was read: layout, labels, recordings, sides; part of data.json."""
    left_out: list[LeftOut]


def find_originals(source: str, options: PrepareOptions) -> Found:
    """What clips are cut from, in a fixed order. Raises DataError when the source isn't there, holds nothing, or isn't laid out as said."""
    if source == WORLD or options.layout == "world":
        about = {"layout": "world", "labels": "the kind of each scene", "recordings": {"every clip for itself": options.num_clips}}
        return Found(_world(options), about, [])
    root = Path(source)
    if not root.is_dir():
        raise DataError(f"{source}: there is no such folder; name one with videos or sounds, or {WORLD} for the procedural world")
    names = _names(root)
    videos, sounds = (_with(names, suffixes) for suffixes in (VIDEO_SUFFIXES, SOUND_SUFFIXES))
    layout = _layout(source, options, names, videos, sounds)
    if layout == "sub-urmp":
        return _chunked(root, names, sounds)
    if layout == "sounds":
        return _files(root, sorted([*videos, *sounds]), "sound", layout=layout, options=options, left_out=[])
    left_out = [LeftOut(name, 0.0, None, "a sound among videos; prepare sounds with --layout sounds") for name in sounds]
    return _files(root, videos, "video", layout=layout, options=options, left_out=left_out)


def _names(root: Path) -> list[str]:
    """Every file below a folder, relative, with forward slashes, sorted; hidden files and folders aren't looked at."""
    found = []
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths = [Path(folder) / name for name in files if not name.startswith(".")]
        found += [path.relative_to(root).as_posix() for path in paths if path.is_file()]  # pipes and dead links are none
    return sorted(found)


def _with(names: Sequence[str], suffixes: Sequence[str]) -> list[str]:
    return [name for name in names if PurePosixPath(name).suffix.lower() in suffixes]


def _layout(source: str, options: PrepareOptions, names: list[str], videos: list[str], sounds: list[str]) -> str:
    """The layout that was asked for, if it fits, or the one that's found."""
    found = "flat" if videos else "sounds"
    if videos and all("/" in name for name in videos):
        found = "classes"
    elif not videos and sounds and _pairs(names, sounds):
        found = "sub-urmp"
    layout = found if options.layout == "auto" else options.layout
    if not videos and not sounds:
        raise DataError(f"{source}: there is no video or sound in this folder (of {len(names)} files); check the path, or name {WORLD}")
    fits = {"classes": videos, "flat": videos, "sounds": videos or sounds, "sub-urmp": _pairs(names, sounds) if layout == "sub-urmp" else True}
    if not fits[layout]:
        raise DataError(f"{source}: asked for --layout {layout}, but it holds {len(videos)} videos, {len(sounds)} sounds and "
                        f"{len(_with(names, IMAGE_SUFFIXES))} pictures; leave --layout out (found: {found})")
    return layout


# -------------------------------------------------- files with labels


def _files(root: Path, names: list[str], kind: str, layout: str, options: PrepareOptions, left_out: list[LeftOut]) -> Found:
    """Videos or sounds, a recording or an excerpt each."""
    table = _table(root, names, options)
    if table is not None:
        told_so = f"{table.path.name} (columns {', '.join(table.columns)})"
        left_out = [*left_out, *(LeftOut(name, 0.0, None, f"named in {table.path.name}, but not there") for name in table.missing),
                    *(LeftOut(name, 0.0, None, f"not named in {table.path.name}") for name in names if name not in table.rows)]
        names = [name for name in names if name in table.rows]
    folders, sides = _folders(names)
    if table is not None:
        labels, said = [table.rows[name].label for name in names], f"the table {told_so}"
        depths = [len(PurePosixPath(name).parts) for name in names]
        sides = [SIDES.get((table.rows[name].split or "").lower()) or side for name, side in zip(names, sides, strict=True)]
    else:
        labels, depths, said = _labels(names, folders, options.label_from, layout)
    told = {name: row.source for name, row in table.rows.items() if row.source} if table is not None else {}
    sources, rules = recordings(names, labels, depths, options.source_pattern, told)
    sides, sides_said = _two_sides(sides)
    originals = [Original(index, kind, name, label=label, source=source, split=side, num_bytes=(root / name).stat().st_size)
                 for index, (name, label, source, side) in enumerate(zip(names, labels, sources, sides, strict=True))]
    about = {"layout": layout, "labels": said, "recordings": rules, "sides": sides_said, "files": len(names)}
    if options.source_pattern is not None:
        about["source_pattern"] = options.source_pattern
    return Found(originals, about, left_out)


def _table(root: Path, names: list[str], options: PrepareOptions) -> LabelTable | None:
    if options.labels_csv is not None:
        path = Path(options.labels_csv)
        if not path.is_file():
            raise DataError(f"--labels: {path}: there is no such file; name a CSV with a column of files and one of labels")
        return read_table(path, names)
    path_found = find_table(root) if options.label_from == "auto" else None
    return read_table(path_found, names) if path_found is not None else None


def _folders(names: Sequence[str]) -> tuple[list[tuple[str, ...]], list[str | None]]:
    """The folders of each file without those that name a side, and the sides."""
    folders, sides = [], []
    for name in names:
        parts = PurePosixPath(name).parts[:-1]
        sides.append(next((SIDES[part.lower()] for part in parts if part.lower() in SIDES), None))
        folders.append(tuple(part for part in parts if part.lower() not in SIDES))
    return folders, sides


def _labels(names: list[str], folders: list[tuple[str, ...]], label_from: str, layout: str) -> tuple[list[str | None], list[int], str]:
    """The label of each file, how many folders lead down to its content, and how labels were read."""
    in_folders = bool(folders) and all(folders)
    by_name = [_name_label(name) for name in names]
    if label_from == "auto":
        repeated = len(set(by_name)) >= 2 and len(names) >= 2 * len(set(by_name))
        label_from = "folder" if in_folders and layout in ("classes", "sounds") else "name" if layout == "sounds" and repeated else "none"
    deepest = [len(PurePosixPath(name).parts) - 1 for name in names]
    if label_from == "none":
        return [None] * len(names), deepest, "none"
    if label_from == "name":
        return list(by_name), deepest, "the name before its number"
    if not in_folders:
        lone = next((name for name, parts in zip(names, folders, strict=True) if not parts), "")
        raise DataError(f"{lone}: labels come from folders, but this file lies in none; put it into one, or use --label-from name or none")
    level = 0  # folders that all share are no labels, unless there's only one
    while len({parts[level] for parts in folders}) == 1 and all(len(parts) > level + 1 for parts in folders):
        level += 1
    raw = [parts[level] for parts in folders]
    depths = [len(PurePosixPath(name).parts) - 1 - (len(parts) - level - 1) for name, parts in zip(names, folders, strict=True)]
    known = {folder.lower() for folder in raw} & set(LANDSCAPE_FOLDERS)
    if len(known) >= _LANDSCAPE_AT_LEAST:
        return [LANDSCAPE_FOLDERS.get(one.lower(), _worded(one)) for one in raw], depths, "folders, in the paper's words for the Landscape data"
    return [_worded(one) for one in raw], depths, "folders"


def _worded(folder: str) -> str:
    return re.sub(r"[\s_]+", " ", folder).strip()


def _name_label(name: str) -> str:
    """What comes before the number in a file's name: "heavy_rain-012.wav" is "heavy rain"."""
    stem = PurePosixPath(name).stem
    return _worded(re.sub(r"[\s_-]*\(?\d+\)?$", "", stem).replace("-", " ")) or stem


def _two_sides(sides: list[str | None]) -> tuple[list[str | None], str]:
    """Validation counts as test where there's no test, else as training; files without a side follow the split by recordings."""
    as_found = Counter(side for side in sides if side)
    if not as_found:
        return list(sides), "by recording, seeded"
    validation = "train" if as_found["test"] else "test"
    renamed = [validation if side == "validation" else side for side in sides]
    said = ", ".join(f"{count} {side}" for side, count in sorted(as_found.items()))
    if len(set(renamed)) == 1:
        return [None] * len(sides), f"by recording, seeded (folders or table name one side alone: {said})"
    return renamed, f"as folders or table say: {said}" + (f" (validation counts as {validation})" if as_found["validation"] else "")


# -------------------------------------------------- recordings in chunks


def _pairs(names: list[str], sounds: list[str]) -> bool:
    """Whether some picture and some sound bear the same name of a recording and a time."""
    stems = {PurePosixPath(name).stem for name in sounds}
    return any(_CHUNK.fullmatch(stem := PurePosixPath(name).stem) and stem in stems for name in _with(names, IMAGE_SUFFIXES))


def _chunked(root: Path, names: list[str], sounds: list[str]) -> Found:
    """Recordings as single pictures and short sounds of the same name, `<instrument><piece>_<milliseconds>`: the Sub-URMP data."""
    images = {_chunk_key(name): name for name in _with(names, IMAGE_SUFFIXES)}
    grouped: dict[tuple[str, str], list[Chunk]] = defaultdict(list)
    left_out = []
    for name in sounds:
        key, match = _chunk_key(name), _CHUNK.fullmatch(PurePosixPath(name).stem)
        if match is None or key not in images:
            left_out.append(LeftOut(name, 0.0, None, "a sound without a picture of the same name"))
            continue
        grouped[PurePosixPath(name).parent.as_posix(), match["recording"]].append(Chunk(int(match["milliseconds"]), images.pop(key), name))
    left_out += [LeftOut(name, 0.0, None, "a picture without a sound of the same name") for name in images.values()]
    parents = [f"{parent}/x" for parent, _ in grouped]
    folders, sides = _folders(parents)
    labels = [_worded(parts[-1]) if parts else None for parts in folders]
    sides, said = _two_sides(sides)
    originals = []
    for index, (((parent, recording), chunks), label, side) in enumerate(zip(grouped.items(), labels, sides, strict=True)):
        chunks = sorted(chunks, key=lambda chunk: chunk.milliseconds)
        num_bytes = sum((root / chunk.sound).stat().st_size + (root / chunk.image).stat().st_size for chunk in chunks)
        name = f"{parent}/{recording}"
        originals.append(
            Original(index, "chunks", name, label=label, source=recording, split=side, num_bytes=num_bytes, chunks=tuple(chunks))
        )
    about = {"layout": "sub-urmp", "labels": "folders", "recordings": {"the name before the milliseconds": len(originals)}, "sides": said,
             "files": len(originals)}
    return Found(originals, about, left_out)


def _chunk_key(name: str) -> tuple[str, str, str]:
    """What a picture and its sound have in common: side, label and name."""
    path = PurePosixPath(name)
    side = next((SIDES[part.lower()] for part in path.parts[:-1] if part.lower() in SIDES), "")
    return side, path.parent.name.lower(), path.stem


# -------------------------------------------------- the world


def _world(options: PrepareOptions) -> list[Original]:
    """Recipes of the procedural world, kinds in turn."""
    found = []
    for index in range(options.num_clips):
        kind = KINDS[index % len(KINDS)]
        digest = hashlib.sha256(f"data/{options.seed}/{index}".encode()).digest()
        name = f"world/{kind.replace(' ', '_')}/{options.seed}/{index:06d}"
        found.append(Original(index, "world", name, kind, name, seed=int.from_bytes(digest[:8], "little") >> 2))
    return found
