"""What the boxes of an mp4 file say of its time line: fragments, and the edit list of each sound track."""

import dataclasses
import struct
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

_MOST_BOXES = 100_000
_LARGEST_TABLE = 2**20


@dataclasses.dataclass(frozen=True)
class Edits:
    """The edit list of one track."""

    empty: Fraction
    """Seconds of nothing before the media."""
    total: Fraction
    """Seconds from time 0 to the end of the last edit; 0 where the list doesn't say."""


@dataclasses.dataclass(frozen=True)
class Boxes:
    """What's known of an mp4 file without decoding it."""

    fragmented: bool
    sounds: tuple[Edits, ...]
    """Of the sound tracks in order."""
    has_empty_edit: bool
    """Whether any track begins with an empty edit."""
    missing_bytes: int
    """By how much the last box reaches beyond the end of the file."""


def read_boxes(path: Path) -> Boxes:
    """The boxes of an mp4 file; of a damaged one, what can be read."""
    fragmented, tracks, end = False, [], 0
    size = path.stat().st_size
    with path.open("rb") as file:
        for name, start, stop in _boxes(file, 0, size):
            end = max(end, stop)
            fragmented = fragmented or name == b"moof"
            if name == b"moov":
                inside = list(_boxes(file, start, min(stop, size)))
                fragmented = fragmented or any(child == b"mvex" for child, _, _ in inside)
                scale = next((_movie_scale(file, begin) for child, begin, _ in inside if child == b"mvhd"), 0)
                tracks = [_track(file, begin, finish, scale) for child, begin, finish in inside if child == b"trak"]
    sounds = tuple(edits for handler, edits in tracks if handler == b"soun")
    return Boxes(fragmented, sounds, any(edits.empty > 0 for _, edits in tracks), max(0, end - size))


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, first byte and end of the content of each box between two places."""
    for _ in range(_MOST_BOXES):
        if start + 8 > end:
            return
        file.seek(start)
        head = file.read(16)
        if len(head) < 8:
            return
        num_bytes, name = struct.unpack_from(">I4s", head)
        first = start + 8
        if num_bytes == 1 and len(head) == 16:
            num_bytes, first = struct.unpack_from(">Q", head, 8)[0], start + 16
        stop = end if num_bytes == 0 else start + num_bytes
        if stop < first:
            return
        yield name, first, stop
        start = stop


def _movie_scale(file: BinaryIO, start: int) -> int:
    file.seek(start)
    head = file.read(24)
    if len(head) < 24:
        return 0
    return int(struct.unpack_from(">I", head, 20 if head[0] else 12)[0])


def _track(file: BinaryIO, start: int, end: int, scale: int) -> tuple[bytes, Edits]:
    """Handler and edit list of a track."""
    handler, edits = b"", Edits(Fraction(0), Fraction(0))
    for name, begin, stop in _boxes(file, start, end):
        if name == b"mdia":
            for child, first, _ in _boxes(file, begin, stop):
                if child == b"hdlr":
                    file.seek(first + 8)
                    handler = file.read(4)
        elif name == b"edts" and scale:
            for child, first, last in _boxes(file, begin, stop):
                if child == b"elst":
                    file.seek(first)
                    edits = _edit_list(file.read(min(last - first, _LARGEST_TABLE)), scale)
    return handler, edits


def _edit_list(data: bytes, scale: int) -> Edits:
    if len(data) < 8:
        return Edits(Fraction(0), Fraction(0))
    form = ">Qq4x" if data[0] else ">Ii4x"
    count = min(struct.unpack_from(">I", data, 4)[0], (len(data) - 8) // struct.calcsize(form))
    entries = [struct.unpack_from(form, data, 8 + index * struct.calcsize(form)) for index in range(count)]
    empty = 0
    for duration, media_time in entries:
        if media_time != -1:
            break
        empty += duration
    open_ended = not entries or entries[-1][0] == 0
    return Edits(Fraction(empty, scale), Fraction(0 if open_ended else sum(duration for duration, _ in entries), scale))
