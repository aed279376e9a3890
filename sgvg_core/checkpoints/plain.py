"""The door of the safe reader: any file of weights or latents as plain data and tensors. Nothing in a file is ever run.

>>> plain = read_plain("stylegan3-r-afhqv2-512x512.pkl")
>>> state, settings = network_state(plain.data["G_ema"])
"""

import dataclasses
from pathlib import Path
from typing import Any

import torch

from ..errors import CheckpointError
from .arrays import read_npy, read_npz
from .header import read_tensors
from .lazy_values import MAX_TENSORS
from .materialize import ForeignObject, Materializer, enough_memory
from .sniff import SCRIPT_ADVICE, Format, sniff
from .source import Source
from .torch_files import read_legacy, read_pickle, read_zip
from .zip_directory import ZipDirectory

MAX_NAME = 500
"""Longest name of a tensor in a network, in characters. Keys may be shared, names aren't: without a limit a small file has large ones."""

__all__ = ["ForeignObject", "Plain", "network_state", "read_plain", "script_state"]


@dataclasses.dataclass(frozen=True)
class Plain:
    """A file's content. `data` is made of dict, list, tuple, str, bytes, int, float, bool, None, torch.Tensor and ForeignObject.

    Numpy arrays are tensors, sets are lists, namespaces and EasyDicts are dicts, paths, devices and number types are texts. Tensors
    are on the CPU, of the type they're stored in; those that shared their memory share it still. `metadata` is the header's texts of a
    safetensors file.
    """

    format: Format
    data: Any
    metadata: dict[str, str] = dataclasses.field(default_factory=dict)


def read_plain(path: str | Path) -> Plain:
    """Read a pickle of networks, a file of torch.save (old or new) or torch.jit.save, a safetensors, .npy or .npz file, whatever its name ends in.

    Raises CheckpointError for everything else, and for everything in it that isn't data; see docs/checkpoints_security.md.
    """
    with Source.open(path) as source, enough_memory(source.where):
        kind, archive = sniff(source)
        metadata: dict[str, str] = {}
        lazy_values: Any
        if kind == "safetensors":
            lazy_values, metadata = read_tensors(source)
        elif archive is not None:
            lazy_values = read_npz(archive) if kind == "npz" else _read_script(archive) if kind == "torchscript" else read_zip(archive)
        else:
            lazy_values = {"npy": read_npy, "pickle": read_pickle, "torch legacy": read_legacy}[kind](source)
        return Plain(kind, Materializer(source.where, source.size).materialize(lazy_values), metadata)


def _read_script(archive: ZipDirectory) -> Any:
    try:
        return read_zip(archive, scripted=True)
    except CheckpointError as error:
        raise CheckpointError(f"{error}. It's a TorchScript archive: {SCRIPT_ADVICE}") from error


def network_state(network: ForeignObject) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """The state dict of a pickled torch network, by the names that its own `state_dict()` gives, and the settings it was made with.

    Raises CheckpointError if the object isn't a torch network.
    """
    state: dict[str, torch.Tensor] = {}
    _collect(network, "", state)
    settings = network.state.get("_init_kwargs", {})
    return state, settings if isinstance(settings, dict) else {}


def _collect(network: Any, prefix: str, state: dict[str, torch.Tensor]) -> None:
    """Names and tensors of one network and those in it; what was read is a tree of bounded depth, see `materialize`."""
    if len(prefix) > MAX_NAME:
        raise CheckpointError(f"a network with a name of more than {MAX_NAME} characters ({prefix[:80]!r}...); the file is malicious")
    where = repr(prefix.removesuffix("."))[:200] if prefix else "the network"
    if not isinstance(network, ForeignObject):
        raise CheckpointError(f"{where} is a {type(network).__name__}, expected a torch network; choose a file of a network")
    left_out = network.state.get("_non_persistent_buffers_set", ())
    missing = {name for name in left_out if isinstance(name, str)} if isinstance(left_out, list | tuple) else set()
    for part in ("_parameters", "_buffers", "_modules"):
        members = network.state.get(part)
        if not isinstance(members, dict):
            raise CheckpointError(f"{where} ({network.name!r}) has no {part}, so it's no torch network; choose a file of a network")
        for name, value in members.items():
            if value is None or (part == "_buffers" and name in missing):
                continue
            if part == "_modules":
                _collect(value, f"{prefix}{name}.", state)
            elif not isinstance(value, torch.Tensor):
                raise CheckpointError(f"{(prefix + str(name))[:200]!r} is a {type(value).__name__}, expected a tensor; the file is damaged")
            elif len(prefix) + len(str(name)) > MAX_NAME or len(state) >= MAX_TENSORS:
                raise CheckpointError(f"a network of more than {MAX_TENSORS} tensors or with names of more than {MAX_NAME} characters; it is damaged")
            else:
                state[f"{prefix}{name}"] = value


def script_state(module: Any, where: str) -> dict[str, torch.Tensor]:
    """The tensors of a TorchScript archive's data by name: those of its `state_dict()`, and tensors that are plain attributes.

    Which of a module's tensors are plain attributes is said in the archive's code alone, and code isn't read. `where` names the file in
    errors. Raises CheckpointError.
    """
    if not isinstance(module, ForeignObject):
        raise CheckpointError(f"{where}: a TorchScript archive of a {type(module).__name__}, expected a module; choose the file of a network")
    state: dict[str, torch.Tensor] = {}
    waiting: list[tuple[str, ForeignObject]] = [("", module)]
    while waiting:  # what was read is a tree of bounded size, see `materialize`
        prefix, owner = waiting.pop()
        if max(map(len, owner.state), default=0) + len(prefix) > MAX_NAME or len(state) > MAX_TENSORS:
            raise CheckpointError(f"{where}: a TorchScript archive of more than {MAX_TENSORS} tensors, or of endless names; the file is damaged")
        waiting += [(f"{prefix}{name}.", value) for name, value in owner.state.items() if isinstance(value, ForeignObject)]
        state |= {f"{prefix}{name}": value for name, value in owner.state.items() if isinstance(value, torch.Tensor)}
    return state
