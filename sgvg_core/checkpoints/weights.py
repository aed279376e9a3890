"""Files of weights: safetensors with the configuration in the header under one key, so that a file says what to build.

The same model gives the same bytes: tensors and settings are sorted, nothing of time or machine is stored.
"""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch

from ..atomic_files import atomic_write
from ..errors import CheckpointError
from .header import ENTRY, FORMAT, Header, own_entry, read_tensors
from .materialize import Materializer, enough_memory
from .memory import as_type
from .source import Source


@dataclasses.dataclass(frozen=True)
class StoredWeights:
    """A file of weights: what it is, how it's built, and its tensors (of `read_weights` float32 where they're floating point)."""

    kind: str
    config: dict[str, Any]
    extra: dict[str, Any]
    state: dict[str, torch.Tensor]


def write_weights(
    path: str | Path,
    state: Mapping[str, torch.Tensor],
    *,
    kind: str,
    config: Mapping[str, Any],
    extra: Mapping[str, Any] | None = None,
    half: bool = False,
) -> None:
    """Write tensors with their `kind` ("generator", ...), configuration and further plain data; the file appears whole or not at all.

    `half` stores floating-point tensors as float16. Raises CheckpointError, also for weights that aren't finite.

    `state` are the tensors by name; `config` and `extra` (None: nothing more) are plain data, kept as JSON.
    """
    target = Path(path)
    try:
        entry = json.dumps({"format": FORMAT, "kind": kind, "config": dict(config), "extra": dict(extra or {})}, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{target}: the configuration can't be stored ({error}); expected plain numbers, texts, lists and objects") from error
    tensors: dict[str, torch.Tensor] = {}
    places: set[int] = set()
    for name in sorted(state):
        stored = _to_store(name, state[name], half, target)
        tensors[name] = stored.clone() if stored.untyped_storage().data_ptr() in places else stored
        places.add(tensors[name].untyped_storage().data_ptr())
    with atomic_write(target, CheckpointError) as part:
        try:
            safetensors.torch.save_file(tensors, part, metadata={ENTRY: entry})
        except safetensors.SafetensorError as error:  # it names a file of its own behind the words of the system's error
            reason = str(error).partition("I/O error: ")[2].partition(" (os error")[0] or str(error)
            raise CheckpointError(f"{target}: can't be written ({reason}); check the folder, its rights and the free space") from error


def _to_store(name: str, tensor: torch.Tensor, half: bool, path: Path) -> torch.Tensor:
    """Contiguous on the CPU, in memory that holds nothing else (its writer asks for that); as float16 if asked. Copied only if it must be."""
    stored = tensor.detach().to("cpu", torch.float16 if half and tensor.is_floating_point() else tensor.dtype).contiguous()
    if stored.untyped_storage().nbytes() != stored.nbytes:
        stored = stored.clone()
    if not is_finite(stored):
        if is_finite(tensor):
            raise CheckpointError(f"{path}: {name} holds {tensor.abs().max().item():.3g}, too much for float16 (65504); store it without half")
        raise CheckpointError(f"{path}: {name} holds NaN or infinity; such weights aren't stored: training went astray, take an earlier state")
    return stored


def is_finite(tensor: torch.Tensor) -> bool:
    """Whether no number of a tensor, of any shape, is NaN or infinity; in one pass, without a copy of its size."""
    if not tensor.is_floating_point() or tensor.numel() == 0:
        return True
    low, high = tensor.detach().aminmax()  # NaN goes through to both
    return bool(low.isfinite() & high.isfinite())


def read_weights(path: str | Path, kind: str | None = None) -> StoredWeights:
    """Read a file of `write_weights`; `kind` is what it must hold (None: whatever it holds). Floating-point tensors come back as float32.

    The file may come from anywhere: it's checked before anything is made of it. Its configuration is plain data, to be checked by
    `config.reading.from_dict`. Raises CheckpointError.
    """
    path = Path(path)
    with Source.open(path) as source, enough_memory(source.where):
        lazy_values, metadata = read_tensors(source)
        header = own_entry(metadata, path)
        if kind is not None and header.kind != kind:
            raise CheckpointError(f"{path}: got weights of a {header.kind}, expected those of a {kind}; choose another file")
        stored = stored_weights(header, Materializer(source.where, source.size).materialize(lazy_values), path)
        for name, tensor in stored.state.items():  # one after another, so that no more than one is in memory twice
            stored.state[name] = as_type(tensor, torch.float32) if tensor.is_floating_point() else tensor
        return stored


def stored_weights(header: Header, tensors: dict[str, torch.Tensor], path: Path) -> StoredWeights:
    """What was read as weights, of the types that it's stored in. Raises CheckpointError for numbers that aren't finite.

    `tensors` are the file's own, by name.
    """
    damaged = [name for name, tensor in tensors.items() if not is_finite(tensor)]
    if damaged:
        raise CheckpointError(f"{path}: {', '.join(damaged[:5])} hold NaN or infinity; the weights are damaged, get the file again")
    return StoredWeights(header.kind, header.config, header.extra, dict(sorted(tensors.items())))
