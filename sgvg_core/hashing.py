"""What a kept result depends on, as one short name: the same parts give the same fingerprint, on any machine.

A result that is kept has a note next to it with the fingerprint of what it was made of, written last. `is_kept` compares it: what was made of
anything else, or never finished, is made anew.
"""

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .atomic_files import atomic_write
from .errors import SGVGError
from .progress import Progress, silent

_BLOCK = 1 << 22

MADE_OF = "made_of.txt"
"""The name, or the end of the name, of the note next to a kept result."""


def fingerprint(parts: Sequence[Any]) -> str:
    """SHA-256 of networks (their tensors and settings), arrays and plain values, in order."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, torch.nn.Module):
            for name, tensor in part.state_dict().items():
                digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
                digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
            digest.update(json.dumps(list(_settings(part)), default=str).encode())
        elif isinstance(part, np.ndarray):
            digest.update(f"{part.dtype} {part.shape}".encode())
            digest.update(part.tobytes())
        else:
            digest.update(json.dumps(part, default=str).encode())
    return digest.hexdigest()


def file_sha256(path: Path, progress: Progress = silent) -> str:
    """SHA-256 of a file's bytes, in hexadecimal. `progress` counts bytes. Raises OSError when it can't be read."""
    digest, size, done = hashlib.sha256(), path.stat().st_size, 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            done += len(block)
            progress(done, size, "hashing")
    return digest.hexdigest()


def _settings(network: torch.nn.Module) -> Iterator[tuple[str, str, dict[str, str]]]:
    """The name, class and plain attributes of each part of a network: rates, sizes and labels, which no tensor holds."""
    for name, part in network.named_modules():
        plain = {key: repr(value) for key, value in vars(part).items() if not key.startswith("_") and key != "training" and _is_plain(value)}
        yield name, type(part).__name__, plain


def _is_plain(value: Any) -> bool:
    """Whether a value is made of numbers, texts and the like alone, so that its text says it all."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return all(_is_plain(getattr(value, field.name)) for field in dataclasses.fields(value))
    if isinstance(value, Mapping):
        return all(_is_plain(each) for pair in value.items() for each in pair)
    if isinstance(value, tuple | list):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, bool | int | float | str | slice)


def is_kept(note: Path, made_of: str) -> bool:
    """Whether what `note` is about is there and was made of this. If not, the note goes: nobody may take for whole what is made anew.

    `made_of` is a `fingerprint`.
    """
    try:
        if note.read_text(encoding="ascii").strip() == made_of:
            return True
    except (OSError, ValueError):
        return False
    note.unlink(missing_ok=True)
    return False


def note_kept(note: Path, made_of: str, error: type[SGVGError]) -> None:
    """Write the note of a result, which is whole by now. Raises `error` where it can't be written. `made_of` is a `fingerprint`."""
    with atomic_write(note, error) as part:
        part.write_text(made_of + "\n", encoding="ascii")
