"""Files that appear whole or not at all: written under a temporary name beside the target, renamed at the end."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from .errors import SGVGError


def temporary_path(path: Path) -> Path:
    """A hidden, unused name beside `path`, with the same ending."""
    return path.with_name(f".{path.stem[:40]}.{secrets.token_hex(4)}.part{path.suffix}")


def checked_target(path: str | Path, error: type[SGVGError]) -> Path:
    """`path`, if a file can be written there. Raises `error` when its folder is missing or it is a folder itself."""
    target = Path(path)
    if target.is_dir():
        raise error(f"{target}: this is a folder, expected the name of a file to write")
    if not target.parent.is_dir():
        raise error(f"{target}: can't be written (the folder {target.parent} doesn't exist); create it or choose another")
    return target


@contextlib.contextmanager
def written_whole(path: str | Path, error: type[SGVGError]) -> Iterator[Path]:
    """The temporary path to write to: renamed to `path` on a clean exit, removed on any exception. System errors become `error`."""
    target = checked_target(path, error)
    part = temporary_path(target)
    try:
        yield part
        os.replace(part, target)
    except OSError as failure:
        raise error(f"{target}: can't be written ({failure.strerror or failure}); check the free space and the folder's rights") from failure
    finally:
        part.unlink(missing_ok=True)
