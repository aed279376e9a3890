"""Bytes of a file that nobody trusts: read where they're asked for, never beyond the end, never more than was asked.

Nothing is mapped into memory: a mapped file that is cut short by somebody else kills the process, and mapped pages count as ours. Big
stretches are read straight into the memory of the tensor they become, so a file of weights costs its own size once.
"""

import contextlib
import io
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NoReturn

from ..errors import CheckpointError
from ..hashing import file_sha256
from ..progress import Progress, silent

WINDOW = 16 * 2**10
"""Bytes that a cursor reads ahead."""
MOST_UNFOLDED, ALWAYS_UNFOLDED = 4, 64 * 2**20
"""What a file unfolds to (entries of a zip that are packed, data that is shared) may have this multiple of its size, plus this number of bytes."""
MAX_LINE = 2**20
"""Longest line of the text opcodes of protocol 0, in bytes."""


class Source:
    """A stretch of an open file (or of bytes in memory): `size` bytes from byte `start` on; `where` names it in errors."""

    def __init__(self, file: BinaryIO, start: int, size: int, where: str) -> None:
        self.file, self.start, self.size, self.where = file, start, size, where

    @classmethod
    @contextlib.contextmanager
    def open(cls, path: str | Path) -> Iterator["Source"]:
        """The whole of a regular file. Raises CheckpointError for whatever can't be opened or read."""
        path = Path(path)
        try:
            if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait for ever
                raise CheckpointError(f"{path}: a {'folder' if path.is_dir() else 'device or pipe'}, expected a file of weights")
            with path.open("rb", buffering=0) as file:
                yield cls(file, 0, os.fstat(file.fileno()).st_size, str(path))
        except OSError as error:
            raise CheckpointError(f"{path}: can't be read ({error.strerror or error}); check the path") from error

    @classmethod
    def of_bytes(cls, data: bytes, where: str) -> "Source":
        """Bytes in memory (`data`) behind the same door; `where` names them in errors."""
        return cls(io.BytesIO(data), 0, len(data), where)

    def part(self, offset: int, size: int, where: str | None = None) -> "Source":
        """A stretch of this one.

        `offset` and `size` are bytes of this one; `where` names the part in errors (None: as this one).
        """
        self._check(offset, size)
        return Source(self.file, self.start + offset, size, where or self.where)

    def read(self, offset: int, size: int) -> bytes:
        """`size` bytes from `offset`; CheckpointError if they aren't all there."""
        self._check(offset, size)
        self.file.seek(self.start + offset)
        data = self.file.read(size)
        while len(data) < size:
            more = self.file.read(size - len(data))
            if not more:
                self.cut_off(offset + size)
            data += more
        return data

    def read_into(self, offset: int, memory: memoryview) -> None:
        """Fill `memory` (bytes, writable) from `offset` on."""
        self._check(offset, len(memory))
        self.file.seek(self.start + offset)
        filled = 0
        while filled < len(memory):
            count = self.file.readinto(memory[filled:])  # type: ignore[attr-defined]
            if not count:
                self.cut_off(offset + len(memory))
            filled += count

    def _check(self, offset: int, size: int) -> None:
        if offset < 0 or size < 0 or offset + size > self.size:
            self.cut_off(offset + size)

    def cut_off(self, wanted: int) -> NoReturn:
        """Raise for a place beyond the end."""
        raise CheckpointError(f"{self.where}: cut off or damaged (got {self.size} bytes, but something in it reaches to byte {wanted}); get it again")


class Cursor:
    """Reads a source from front to back through a small window, from byte `position` on; what is skipped is never read."""

    def __init__(self, source: Source, position: int = 0) -> None:
        self.source = source
        self._window, self._start, self._at = b"", position, 0

    @property
    def position(self) -> int:
        """The next byte's place in the source."""
        return self._start + self._at

    @property
    def left(self) -> int:
        """Bytes up to the end of the source."""
        return self.source.size - self.position

    def take(self, size: int) -> bytes:
        """The next bytes."""
        end = self._at + size
        if end > len(self._window):
            self._refill(size)
            end = size
        data = self._window[self._at : end]
        self._at = end
        return data

    def skip(self, size: int) -> int:
        """Leave out the next bytes; the place where they begin."""
        position = self.position
        if size < 0 or size > self.left:
            self.source.cut_off(position + size)
        self._at += size
        return position

    def line(self) -> bytes:
        """The bytes up to the next line feed, which is taken too. Raises CheckpointError where none comes within `MAX_LINE` bytes."""
        for ahead in (1, WINDOW, MAX_LINE):
            if self._at + ahead > len(self._window):
                self._refill(min(ahead, self.left) or 1)
            end = self._window.find(b"\n", self._at)
            if end >= 0:
                found = self._window[self._at : end]
                self._at = end + 1
                return found
        if self.left <= MAX_LINE:
            self.source.cut_off(self.source.size + 1)
        raise CheckpointError(
            f"{self.source.where}: a line of more than {MAX_LINE} bytes at byte {self.position}; the file is corrupt or malicious"
        )

    def _refill(self, size: int) -> None:
        position = self.position
        left = self.source.size - position
        if size > left:
            self.source.cut_off(position + size)
        self._window, self._start, self._at = self.source.read(position, min(left, max(size, WINDOW))), position, 0


def checkpoint_sha256(path: Path, progress: Progress = silent) -> str:
    """SHA-256 of a file's bytes, in hexadecimal. Raises CheckpointError when it can't be read."""
    try:
        return file_sha256(path, progress)
    except OSError as error:
        raise CheckpointError(f"{path}: can't be read ({error.strerror or error}); check the path") from error
