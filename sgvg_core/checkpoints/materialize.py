"""From what the pickle machine left (plain and lazy values) to plain data and tensors, the last step and the only one that takes memory.

What comes out is a tree that every reader may walk without care: no cycles, at most MAX_DEPTH levels, at most MAX_GROUPS lists and
dictionaries, and written out without sharing at most MOST_UNFOLDED times the file (plus ALWAYS_UNFOLDED bytes) and as many nodes (plus
ALWAYS_NODES, up to MAX_NODES), so that whoever walks it does work in proportion to the file.
"""

import contextlib
import dataclasses
import math
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import torch

from ..errors import CheckpointError
from .allowed import NUMPY_DTYPES, Allowed
from .lazy_values import (
    Attributes,
    Blob,
    LazyArray,
    LazyDtype,
    LazyObject,
    LazyTensor,
    Storage,
)
from .memory import fresh
from .source import ALWAYS_UNFOLDED, MOST_UNFOLDED, Source

MAX_DEPTH = 64
MAX_NODES = 1_000_000
ALWAYS_NODES = 2**16
"""Items that any file may have written out without sharing; beyond, as many as MOST_UNFOLDED times its bytes, up to MAX_NODES."""
MAX_GROUPS = 100_000


@dataclasses.dataclass(frozen=True)
class ForeignObject:
    """An object of a class that was not built: its module and name as texts, and its state as plain data.

    Networks of NVIDIA's torch files have an empty `module`: their class came with the file as source code, which isn't read.
    """

    module: str
    name: str
    state: dict[str, Any]


@dataclasses.dataclass(slots=True)
class _Weight:
    """A settled value, and what it would be without sharing: nodes, bytes and levels."""

    value: Any
    nodes: int = 1
    num_bytes: int = 0
    height: int = 0
    lazy: Any = None  # kept, so that its id isn't given to another
    named: bool = False  # a dictionary whose keys are texts: looked at once, however many networks share it


@contextlib.contextmanager
def enough_memory(where: str) -> Iterator[None]:
    """Too little memory, Python's or torch's, as a CheckpointError."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "alloc" not in str(error):  # torch has no type of its own for it
            raise
        raise CheckpointError(f"{where}: not enough memory is free for it; close other programs or use a machine with more") from error


class Materializer:
    """Makes one file's plain data; `size` is the file's, in bytes, and `where` names it in errors."""

    def __init__(self, where: str, size: int) -> None:
        self.where = where
        self._allowed_bytes = MOST_UNFOLDED * size + ALWAYS_UNFOLDED
        self._allowed_nodes = min(MAX_NODES, MOST_UNFOLDED * size + ALWAYS_NODES)
        self._done: dict[int, _Weight] = {}
        self._open: set[int] = set()
        self._raw: dict[tuple[Source, int, int, bool], torch.Tensor] = {}
        self._copied = self._groups = 0

    def materialize(self, value: Any) -> Any:
        """The plain data. Raises CheckpointError."""
        return self._materialize(value, 0).value

    def _materialize(self, value: Any, depth: int) -> _Weight:
        kind = type(value)
        if kind in (int, float, bool, str, type(None), bytes):
            return _Weight(value, 1, len(value) if kind in (str, bytes) else 0)
        known = self._done.get(id(value))
        if known is None:
            if id(value) in self._open:
                self._refuse("a cyclic reference")
            self._open.add(id(value))
            known = self._make(value, depth)
            self._open.discard(id(value))
            known.lazy = value
            self._done[id(value)] = known
        if depth + known.height > MAX_DEPTH:
            self._refuse(f"data nested deeper than {MAX_DEPTH} levels")
        return known

    def _make(self, value: Any, depth: int) -> _Weight:
        if depth > MAX_DEPTH:
            self._refuse(f"data nested deeper than {MAX_DEPTH} levels")
        if isinstance(value, (list, tuple)):
            return self._group(list(value), depth, type(value))
        if isinstance(value, Attributes):
            value = value.values
        if isinstance(value, dict):
            weight = self._group(list(value.values()), depth, lambda made: dict(zip(value, made, strict=True)))
            weight.named = all(isinstance(key, str) for key in value)
            return weight
        if isinstance(value, LazyObject):
            return self._foreign(value, depth)
        if isinstance(value, LazyTensor):
            return self._whole(self._tensor(value))
        if isinstance(value, LazyArray):
            return self._whole(self._array(value))
        if isinstance(value, Blob):
            return self._text(value)
        if isinstance(value, Storage):
            return self._whole(self._memory(value, value.dtype).view(value.dtype))
        if isinstance(value, Allowed) and isinstance(value.value, str):
            return _Weight(value.value)
        if isinstance(value, LazyDtype):
            return _Weight(str(NUMPY_DTYPES[value.code]))
        return self._refuse(f"{value.name if isinstance(value, Allowed) else type(value).__name__} where data is expected")

    def _group(self, values: list[Any], depth: int, form: Callable[[list[Any]], Any]) -> _Weight:
        self._groups += 1
        if self._groups > MAX_GROUPS:
            self._refuse(f"data of more than {MAX_GROUPS} lists and dictionaries")
        made, nodes, num_bytes, height = [], 1, 0, 0
        for value in values:
            weight = self._materialize(value, depth + 1)
            made.append(weight.value)
            nodes, num_bytes, height = nodes + weight.nodes, num_bytes + weight.num_bytes, max(height, weight.height + 1)
            self._check_weight(nodes, num_bytes)  # at once: what follows may ask for the same again and again
        return _Weight(form(made), nodes, num_bytes, height)

    def _check_weight(self, nodes: int, num_bytes: int) -> None:
        if nodes > self._allowed_nodes:
            self._refuse(f"data of more than {self._allowed_nodes} items")
        if num_bytes > self._allowed_bytes:
            self._refuse(f"data that unfolds to {num_bytes} bytes (at most {self._allowed_bytes}: {MOST_UNFOLDED} times the file and 64 MiB)")

    def _foreign(self, value: LazyObject, depth: int) -> _Weight:
        weight = self._materialize({} if value.state is None else value.state, depth + 1)
        if not weight.named:
            self._refuse(f"a network {value.name!r} whose state isn't a dictionary of named things")
        return _Weight(ForeignObject(value.module, value.name, weight.value), weight.nodes + 1, weight.num_bytes, weight.height + 1)

    def _text(self, blob: Blob) -> _Weight:
        self._check_weight(1, blob.size)
        try:
            value = blob.read().decode(blob.encoding) if blob.encoding else blob.read()
        except UnicodeDecodeError:
            self._refuse(f"a text that isn't {blob.encoding}")
        return _Weight(value, 1, blob.size)

    # -- tensors

    def _whole(self, tensor: torch.Tensor) -> _Weight:
        return _Weight(tensor, 1, tensor.numel() * tensor.element_size())

    def _tensor(self, lazy: LazyTensor) -> torch.Tensor:
        size = math.prod(lazy.shape) * lazy.dtype.itemsize
        self._check_weight(1, size)
        if not size:
            return torch.empty(lazy.shape, dtype=lazy.dtype)
        raw = self._memory(lazy.storage, lazy.dtype)
        view = raw[: raw.numel() // lazy.dtype.itemsize * lazy.dtype.itemsize].view(lazy.dtype)
        view = view.as_strided(lazy.shape, lazy.stride, lazy.offset)
        if _elements_apart(lazy.shape, lazy.stride):
            return view
        self._count_copy(size)
        return view.contiguous()

    def _array(self, lazy: LazyArray) -> torch.Tensor:
        if lazy.dtype is None or lazy.data is None:
            self._refuse("a numpy array without its state")
        dtype = NUMPY_DTYPES[lazy.dtype.code]
        raw = self._bytes(lazy.data, dtype == torch.bool)
        if lazy.dtype.order == ">" and dtype.itemsize > 1:
            self._count_copy(raw.numel())
            raw = raw.view(-1, dtype.itemsize).flip(1).reshape(-1)
        flat = raw.view(dtype)
        return flat.view(lazy.shape[::-1]).permute(*range(len(lazy.shape) - 1, -1, -1)) if lazy.fortran and lazy.shape else flat.view(lazy.shape)

    def _count_copy(self, size: int) -> None:
        """Count bytes that are made in addition to those of the file, before they are."""
        self._copied += size
        self._check_weight(1, self._copied)

    def _memory(self, storage: Storage, dtype: torch.dtype) -> torch.Tensor:
        if storage.place is None:
            self._refuse("a tensor whose bytes aren't in the file")
        return self._bytes(storage.place, dtype == torch.bool)

    def _bytes(self, place: Blob, are_bools: bool) -> torch.Tensor:
        """The bytes of a place as a tensor of their own, read once; tensors of the same storage share it."""
        key = (place.source, place.offset, place.size, are_bools)
        if key not in self._raw:
            memory = fresh(place.size)
            if place.size:
                place.source.read_into(place.offset, memory.numpy().data)
            if are_bools:
                memory = memory.ne_(0)  # a bool of another byte than 0 and 1 has no meaning to torch
            self._raw[key] = memory
        return self._raw[key]

    def _refuse(self, what: str) -> NoReturn:
        raise CheckpointError(f"{self.where}: refused {what}; the file is corrupt or malicious. Get it again from its source")


def _elements_apart(shape: tuple[int, ...], stride: tuple[int, ...]) -> bool:
    """Whether no two elements of such a view are the same place. An expanded view, written to in place, would change all its copies."""
    reached = 1
    for step, size in sorted((step, size) for step, size in zip(stride, shape, strict=True) if size != 1):
        if step < reached:
            return False
        reached = step * (size - 1) + reached
    return True
