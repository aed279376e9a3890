"""One process at a time in a folder, by the system's own locks: a killed process leaves none behind."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ..errors import DataError

if sys.platform == "win32":
    import msvcrt

    def _lock(file: BinaryIO) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(file: BinaryIO) -> None:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextlib.contextmanager
def locked(path: Path, folder: Path) -> Iterator[None]:
    """Hold the lock file `path` of `folder` while the block runs. Raises DataError when another process holds it."""
    with path.open("a+b") as file:
        try:
            _lock(file)
        except OSError as error:
            raise DataError(f"{folder}: another process is preparing this folder; wait for it, or stop it") from error
        yield
