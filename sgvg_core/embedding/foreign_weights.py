"""Weights that open_clip's models are kept in: read without running what they bring, renamed, and recognised."""

import hashlib
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ..errors import CheckpointError

_OPENAI_EXTRAS = ("input_resolution", "context_length", "vocab_size")
_MADE_AGAIN = ("attn_mask", "position_ids")  # tables, not weights
_TEXT_KEYS = ("text_projection", "positional_embedding", "token_embedding", "transformer", "ln_final")


def read_state(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a .safetensors file, of a file written by torch.save (tensors only), or of OpenAI's TorchScript archives.

    Raises CheckpointError when the file can't be read, or needs pickled objects to be run.
    """
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        if _is_torchscript(path):
            return dict(torch.jit.load(str(path), map_location="cpu").state_dict())
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise CheckpointError(f"CLIP weights: {path} isn't there") from error
    except Exception as error:
        raise CheckpointError(f"CLIP weights: {path} can't be read as safetensors, a torch file of tensors only, or TorchScript "
                              f"({type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no reason given'}); "
                              "convert it to .safetensors") from error
    stored = stored.get("state_dict", stored) if isinstance(stored, dict) else stored
    if not isinstance(stored, dict) or not all(isinstance(value, torch.Tensor) for value in stored.values()):
        raise CheckpointError(f"CLIP weights: {path} holds no plain table of tensors; expected the state dict of an open_clip model")
    return stored


def _is_torchscript(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any("/code/" in name for name in archive.namelist())


def rename_state(state: Mapping[str, torch.Tensor], text_apart: bool) -> dict[str, torch.Tensor]:
    """A stored state dict under open_clip's present names, in float32.

    Drops the "module." of parallel training and what OpenAI's archives hold beside weights; with `text_apart` the text tower's
    names get the "text." that open_clip's models with a tower of their own use.
    """
    renamed = {}
    for name, value in state.items():
        name = name.removeprefix("module.")
        if name in _OPENAI_EXTRAS or name.endswith(_MADE_AGAIN):
            continue
        if text_apart and name.split(".")[0] in _TEXT_KEYS:
            name = f"text.{name}"
        renamed[name] = value.float() if value.is_floating_point() else value
    return renamed


def load_state(model: torch.nn.Module, state: dict[str, torch.Tensor], path: Path) -> None:
    """Give the weights to the model; raises CheckpointError that names what is missing, unknown or of another shape."""
    wanted = model.state_dict()
    for name in ("logit_scale", "logit_bias"):
        if name in state and name in wanted:
            state[name] = state[name].reshape(wanted[name].shape)
    problems = [f"missing {name}" for name in wanted if name not in state]
    problems += [f"unknown {name}" for name in state if name not in wanted]
    problems += [f"{name}: got shape {list(state[name].shape)}, expected {list(value.shape)}"
                 for name, value in wanted.items() if name in state and state[name].shape != value.shape]
    if problems:
        shown = "; ".join(problems[:6]) + (f"; and {len(problems) - 6} more" if len(problems) > 6 else "")
        raise CheckpointError(f"CLIP weights: {path} are of another model: {shown}; name the model they belong to")
    model.load_state_dict(state)


def why_quick_gelu(path: Path, state: Mapping[str, torch.Tensor], known_files: Mapping[str, str]) -> str | None:
    """Why a file of weights wants quick-GELU, in words, or None when nothing says so.

    OpenAI's networks and those trained in their likeness use x * sigmoid(1.702 x) instead of GELU, and the weights' names and
    shapes don't tell. What tells: OpenAI's extra entries, the file's own metadata, its name, or (`known_files`: first digits of
    a SHA-256 -> tag) what is inside it.
    """
    if any(name in state for name in _OPENAI_EXTRAS):
        return "the file is OpenAI's own archive"
    metadata = _metadata(path)
    if str(metadata.get("quick_gelu", "")).lower() in ("1", "true", "yes"):
        return "its metadata says so"
    if "quickgelu" in path.stem.lower().replace("-", "").replace("_", "") or "openai" in path.stem.lower():
        return f"its name, {path.name}, says so"
    digest = _sha256(path) if known_files else ""
    tag = next((tag for known, tag in known_files.items() if digest.startswith(known)), None)
    return f"it is the known file of {tag}" if tag else None


def _metadata(path: Path) -> dict[str, Any]:
    if path.suffix != ".safetensors":
        return {}
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
    found = header.get("__metadata__", {})
    return found if isinstance(found, dict) else {}


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            digest.update(block)
    return digest.hexdigest()
