"""Files that were cut off: containers that say how many bytes they have, against the bytes that are there."""

import struct
from pathlib import Path
from typing import BinaryIO

_UNKNOWN_BYTES = 0x7FFF0000
"""Sizes from here on are what programs write that don't know the size yet, unless the file itself is as large."""
_CERTAINLY_UNKNOWN = 0xFFFF0000
"""In fields of 32 bits these are nothing else."""
_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"


_MP3_SLACK_BYTES = 1500
"""What an mp3's own count may be wrong by (programs count its first frame or not)."""


def missing_bytes(path: Path) -> int:
    """How many bytes a wav, mp3, ogg or Matroska file lacks by its own word; 0 for others and where it doesn't say."""
    size = path.stat().st_size
    with path.open("rb") as file:
        mark = file.read(4)
        if mark in (b"RIFF", b"RIFX", b"RF64", b"BW64"):
            return _missing_of_wav(file, size, mark)
        if mark == b"FORM":
            return _missing_of_aiff(file, size)
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


def _missing_of_wav(file: BinaryIO, size: int, mark: bytes) -> int:
    """The end of the `data` chunk behind the end of the file."""
    file.seek(8)
    if file.read(4) != b"WAVE":
        return 0
    place, long_size = 12, 0
    order = ">" if mark == b"RIFX" else "<"
    while place + 8 <= size:
        file.seek(place)
        name, num_bytes = struct.unpack(f"{order}4sI", file.read(8))
        if name == b"ds64" and mark in (b"RF64", b"BW64"):
            head = file.read(16)
            long_size = struct.unpack_from("<Q", head, 8)[0] if len(head) == 16 else 0
        if name == b"data":
            if num_bytes == 0xFFFFFFFF and mark in (b"RF64", b"BW64"):
                num_bytes = long_size
            return missing_of(num_bytes, place + 8, size)
        place += 8 + num_bytes + num_bytes % 2
    return 0


def _missing_of_aiff(file: BinaryIO, size: int) -> int:
    """The end of the sound's chunk behind the end of the file."""
    file.seek(8)
    if file.read(4) not in (b"AIFF", b"AIFC"):
        return 0
    place = 12
    while place + 8 <= size:
        file.seek(place)
        name, num_bytes = struct.unpack(">4sI", file.read(8))
        if name == b"SSND":
            return missing_of(num_bytes, place + 8, size)
        place += 8 + num_bytes + num_bytes % 2
    return 0


def unknown_sizes(path: Path) -> dict[int, bytes]:
    """Sizes in RF64 and Wave64 files that stand for "unknown", which FFmpeg takes at their word: where they are, and what they should be."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(40)
        if head[:4] in (b"RF64", b"BW64"):
            return _unknown_of_rf64(file, size)
        if head[:4] == b"riff" and head[24:28] == b"wave":
            return _unknown_of_w64(file, size, *struct.unpack_from("<Q", head, 16))
    return {}


def _unknown_of_rf64(file: BinaryIO, size: int) -> dict[int, bytes]:
    place, field = 12, 0
    while place + 8 <= size:
        file.seek(place)
        name, num_bytes = struct.unpack("<4sI", file.read(8))
        if name == b"ds64":
            field = place + 16
        elif name == b"data":
            held = size - place - 8
            file.seek(field)
            said = int.from_bytes(file.read(8), "little")
            return {field: struct.pack("<Q", held)} if field and num_bytes == 0xFFFFFFFF and _is_unknown(said, held, place + 8, size) else {}
        place += 8 + num_bytes + num_bytes % 2
    return {}


def _unknown_of_w64(file: BinaryIO, size: int, whole: int) -> dict[int, bytes]:
    """A chunk of Wave64 has 16 bytes of name and 8 of size, which counts both, and begins at a multiple of 8."""
    found = {16: struct.pack("<Q", size)} if _is_unknown(whole, size, 0, size) else {}
    place = 40
    while place + 24 <= size:
        file.seek(place)
        name, num_bytes = struct.unpack("<4s12xQ", file.read(24))
        if name == b"data":
            held = size - place
            return {**found, place + 16: struct.pack("<Q", held)} if _is_unknown(num_bytes, held, place, size) else found
        if num_bytes < 24:
            break
        place += num_bytes + -num_bytes % 8
    return found


def _is_unknown(said: int, held: int, start: int, size: int) -> bool:
    return said == 0 or (said > held and not missing_of(said, start, size))


def missing_of(num_bytes: int, start: int, size: int) -> int:
    """How many of `num_bytes` from `start` on a file of `size` bytes lacks; 0 for a number that stands for "unknown".

    Writers that can't go back put 0, or what a signed or unsigned field of 32 or 64 bits holds at most, rounded down to whatever suits
    them.
    """
    if num_bytes == 0 or (num_bytes >= _UNKNOWN_BYTES > size) or _CERTAINLY_UNKNOWN <= num_bytes < 2**32 or num_bytes >= 2**62:
        return 0
    return max(0, start + num_bytes - size)


def cut_off(path: Path) -> tuple[int, int] | None:
    """Of files that players take as they are though their end is missing (avi, caf, au, w64, fragmented mp4, ts, flv): missing and all bytes.

    0 missing: the file ends inside a packet, and doesn't say what came behind. None: nothing is known to be missing.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(4096)
        missing = _missing_by_header(file, head, size)
    return None if missing is None else (missing, size + missing)


def _missing_by_header(file: BinaryIO, head: bytes, size: int) -> int | None:
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return missing_of(struct.unpack_from("<I", head, 4)[0], 8, size) or None
    if head[:4] == b"caff":
        return _missing_of_caf(file, size)
    if head[:4] == b".snd" and len(head) >= 12:
        start, num_bytes = struct.unpack_from(">II", head, 4)
        return missing_of(num_bytes, start, size) or None
    if head[:4] == b"riff" and head[24:28] == b"wave" and len(head) >= 24:
        return missing_of(struct.unpack_from("<Q", head, 16)[0], 0, size) or None
    if head[:3] == b"FLV":
        return _ends_inside_flv_tag(file, size)
    packet = _ts_packet(head)
    return 0 if packet and size % packet else None


def _missing_of_caf(file: BinaryIO, size: int) -> int | None:
    place = 8
    while place + 12 <= size:
        file.seek(place)
        name, num_bytes = struct.unpack(">4sq", file.read(12))
        if name == b"data" and num_bytes < 0:
            return None
        if place + 12 + num_bytes > size:
            return missing_of(num_bytes, place + 12, size) or None
        place += 12 + max(0, num_bytes)
    return None


def _ends_inside_flv_tag(file: BinaryIO, size: int) -> int | None:
    """Every tag has its size behind it: that of the last one must lead back to a tag that's as long."""
    file.seek(max(0, size - 4))
    back, = struct.unpack(">I", file.read(4).rjust(4, b"\0"))
    place = size - 4 - back
    if back < 11 or place < 9:
        return 0 if size > 13 else None
    file.seek(place + 1)
    return None if int.from_bytes(file.read(3), "big") == back - 11 else 0


def _ts_packet(head: bytes) -> int:
    """188, or 192 with a time stamp before each packet, of a transport stream; else 0."""
    for num_bytes, first in ((188, 0), (192, 4)):
        marks = head[first::num_bytes][:5]
        if len(marks) >= 3 and set(marks) == {0x47}:
            return num_bytes
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
