"""What the pickle machine puts on its stack besides plain Python values: small notes of what a file says, nothing of it built yet.

A lazy value holds places in the file and checked numbers. Tensors are made of them only when the whole pickle was read without refusal
(see `materialize`), so that a refused file costs nothing.
"""

import dataclasses
from typing import Any

import torch

from .source import Source

MAX_TENSORS = 20_000
"""In one file. The largest networks that are read have some 3,000."""


@dataclasses.dataclass(frozen=True, eq=False)
class Blob:
    """Bytes that are in the file and weren't read yet; with an `encoding` they are text."""

    source: Source
    offset: int
    size: int
    encoding: str | None = None

    def read(self) -> bytes:
        """The bytes."""
        return self.source.read(self.offset, self.size)


@dataclasses.dataclass(frozen=True)
class StorageType:
    """The number type that a torch storage class stands for."""

    dtype: torch.dtype


@dataclasses.dataclass(eq=False)
class Storage:
    """The raw memory of one or more tensors; `place` is filled in when the file says where the bytes are."""

    dtype: torch.dtype
    num_bytes: int
    place: Blob | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class LazyTensor:
    """A strided view of a storage, checked against its bounds. Numbers count elements."""

    storage: Storage
    dtype: torch.dtype
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


@dataclasses.dataclass(eq=False)
class LazyDtype:
    """A numpy number type: kind and bytes ("f4"), byte order ("<", ">", "|", "=")."""

    code: str
    order: str = "="


@dataclasses.dataclass(eq=False)
class LazyArray:
    """A numpy array; without `dtype` it's still waiting for its state."""

    dtype: LazyDtype | None = None
    shape: tuple[int, ...] = ()
    fortran: bool = False
    data: Blob | None = None


@dataclasses.dataclass(eq=False)
class LazyObject:
    """An object of a class that isn't built; its state as the file gives it."""

    module: str
    name: str
    state: Any = None


@dataclasses.dataclass(eq=False)
class Attributes:
    """A namespace: an object that is nothing but its attributes."""

    values: dict[Any, Any] = dataclasses.field(default_factory=dict)
