"""Files that were cut off: containers that say how many bytes they have, against the bytes that are there."""

import struct
from pathlib import Path
from typing import BinaryIO

_UNKNOWN_BYTES = 0x7FFFFF00
"""Sizes from here on are what programs write that don't know the size yet."""
_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"


_MP3_SLACK_BYTES = 1500
"""What an mp3's own count may be wrong by (programs count its first frame or not)."""


def missing_bytes(path: Path) -> int:
    """How many bytes a wav, mp3, ogg or Matroska file lacks by its own word; 0 for others and where it doesn't say."""
    size = path.stat().st_size
    with path.open("rb") as file:
        mark = file.read(4)
        if mark == b"RIFF":
            return _missing_of_wav(file, size)
        if mark == b"OggS":
            return _missing_of_ogg(file, size)
        if mark == _EBML:
            return _missing_of_matroska(file, size)
    wanted = mp3_bytes(path) or 0
    return wanted - size if wanted - size > _MP3_SLACK_BYTES else 0


def mp3_bytes(path: Path) -> int | None:
    """The size an mp3 file should have at least, by the Xing or Info header in its first frame; None where there's none."""
    with path.open("rb") as file:
        head = file.read(10)
        start = 0
        if head[:3] == b"ID3" and len(head) == 10:
            start = 10 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))
        file.seek(start)
        frame = file.read(256)
    place = max(frame.find(b"Xing"), frame.find(b"Info"))
    if frame[:1] != b"\xff" or place < 0 or len(frame) < place + 16:
        return None
    flags, = struct.unpack_from(">I", frame, place + 4)
    count_place = place + 8 + 4 * (flags & 1)  # the number of frames comes first, if it's there
    return start + int(struct.unpack_from(">I", frame, count_place)[0]) if flags & 2 else None


def _missing_of_wav(file: BinaryIO, size: int) -> int:
    """The end of the `data` chunk behind the end of the file."""
    place = 12
    while place + 8 <= size:
        file.seek(place)
        name, num_bytes = struct.unpack("<4sI", file.read(8))
        if name == b"data":
            return max(0, place + 8 + num_bytes - size) if num_bytes < _UNKNOWN_BYTES else 0
        place += 8 + num_bytes + num_bytes % 2
    return 0


def _missing_of_ogg(file: BinaryIO, size: int) -> int:
    """The end of the last page behind the end of the file. (A page has at most 65,307 bytes.)"""
    start = max(0, size - 2 * 65_307)
    file.seek(start)
    tail = file.read()
    page = tail.rfind(b"OggS\0")
    header = tail[page:page + 27]
    if page < 0:
        return 0
    if len(header) < 27:
        return 27 - len(header)
    segments = tail[page + 27:page + 27 + header[26]]
    return max(0, page + 27 + header[26] + sum(segments) - len(tail))


def _missing_of_matroska(file: BinaryIO, size: int) -> int:
    """The end of the segment behind the end of the file."""
    num_bytes = _ebml_size(file)
    if num_bytes is None:
        return 0
    file.seek(num_bytes, 1)
    if file.read(4) != _SEGMENT:
        return 0
    num_bytes = _ebml_size(file)
    return 0 if num_bytes is None else max(0, file.tell() + num_bytes - size)


def _ebml_size(file: BinaryIO) -> int | None:
    """A size of 1 to 8 bytes whose leading zero bits tell how many; None: unknown."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    num_more = 8 - first[0].bit_length()
    bits = 7 * (num_more + 1)
    value = int.from_bytes(first + file.read(num_more), "big") & ((1 << bits) - 1)
    return None if value == (1 << bits) - 1 else value
