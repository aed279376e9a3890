"""Ogg files joined end to end ("chained", as recordings of radio are) whose rate or channels change where FFmpeg's reader stops: Vorbis."""

import io
import os
import struct
from collections.abc import Iterator
from pathlib import Path

import av
import av.error

_BEGINS, _VORBIS = 2, b"\x01vorbis"
_PAGE_HEADER = 27
_BLOCK = 2**20


def packets_of(container: "av.container.InputContainer", stream: "av.AudioStream", path: Path) -> Iterator["av.Packet[av.AudioStream]"]:
    """The packets of a stream, and those of links chained behind it that FFmpeg doesn't enter: each of these is read as a file of its own.

    `container` is PyAV's, of the file `path`.
    """
    try:
        yield from container.demux(stream)
    except av.error.PatchWelcomeError:
        places = changed_links(path) if container.format.name == "ogg" else []
        if not places:
            raise
        for first, end in zip(places, [*places[1:], path.stat().st_size], strict=True):
            with _Part(path, first, end) as part, av.open(part, metadata_errors="replace", format="ogg") as link:
                yield from link.demux(link.streams.audio[0])


def changed_links(path: Path) -> list[int]:
    """Where in an Ogg file links of Vorbis begin whose rate or channels aren't those of the link before."""
    found, before = [], None
    for place, kind in _vorbis_links(path):
        if before is not None and kind != before:
            found.append(place)
        before = kind
    return found


def _vorbis_links(path: Path) -> Iterator[tuple[int, tuple[int, int]]]:
    """The place of each first page of Vorbis, with its channels and rate."""
    with path.open("rb") as file:
        base, data = 0, file.read(_BLOCK)
        while data:
            place = data.find(b"OggS\0")
            while place >= 0 and place + 64 <= len(data):
                body = place + _PAGE_HEADER + data[place + 26]
                if data[place + 5] & _BEGINS and data[body:body + 7] == _VORBIS:
                    yield base + place, struct.unpack_from("<BI", data, body + 11)
                place = data.find(b"OggS\0", place + 1)
            more = file.read(_BLOCK)
            kept = 64 if more else 0
            base, data = base + len(data) - kept, data[len(data) - kept:] + more if more else b""


class _Part(io.FileIO):
    """Bytes `first` to `end` of a file, as a file."""

    def __init__(self, path: Path, first: int, end: int) -> None:
        super().__init__(path)
        self._first, self._end = first, end
        super().seek(first)

    def read(self, size: int | None = -1) -> bytes:
        """As a file's, up to the end of the part."""
        left = max(0, self._end - super().tell())
        return super().read(left if size is None or size < 0 else min(size, left))

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """As a file's."""
        begin = {os.SEEK_SET: self._first, os.SEEK_CUR: super().tell(), os.SEEK_END: self._end}[whence]
        return super().seek(max(self._first, begin + offset)) - self._first

    def tell(self) -> int:
        """As a file's."""
        return super().tell() - self._first
