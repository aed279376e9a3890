"""What a command writes is checked before it works: that it can be written, and that it's neither an input nor written twice."""

import os
from collections.abc import Iterable
from pathlib import Path

from ..atomic_files import check_no_input, checked_target
from ..errors import ConfigError


def checked_file(option: str, path: Path, endings: tuple[str, ...]) -> None:
    """Raise ConfigError unless a file can be written at `path`, the value of `option`, and its name has one of the endings."""
    if path.suffix.lower() not in endings:
        raise ConfigError(f"{option}: got {path}, expected a name that ends in {' or '.join(endings)}")
    checked_target(path, ConfigError)


def check_apart(outputs: Iterable[Path | None], inputs: Iterable[Path | str | None]) -> None:
    """Raise ConfigError if one of `outputs` is one of `inputs` (under this name or another), lies at the place of one, or is named twice.

    None among them is one that wasn't asked for.
    """
    seen: dict[str, Path] = {}
    sources = list(inputs)
    for path in outputs:
        if path is None:
            continue
        check_no_input(path, sources, ConfigError)
        place = os.path.normcase(os.path.realpath(path))
        if place in seen:
            raise ConfigError(f"{path}: got this name for two outputs, expected one for each")
        seen[place] = path


def files_of_model(folder: Path | None) -> list[Path]:
    """What is read of a model: its folder (None: the bundled one) and the files in it; or the file itself."""
    from ..assembly import BUNDLED  # here, so that other commands start at once

    where = BUNDLED if folder is None else folder
    return [where, *where.iterdir()] if where.is_dir() else [where]
