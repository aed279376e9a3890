"""Damaged pages of an Ogg file, which FFmpeg drops without a word: each page has a checksum and a number."""

import dataclasses
import struct
import zlib
from pathlib import Path

_BITS_TURNED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))
_HEADER_BYTES = 27
_LARGEST_PAGE = 65_307


@dataclasses.dataclass(frozen=True)
class OggDamage:
    """What's wrong with the pages of a file."""

    num_pages: int
    num_lost: int
    """Pages whose checksum is wrong, or whose number is left out."""
    first_lost: bool
    """Whether the first page of sound is among them, so that the first stamp that's read isn't the beginning."""


def ogg_damage(path: Path) -> OggDamage:
    """Hold every page against its checksum, and its number against the one before."""
    lost = total = 0
    first_lost = False
    numbers: dict[int, int] = {}
    with path.open("rb") as file:
        data, over = b"", False
        while True:
            if not over and len(data) < _LARGEST_PAGE:
                block = file.read(2**20)
                data, over = data + block, not block
            place = data.find(b"OggS")
            if place < 0 or len(data) < place + _HEADER_BYTES:
                return OggDamage(total, lost, first_lost)
            data = data[place:]
            page = _page(data)
            if page is None:
                data = data[4:]  # four letters inside a packet, or a damaged page: the next number tells
                continue
            serial, number, starts = page
            skipped = 0 if starts or serial not in numbers else max(0, min(number - numbers[serial] - 1, 2**16))
            first_lost = first_lost or (skipped > 0 and numbers[serial] <= 1)
            lost, total, numbers[serial] = lost + skipped, total + 1 + skipped, number
            data = data[_size(data):]


def ogg_end_granule(path: Path) -> tuple[int, bool] | None:
    """The granule position that the last page names, whether its checksum is right or not, and whether it's right; None: no page."""
    with path.open("rb") as file:
        file.seek(0, 2)
        file.seek(max(0, file.tell() - 2 * _LARGEST_PAGE))
        tail = file.read()
    place = tail.rfind(b"OggS\0")
    if place < 0 or len(tail) < place + _HEADER_BYTES:
        return None
    granule, = struct.unpack_from("<q", tail, place + 6)
    return granule, _page(tail[place:]) is not None


def _size(data: bytes) -> int:
    table = data[_HEADER_BYTES:_HEADER_BYTES + data[26]]
    return _HEADER_BYTES + len(table) + sum(table)


def _page(data: bytes) -> tuple[int, int, bool] | None:
    """Serial, number and whether a stream begins, of the page that data begin with; None if it isn't whole and sound."""
    if data[4] != 0 or len(data) < (size := _size(data)):
        return None
    serial, number, wanted = struct.unpack_from("<III", data, 14)
    bare = data[:22] + bytes(4) + data[26:size]
    # Ogg's checksum is zlib's with the bits of each byte in the other order, and neither end turned over.
    found = zlib.crc32(bare.translate(_BITS_TURNED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return (serial, number, bool(data[5] & 2)) if int(f"{found:032b}"[::-1], 2) == wanted else None
