"""The directory of a zip archive, read as hostile input. Nothing is ever unpacked to the disk; names are looked up, not followed.

Refused: archives of several parts, encrypted entries, other methods than stored and deflate, names that occur twice, entries that
overlap, reach into the directory or say one thing there and another in front of their bytes, and entries that unfold to much more than
the file. Field layout: APPNOTE.TXT 6.3.9 of PKWARE.
"""

import dataclasses
import struct
import zlib
from typing import Any, NoReturn

from ..errors import CheckpointError
from .source import ALWAYS_UNFOLDED, MOST_UNFOLDED, Source

MAX_ENTRIES = 25_000
MAX_NAME_BYTES = 1000
MAX_TAIL = 22 + 2**16
_STORED, _DEFLATED = 0, 8


@dataclasses.dataclass(frozen=True)
class Entry:
    """One file in the archive; its bytes are at `offset`, `packed` of them, and are `size` when unpacked."""

    name: str
    offset: int
    packed: int
    size: int
    deflated: bool
    crc: int


class ZipDirectory:
    """The checked entries of an archive by name."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._unfolded = 0
        begin, size, count = self._find_directory()
        self.entries = self._read_directory(begin, size, count)

    def open(self, name: str) -> Source:
        """The bytes of an entry. A stored one is a stretch of the file, a deflated one is unpacked into memory, as far as is allowed."""
        entry = self.entries[name]
        where = f"{self.source.where}: {name[:100]!r} in it"
        if not entry.deflated:
            return self.source.part(entry.offset, entry.size, where)
        allowed = MOST_UNFOLDED * self.source.size + ALWAYS_UNFOLDED
        self._unfolded += entry.size
        if self._unfolded > allowed:
            self._refuse(f"its entries unfold to more than {allowed} bytes ({MOST_UNFOLDED} times the file and {ALWAYS_UNFOLDED} bytes)")
        return Source.of_bytes(self._inflate(entry), where)

    def _inflate(self, entry: Entry) -> bytes:
        machine = zlib.decompressobj(-15)
        try:
            # One byte more than declared would show that the declaration lies; no more than that is ever unpacked.
            data = machine.decompress(self.source.read(entry.offset, entry.packed), entry.size + 1)
        except zlib.error as error:
            self._refuse(f"{entry.name[:100]!r} can't be unpacked ({error})")
        if len(data) != entry.size or not machine.eof or zlib.crc32(data) != entry.crc:
            self._refuse(f"{entry.name[:100]!r} doesn't unpack to what the directory says")
        return data

    def _find_directory(self) -> tuple[int, int, int]:
        """Where the directory begins, its bytes and its entries."""
        tail_at = max(0, self.source.size - MAX_TAIL)
        tail = self.source.read(tail_at, self.source.size - tail_at)
        at = tail.rfind(b"PK\x05\x06")
        if at < 0 or len(tail) - at < 22:
            raise CheckpointError(f"{self.source.where}: a zip archive without its end (a download that broke off, most likely); get it again")
        disk, first_disk, here, count, size, begin, comment = struct.unpack("<4x4H2LH", tail[at : at + 22])
        end = tail_at + at
        if len(tail) - at - 22 != comment:
            self._refuse("its end is damaged")
        if end >= 20 and (locator := self.source.read(end - 20, 20))[:4] == b"PK\x06\x07":
            disk, first_disk, here, count, size, begin, end = self._zip64(locator, end)
        if disk or first_disk or here != count:
            self._refuse("it's one of several parts")
        if count > MAX_ENTRIES:
            self._refuse(f"it has {count} entries (at most {MAX_ENTRIES} are read)")
        if begin + size > end or size > count * (46 + MAX_NAME_BYTES + 2**9):
            self._refuse("its directory doesn't fit into the file")
        return begin, size, count

    def _zip64(self, locator: bytes, end: int) -> tuple[int, int, int, int, int, int, int]:
        at = int.from_bytes(locator[8:16], "little")
        if at + 56 > end:
            self._refuse("its directory doesn't fit into the file")
        record = self.source.read(at, 56)
        if record[:4] != b"PK\x06\x06":
            self._refuse("its end is damaged")
        disk, first_disk, here, count, size, begin = struct.unpack("<16x2L4Q", record)
        return disk, first_disk, here, count, size, begin, at

    def _read_directory(self, begin: int, size: int, count: int) -> dict[str, Entry]:
        data, at = self.source.read(begin, size), 0
        entries: dict[str, Entry] = {}
        stretches: list[tuple[int, int]] = []
        for _ in range(count):
            if data[at : at + 4] != b"PK\x01\x02" or at + 46 > size:
                self._refuse("its directory is damaged")
            fields: Any = struct.unpack("<8x2H4x3L5H4xL", data[at : at + 46])
            flags, method, crc, packed, unpacked, name_size, extra_size, comment_size, disk, _internal, local = fields
            after_name = at + 46 + name_size
            raw_name, extra = data[at + 46 : after_name], data[after_name : after_name + extra_size]
            at = after_name + extra_size + comment_size
            if at > size or name_size > MAX_NAME_BYTES:
                self._refuse("its directory is damaged")
            name = raw_name.decode("utf-8", "replace") if flags & 0x800 else raw_name.decode("latin1")
            unpacked, packed, local = self._wide(extra, unpacked, packed, local)
            entry, first = self._entry(name, raw_name, flags, method=method, crc=crc, packed=packed, unpacked=unpacked, disk=disk, local=local)
            if name in entries:
                self._refuse(f"{name[:100]!r} is there twice")
            entries[name] = entry
            stretches.append((first, entry.offset + packed))
        if at != size:
            self._refuse("its directory is damaged")
        self._check_apart(stretches, begin)
        return entries

    def _wide(self, extra: bytes, *fields: int) -> list[int]:
        """The three fields, those that are all ones taken from the zip64 extra."""
        wide: bytes = b""
        at = 0
        while at + 4 <= len(extra):
            kind, size = struct.unpack("<2H", extra[at : at + 4])
            if kind == 1:
                wide = extra[at + 4 : at + 4 + size]
                break
            at += 4 + size
        found = list(fields)
        for index, value in enumerate(fields):
            if value == 0xFFFFFFFF:
                if len(wide) < 8:
                    self._refuse("its directory is damaged")
                found[index], wide = int.from_bytes(wide[:8], "little"), wide[8:]
        return found

    def _entry(
        self, name: str, raw_name: bytes, flags: int, method: int, crc: int, packed: int, unpacked: int, disk: int, local: int
    ) -> tuple[Entry, int]:
        """The entry, and where its own header begins; the header in front of the bytes must agree with the directory."""
        if flags & 0x2041:
            self._refuse(f"{name[:100]!r} is encrypted")
        if method not in (_STORED, _DEFLATED):
            self._refuse(f"{name[:100]!r} is packed by method {method} (read are stored and deflate)")
        if (method == _STORED and packed != unpacked) or unpacked > 1100 * packed + 1100 or disk not in (0, 0xFFFF):
            self._refuse(f"{name[:100]!r} has impossible sizes ({packed} bytes packed, {unpacked} unpacked)")
        header = self.source.read(local, 30)
        local_flags, local_method, local_packed, local_unpacked, name_size, extra_size = struct.unpack("<6x2H8x2L2H", header)
        offset = local + 30 + name_size + extra_size
        known = local_flags & 8 == 0 and 0xFFFFFFFF not in (local_packed, local_unpacked)
        if (
            header[:4] != b"PK\x03\x04"
            or local_method != method
            or self.source.read(local + 30, name_size) != raw_name
            or (known and (local_packed, local_unpacked) != (packed, unpacked))
        ):
            self._refuse(f"{name[:100]!r} says one thing in the directory and another in its place")
        return Entry(name, offset, packed, size=unpacked, deflated=method == _DEFLATED, crc=crc), local

    def _check_apart(self, stretches: list[tuple[int, int]], directory: int) -> None:
        reached = 0
        for first, last in sorted(stretches):
            if first < reached:
                self._refuse("its entries overlap")
            reached = last
        if reached > directory:
            self._refuse("its entries reach into its directory")

    def _refuse(self, what: str) -> NoReturn:
        raise CheckpointError(f"{self.source.where}: a zip archive that isn't read: {what}; the file is corrupt or malicious: get it again")
