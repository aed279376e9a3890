"""Weights that open_clip's models are kept in: read without running what they bring, renamed, and recognised."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import torch

from .. import checkpoints
from ..checkpoints.plain import read_plain, script_state
from ..errors import CheckpointError
from ..hashing import file_sha256

_OPENAI_EXTRAS = ("input_resolution", "context_length", "vocab_size")
_MADE_AGAIN = ("attn_mask", "position_ids")  # tables, not weights
_TEXT_KEYS = ("text_projection", "positional_embedding", "token_embedding", "transformer", "ln_final")


@dataclasses.dataclass(frozen=True)
class ForeignWeights:
    """A file's tensors under its own names, and the texts of its header if it's a safetensors file."""

    path: Path
    state: dict[str, torch.Tensor]
    metadata: dict[str, str]


def read_foreign(path: Path) -> ForeignWeights:
    """Read a safetensors file, one of torch.save (also a training checkpoint with a state_dict) or one of OpenAI's TorchScript archives.

    Whatever it is, it's read as data: nothing in it is run. Raises CheckpointError.
    """
    plain = read_plain(path)
    if plain.format == "torchscript":
        return ForeignWeights(path, script_state(plain.data, str(path)), {})
    data = plain.data.get("state_dict", plain.data) if isinstance(plain.data, dict) else plain.data
    if not isinstance(data, dict) or not data or not all(isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in data.items()):
        raise CheckpointError(f"CLIP weights: {path} holds no plain table of tensors; expected the state dict of an open_clip model")
    return ForeignWeights(path, data, plain.metadata)


def rename_state(state: Mapping[str, torch.Tensor], text_apart: bool) -> dict[str, torch.Tensor]:
    """A stored state dict under open_clip's present names, in float32.

    Drops the "module." of parallel training and what OpenAI's archives hold besides weights; with `text_apart` the text tower's
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


def fill(model: torch.nn.Module, state: dict[str, torch.Tensor], path: Path) -> None:
    """Give renamed weights to the model. Raises CheckpointError that names what is missing, unknown or of another shape.

    `state` are the tensors by the model's own names; `path` is named in errors.
    """
    wanted = model.state_dict()
    for name in ("logit_scale", "logit_bias"):  # [] in some versions, [1] in others
        if name in state and name in wanted and state[name].numel() == 1:
            state[name] = state[name].reshape(wanted[name].shape)
    checkpoints.load_state(model, state, f"CLIP weights: {path}")


def why_quick_gelu(weights: ForeignWeights, known_files: Mapping[str, str]) -> str | None:
    """Why a file of weights wants quick-GELU, in words, or None when nothing says so.

    OpenAI's networks and those trained in their likeness use x * sigmoid(1.702 x) instead of GELU, and the weights' names and
    shapes don't tell. What tells: OpenAI's extra entries, the file's own metadata, its name, or (`known_files`: first digits of
    a SHA-256 -> tag) what is inside it.
    """
    if any(name in weights.state for name in _OPENAI_EXTRAS):
        return "the file is OpenAI's own archive"
    if weights.metadata.get("quick_gelu", "").lower() in ("1", "true", "yes"):
        return "its metadata says so"
    stem = weights.path.stem.lower()
    if "quickgelu" in stem.replace("-", "").replace("_", "") or "openai" in stem:
        return f"its name, {weights.path.name}, says so"
    digest = file_sha256(weights.path) if known_files else ""
    tag = next((tag for known, tag in known_files.items() if digest.startswith(known)), None)
    return f"it is the known file of {tag}" if tag else None
