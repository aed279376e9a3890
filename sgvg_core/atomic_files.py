"""Files that appear whole or not at all: written under a temporary name in the target's folder, renamed at the end.

A temporary name says which process made it, so the next run that writes into a folder removes what a killed one left there.
"""

import contextlib
import functools
import hashlib
import os
import platform
import re
import secrets
import shutil
import stat
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from .errors import SGVGError

_TOKEN = r"(?P<host>[0-9a-f]{8})-(?P<pid>\d{1,10})-(?P<began>\d{1,20})-[0-9a-f]{8}"
_LEFT = re.compile(rf"\.(?P<name>.*)\.{_TOKEN}\.(?P<kind>part|old)(\.[^.]*)?", re.DOTALL)
_FOREIGN_SECONDS = 24 * 3600
"""What another machine began in a shared folder is taken for given up when it didn't change for so long."""


def temporary_path(path: Path) -> Path:
    """A hidden, unused name next to `path`, with the same ending."""
    sweep(path.parent)
    return path.with_name(f".{path.stem[:40]}.{_token()}.part{path.suffix}")


@contextlib.contextmanager
def temporary_folder(path: Path) -> Iterator[Path]:
    """A new, empty folder next to `path`, which only its owner may look into; gone afterwards, with all that is in it. Raises OSError."""
    folder = temporary_path(path)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def aside_path(path: Path) -> Path:
    """A hidden, unused name next to `path` for what is there until the new one takes its place; `sweep` brings it back."""
    return path.with_name(f".{path.name}.{_token()}.old")


def sweep(folder: Path) -> None:
    """Remove temporary files and folders whose process is gone; what was moved aside and has no successor gets its name back."""
    with contextlib.suppress(OSError, ValueError):
        for entry in list(os.scandir(folder)):
            found = _LEFT.fullmatch(entry.name)
            if found and _given_up(Path(entry.path), found):
                with contextlib.suppress(OSError):
                    _tidy(Path(entry.path), found)


def _tidy(path: Path, found: re.Match[str]) -> None:
    target = path.with_name(found["name"])
    if found["kind"] == "old" and not os.path.lexists(target):
        path.rename(target)
    elif path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _given_up(path: Path, found: re.Match[str]) -> bool:
    if found["host"] != _host():
        return time.time() - path.lstat().st_mtime > _FOREIGN_SECONDS
    began = process_began(int(found["pid"]))
    return began is None or (began != int(found["began"]) and 0 not in (began, int(found["began"])))


def _token() -> str:
    return f"{_host()}-{os.getpid()}-{process_began(os.getpid()) or 0}-{secrets.token_hex(4)}"


@functools.cache
def _host() -> str:
    return hashlib.sha256(platform.node().encode("utf-8", "replace")).hexdigest()[:8]


def process_began(pid: int) -> int | None:
    """When a process of this machine began, in the system's own count (0 where it can't be told); None if there's no such process.

    A number of a process may be given again; together with its beginning it isn't.
    """
    if sys.platform == "win32":
        return _began_on_windows(pid)
    return _began(pid)


def _began(pid: int) -> int | None:
    try:
        os.kill(pid, 0)
    except PermissionError:
        pass  # somebody else's
    except (OSError, OverflowError):
        return None
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return 0
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


if sys.platform == "win32":

    def _began_on_windows(pid: int) -> int | None:
        import ctypes

        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.OpenProcess.restype = ctypes.c_void_p
        handle = kernel.OpenProcess(0x1000, False, pid)  # PROCESS_QUERY_LIMITED_INFORMATION
        if not handle:
            return 0 if ctypes.get_last_error() == 5 else None  # 5: somebody else's
        try:
            times, code = [ctypes.c_uint64() for _ in range(4)], ctypes.c_uint32()
            kernel.GetExitCodeProcess(ctypes.c_void_p(handle), ctypes.byref(code))
            kernel.GetProcessTimes(ctypes.c_void_p(handle), *map(ctypes.byref, times))
            return times[0].value if code.value == 259 else None  # STILL_ACTIVE
        finally:
            kernel.CloseHandle(ctypes.c_void_p(handle))


def checked_target(path: str | Path, error: type[SGVGError]) -> Path:
    """`path`, if a file can be written there: tried with a temporary one. Raises `error` otherwise, in words that say why."""
    return _tried_target(path, error)[0]


def _tried_target(path: str | Path, error: type[SGVGError]) -> tuple[Path, int]:
    """`checked_target`, and the mode that new files get there, as the user's umask says."""
    target = Path(path)
    if target.name in ("", ".."):
        raise error(f"{str(path) or repr('')}: this is a folder, expected the name of a file to write")
    try:
        _check_place(target, error)
        part = temporary_path(target)
        part.touch(exist_ok=False)
        mode = stat.S_IMODE(part.stat().st_mode)
        part.unlink()
    except (OSError, ValueError) as failure:
        raise error(f"{target}: can't be written ({_words(failure)}); check the name, the free space and the folder's rights") from failure
    return target, mode


def _check_place(target: Path, error: type[SGVGError]) -> None:
    """What is at a file's name, and around it. Raises `error`, or OSError where it can't be looked at."""
    if target.is_dir():
        raise error(f"{target}: this is a folder, expected the name of a file to write")
    if not target.parent.is_dir():
        if target.parent.exists():
            raise error(f"{target}: can't be written ({target.parent} is a file, not a folder); choose another")
        raise error(f"{target}: can't be written (the folder {target.parent} doesn't exist); create it or choose another")
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISREG(target.lstat().st_mode) and not target.is_symlink():
            raise error(f"{target}: can't be written (it's a device or a pipe); name a file")


def check_folder_name(path: str | Path, error: type[SGVGError]) -> Path:
    """`path`, if a folder that this program makes can have that name and take its place. Raises `error` otherwise, in words that say why."""
    folder = Path(path)
    said = str(path) or repr("")
    if folder.name in ("", ".."):
        raise error(f"{said}: expected the name of a new folder")
    if len(os.fsencode(folder.name)) > 190:
        raise error(f"{folder}: the name is too long; name a folder in up to 190 bytes")
    try:
        if folder.is_symlink() or getattr(os.path, "isjunction", lambda path: False)(folder):
            raise error(f"{folder}: this is a link to another folder; name that folder itself, or a new one")
        if folder.exists() and not folder.is_dir():
            raise error(f"{folder}: this is a file, expected the name of a folder")
        if folder.is_dir() and os.path.ismount(folder):
            raise error(f"{folder}: a disk is mounted here, so it can't be replaced; name a folder in it")
        _try_to_make(folder)
    except (OSError, ValueError) as failure:
        raise error(f"{folder}: the folder can't be made ({_words(failure)}); check the name and the rights") from failure
    return folder


def _try_to_make(folder: Path) -> None:
    """Make a folder next to `folder`, in the nearest folder above that is there, and remove it. Raises OSError."""
    above = next(parent for parent in folder.absolute().parents if os.path.lexists(parent))
    part = temporary_path(above / folder.name)
    part.mkdir()
    part.rmdir()


def check_no_input(path: str | Path, inputs: Iterable[str | Path | None], error: type[SGVGError]) -> None:
    """Raise `error` if an output is one of the inputs: by its path, by a link, or as a second name of the same file.

    A None among `inputs` is an input that wasn't given, and is passed over.
    """
    for source in inputs:
        if source is not None and same_file(path, source):
            raise error(f"{path}: this is what is read ({source}), and would be lost; choose another name for what is written")


def same_file(first: str | Path, second: str | Path) -> bool:
    """Whether two names mean the same file or folder. `first` and `second` needn't exist."""
    try:
        return os.path.samefile(first, second)
    except (OSError, ValueError):
        return False


@contextlib.contextmanager
def atomic_write(path: str | Path, error: type[SGVGError]) -> Iterator[Path]:
    """The temporary path to write to: renamed to `path` on a clean exit, removed on any exception. System errors become `error`."""
    target, mode = _tried_target(path, error)
    part = temporary_path(target)
    try:
        yield part
        os.chmod(part, mode)  # safetensors makes files that nobody else may read
        os.replace(part, target)
    except OSError as failure:
        raise error(f"{target}: can't be written ({_words(failure)}); check the free space and the folder's rights") from failure
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def _words(failure: Exception) -> str:
    return str(getattr(failure, "strerror", None) or failure)
