"""Which recording a file was cut from, by the names that the data sets of this field give their excerpts.

Excerpts of one recording must never be on both sides of a split, so in doubt files are put together: that costs nothing but a choice
of sides, while taking one recording for two makes every test result too good.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import PurePosixPath

YOUTUBE = re.compile(r"(?P<source>(?=[a-z_-]{0,10}[0-9A-Z])[0-9A-Za-z_-]{11})(?:[_-]\d+(?:\.\d+)?){1,2}")
"""Eleven characters of which one is a digit or a capital, then start (and end): VGG-Sound, AudioSet, Kinetics."""
FOLD = re.compile(r"(?:[0-9A-Za-z]+-)?\d-(?P<source>\d+)-[A-Z](?:-\d+)?")
"""Fold, recording, take and maybe class: ESC-50."""
NUMBERED = re.compile(r"(?P<source>.*[^\W\d_].*?)[ _-]*\d+")
"""A title and the number of the cut: the Landscape data ("Storm_Ocean_Sky_7")."""

RULES = {
    "pattern": "--source-pattern",
    "table": "the table of labels",
    "youtube": "YouTube id before the start",
    "fold": "the number between fold and take",
    "folder": "the folder below the label's",
    "title": "the name before its last number",
    "file": "every file for itself",
}
"""Each rule in words, the first that fits wins."""


_PLAIN_WORDS = frozenset(["audio", "clip", "cut", "file", "film", "frame", "movie", "number", "output", "part", "rec", "recording", "sample", "scene",
                          "segment", "shot", "sound", "take", "track", "video"])
"""A title of such words alone, or of the label's own, is no title."""
SIDES = {"train": "train", "training": "train", "test": "test", "testing": "test", "eval": "test",
         "val": "validation", "valid": "validation", "validation": "validation"}
"""Names of folders that say which side a file is on."""


def recordings(names: Sequence[str], labels: Sequence[str | None], depths: Sequence[int], pattern: str | None,
               told: dict[str, str]) -> tuple[list[str], dict[str, int]]:
    """The recording of each file, and how many files each rule decided.

    `names` are paths with forward slashes, `labels` what each file is (None: unknown), `depths` how many folders of each lead down to its label's
    content (what lies deeper may be one recording's folder), `told` recordings that a table names.

    `pattern` is a regular expression that is searched in each name; its group "source", else its first, is the recording (None: there is
    no such rule).
    """
    found: dict[str, tuple[str, str]] = {}
    open_ones: dict[str | None, list[tuple[str, int]]] = defaultdict(list)
    for name, label, depth in zip(names, labels, depths, strict=True):
        certain = _certain(name, pattern, told)
        if certain is not None:
            found[name] = certain
        else:
            open_ones[label].append((name, depth))
    for label, files in open_ones.items():
        found.update(_likely(files, label or ""))
    counts = Counter(rule for rule, _ in found.values())
    return [found[name][1] for name in names], {RULES[rule]: counts[rule] for rule in RULES if counts[rule]}


def _certain(name: str, pattern: str | None, told: dict[str, str]) -> tuple[str, str] | None:
    """What somebody said, or a name that can hardly be read otherwise."""
    stem = PurePosixPath(name).stem
    if pattern is not None:
        match = re.search(pattern, stem)
        if match is None:
            return "file", _bare(name)
        return "pattern", match["source"] if "source" in match.re.groupindex else match[1]
    if name in told:
        return "table", told[name]
    for rule, expression in (("youtube", YOUTUBE), ("fold", FOLD)):
        match = expression.fullmatch(stem)
        if match is not None:
            return rule, match["source"]
    return None


def _likely(files: list[tuple[str, int]], label: str) -> dict[str, tuple[str, str]]:
    """The recordings of one label's files by their folders (if there are several), or else by their titles, or else each for itself."""
    folders = {name: _folder(name, depth) for name, depth in files}
    if len(set(folders.values())) > 1:
        return {name: ("folder", folder) if folder else ("file", _bare(name)) for name, folder in folders.items()}
    titles = {name: _title(name, label) for name, _ in files}
    return {name: ("title", title) if title else ("file", _bare(name)) for name, title in titles.items()}


def _folder(name: str, depth: int) -> str | None:
    """The folder below the label's, without those that name a side."""
    parts = PurePosixPath(name).parts[:-1]
    return "/".join(part for part in parts if part.lower() not in SIDES) if len(parts) > depth else None


def _title(name: str, label: str) -> str | None:
    """What comes before the last number of a name, unless it says no more than the label does ("rain/rain_1", "rain/clip 2")."""
    match = NUMBERED.fullmatch(PurePosixPath(name).stem)
    if match is None:
        return None
    words = set(re.findall(r"\w+", match["source"].lower().replace("_", " ")))
    return match["source"] if words - _PLAIN_WORDS - set(label.lower().split()) and len(match["source"]) > 1 else None


def _bare(name: str) -> str:
    """The path without the file's ending."""
    path = PurePosixPath(name)
    return path.with_name(path.stem).as_posix()
