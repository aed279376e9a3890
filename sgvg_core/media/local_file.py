"""Sound that comes through a pipe, kept as a file while it's needed: it's read more than once."""

import atexit
import contextlib
import shutil
import stat
import sys
import tempfile
from pathlib import Path
from typing import BinaryIO

from ..atomic_files import temporary_path
from ..errors import MediaError

STANDARD_INPUT = "-"
_BLOCK = 2**20


def local_file(path: str | Path) -> Path:
    """`path`, if it isn't a pipe; "-" (standard input) and named pipes are read to their end into a temporary file, gone when the process ends.

    Raises MediaError when nothing comes, or the disk is full.
    """
    if str(path) == STANDARD_INPUT and not Path(path).exists():
        if sys.stdin is None or sys.stdin.isatty():
            raise MediaError("-: expected a sound on standard input, but nothing is connected to it; pipe one in, or name a file")
        return _stored(sys.stdin.buffer, "standard input")
    file = Path(path)
    with contextlib.suppress(OSError, ValueError):
        if stat.S_ISFIFO(file.stat().st_mode):
            with file.open("rb") as pipe:
                return _stored(pipe, str(path))
    return file


def _stored(pipe: BinaryIO, name: str) -> Path:
    folder = temporary_path(Path(tempfile.gettempdir()) / "sgvg_sound")  # what a killed process kept goes here too
    file = folder / "sound"
    try:
        folder.mkdir(mode=0o700)
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        with file.open("wb") as out:
            shutil.copyfileobj(pipe, out, _BLOCK)
    except OSError as error:
        raise MediaError(f"{name}: can't be kept in {folder} ({error.strerror or error}); free some space, or save it as a file") from error
    if not file.stat().st_size:
        raise MediaError(f"{name}: nothing came through it; is the program before it running?")
    return file
