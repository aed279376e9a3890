"""The header of a safetensors file, read as hostile input: nothing is believed before it's checked.

A file is eight bytes (the header's size, little endian), the header (a JSON object: tensor name -> type, shape and place in the data;
and `__metadata__`, texts by name), then the data. See https://github.com/huggingface/safetensors#format
"""

import dataclasses
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ..errors import CheckpointError
from .lazy_values import MAX_TENSORS, Blob, LazyTensor, Storage
from .sniff import START, is_pickle, is_safetensors, name_strangers
from .source import Source

FORMAT = 1
"""Version of our own entry in the header."""
ENTRY = "sgvg"
"""The key of our own entry in `__metadata__`."""

MAX_HEADER_BYTES = 16 * 2**20
MAX_ENTRY_CHARACTERS = 8 * 2**20
MAX_ITEMS = 500_000
"""Commas and opening brackets of a JSON text: what it takes in memory goes by these, not by its bytes."""
MAX_AXES = 8
MAX_DEPTH = 16
MAX_NAME_CHARACTERS = 500

_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


@dataclasses.dataclass(frozen=True)
class Header:
    """What the header of one of our files says, checked."""

    kind: str
    config: dict[str, Any]
    extra: dict[str, Any]


def read_tensors(source: Source) -> tuple[dict[str, LazyTensor], dict[str, str]]:
    """The tensors of any safetensors file, and the texts of its `__metadata__`. Raises CheckpointError."""
    header, metadata, begin = _checked(source)
    tensors: dict[str, LazyTensor] = {}
    for name, entry in header.items():
        dtype, shape, (first, last) = _DTYPES[entry["dtype"]], tuple(entry["shape"]), entry["data_offsets"]
        storage = Storage(dtype, last - first, Blob(source, begin + first, last - first))
        stride = tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))
        tensors[name] = LazyTensor(storage, dtype, 0, shape, stride)
    texts = metadata.items() if isinstance(metadata, dict) else ()
    return tensors, {name: text for name, text in texts if isinstance(text, str)}


def own_entry(metadata: Mapping[str, str], path: Path) -> Header:
    """What one of our files says about itself, checked; `metadata` are the texts of its header. Raises CheckpointError."""
    text = metadata.get(ENTRY)
    if text is None:
        raise CheckpointError(
            f"{path}: a safetensors file without the entry {ENTRY!r} in its header, so it's none of this program's; choose a file of a model folder"
        )
    if len(text) > MAX_ENTRY_CHARACTERS:
        raise CheckpointError(f"{path}: header entry {ENTRY!r} has {len(text)} characters, at most {MAX_ENTRY_CHARACTERS} are read")
    entry = _parse(text, f"{path}: header entry {ENTRY!r}")
    if not isinstance(entry, dict) or type(entry.get("format")) is not int:
        raise CheckpointError(f"{path}: header entry {ENTRY!r} has no format number; the file is damaged, get it again")
    if entry["format"] != FORMAT:
        raise CheckpointError(f"{path}: got format {entry['format']}, expected {FORMAT}; a newer version of this program wrote it: update")
    unknown = sorted(set(entry) - {"format", "kind", "config", "extra"})
    if unknown:
        raise CheckpointError(f"{path}: header entry {ENTRY!r}: unknown {', '.join(repr(name[:40]) for name in unknown[:8])}")
    kind, config, extra = entry.get("kind"), entry.get("config"), entry.get("extra", {})
    if not isinstance(kind, str) or not isinstance(config, dict) or not isinstance(extra, dict):
        raise CheckpointError(f"{path}: header entry {ENTRY!r}: expected a kind (text), a config and an extra (objects)")
    return Header(kind[:80], config, extra)


def _checked(source: Source) -> tuple[dict[str, Any], Any, int]:
    """The tensors' entries, all sound; the metadata, of any kind; and where the data begins."""
    total, path = source.size, Path(source.where)
    start = source.read(0, min(START, total))
    name_strangers(start, total, source.where)
    if start[:4] == b"PK\x03\x04":
        raise CheckpointError(f"{path}: a zip archive (most likely a PyTorch .pt file), expected safetensors; `convert` makes one of it")
    if is_pickle(start):
        raise CheckpointError(f"{path}: a pickle file, expected safetensors; `convert` makes one of it")
    if not is_safetensors(start, total):
        raise CheckpointError(f"{path}: not a safetensors file (it begins with {start[:12]!r}), or cut off; choose a .safetensors file of weights")
    num_bytes = int.from_bytes(start[:8], "little")
    if num_bytes > MAX_HEADER_BYTES:
        raise CheckpointError(f"{path}: not a safetensors file (its header would have {num_bytes} bytes, at most {MAX_HEADER_BYTES} are read)")
    if total < 8 + num_bytes:
        raise CheckpointError(f"{path}: cut off in its header (got {total} bytes, expected more than {8 + num_bytes}); copy or download it again")
    header = _parse(source.read(8, num_bytes), f"{path}: header")
    if not isinstance(header, dict):
        raise CheckpointError(f"{path}: header is not an object; not a safetensors file")
    metadata = header.pop("__metadata__", {})
    _check_tensors(header, total - 8 - num_bytes, path)
    return header, metadata, 8 + num_bytes


def _parse(data: bytes | str, where: str) -> Any:
    """JSON without repeated names, NaN or endless nesting."""
    try:
        if isinstance(data, bytes):
            data = data.decode("utf-8")
        if sum(map(data.count, ",[{")) > MAX_ITEMS:
            raise CheckpointError(f"{where}: more than {MAX_ITEMS} items; the file is corrupt or malicious")
        parsed = json.loads(data, object_pairs_hook=_without_repeats, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise CheckpointError(f"{where}: nested too deeply; the file is corrupt or malicious") from error
    except ValueError as error:  # JSONDecodeError and UnicodeDecodeError are both
        raise CheckpointError(f"{where}: not readable as JSON ({error}); the file is damaged, get it again") from error
    level, layer = 0, [parsed]
    while layer:
        level += 1
        if level > MAX_DEPTH:
            raise CheckpointError(f"{where}: nested deeper than {MAX_DEPTH} levels; the file is corrupt or malicious")
        inner: list[Any] = []
        for item in layer:
            inner.extend(item.values() if isinstance(item, dict) else item if isinstance(item, list) else ())
        layer = inner
    return parsed


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        repeated = sorted({name[:80] for name in found if names.count(name) > 1}) if len(names) < 1000 else ["..."]
        raise ValueError(f"{', '.join(map(repr, repeated))} is there twice")
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number of JSON")


def _check_tensors(tensors: dict[str, Any], num_data_bytes: int, path: Path) -> None:
    """The tensors must fill the data from end to end, without holes and overlaps, each as large as its shape says."""
    if len(tensors) > MAX_TENSORS:
        raise CheckpointError(f"{path}: got {len(tensors)} tensors, at most {MAX_TENSORS} are read")
    places = sorted((*_place(name, entry, path), name) for name, entry in tensors.items())
    reached = 0
    for begin, end, name in places:
        if begin != reached:
            raise CheckpointError(f"{path}: tensor {name!r} begins at byte {begin}, expected {reached}; the file is damaged, get it again")
        reached = end
    if reached > num_data_bytes:
        raise CheckpointError(f"{path}: cut off (got {num_data_bytes} bytes of tensors, expected {reached}); copy or download it again")
    if reached < num_data_bytes:
        raise CheckpointError(f"{path}: {num_data_bytes - reached} bytes too many after the last tensor; the file is damaged, get it again")


def _place(name: str, entry: Any, path: Path) -> tuple[int, int]:
    """First and last byte of a tensor whose entry is sound."""
    if len(name) > MAX_NAME_CHARACTERS:
        raise CheckpointError(f"{path}: a tensor's name has {len(name)} characters, at most {MAX_NAME_CHARACTERS} are read")
    where = f"{path}: tensor {name!r}"
    if not name.isprintable():  # messages show names: none may bring line breaks or a terminal's control characters along
        raise CheckpointError(f"{where}: its name has characters that can't be printed; the file is corrupt or malicious")
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise CheckpointError(f"{where}: expected dtype, shape and data_offsets; the file is damaged, get it again")
    shape, offsets, dtype = entry["shape"], entry["data_offsets"], entry["dtype"]
    if not isinstance(dtype, str) or dtype not in _DTYPES:
        raise CheckpointError(f"{where}: number type {str(dtype)[:40]!r} isn't read; known are {', '.join(_DTYPES)}")
    if not _are_counts(shape) or len(shape) > MAX_AXES:
        raise CheckpointError(f"{where}: got shape {str(shape)[:80]}, expected up to {MAX_AXES} whole numbers")
    if not _are_counts(offsets) or len(offsets) != 2:
        raise CheckpointError(f"{where}: got data_offsets {str(offsets)[:80]}, expected two whole numbers")
    expected = math.prod(shape) * _DTYPES[dtype].itemsize
    if offsets[1] - offsets[0] != expected:
        raise CheckpointError(f"{where}: got {offsets[1] - offsets[0]} bytes, expected {expected} for shape {shape}; the file is damaged")
    return offsets[0], offsets[1]


def _are_counts(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int and 0 <= value < 2**48 for value in values)
