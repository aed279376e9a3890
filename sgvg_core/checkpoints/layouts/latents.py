"""Latents that other programs saved: one array, or a dictionary with one of the usual names.

Read are [D] (one latent for all layers), [L, D], [1, L, D] and [T, L, D], from .npy, .npz (NVIDIA's ``projected_w.npz`` holds ``w``), .pt
and .safetensors; and rosinality's projections, {picture: {"latent": [L, D] or [D], ...}}.
"""

from collections.abc import Mapping
from typing import Any

import torch

from ...errors import CheckpointError
from .recognised import Recognised

NAMES = ("ws", "w", "w_plus", "wplus", "latent", "latents", "latent_code", "latent_codes", "projected_w", "code", "codes", "trajectory")
"""Names that latents have in a dictionary, in the order in which they're looked for."""


def latents(data: Any) -> Recognised | None:
    """Latents as ``ws`` [T, L, D] (L is 1 where one latent serves all layers), float32.

    None where `data` holds no latents. Raises CheckpointError for latents of several shapes, or with numbers that aren't finite.
    """
    found, name = _find(data)
    if not found:
        return None
    shapes = {tuple(tensor.shape) for tensor in found}
    if len(shapes) > 1:
        raise CheckpointError(f"{len(found)} latents of several shapes ({', '.join(str(list(shape)) for shape in sorted(shapes))}), expected one")
    ws = torch.cat([_three_axes(tensor, name) for tensor in found]).float()
    if not bool(ws.isfinite().all()):
        raise CheckpointError(f"latents{name} with NaN or infinite numbers; make them again")
    config = {"num_ws": int(ws.shape[1]), "w_dim": int(ws.shape[2])}
    return Recognised("latents", f"array {'x'.join(map(str, found[0].shape))}", config, {"ws": ws})


def _find(data: Any) -> tuple[list[torch.Tensor], str]:
    """The tensors that are latents, and how to name them in errors."""
    if isinstance(data, torch.Tensor):
        return ([data] if _may_be(data) else []), ""
    if isinstance(data, list | tuple) and data and all(isinstance(item, torch.Tensor) and _may_be(item) for item in data):
        return list(data), ""
    if not isinstance(data, Mapping) or not data:
        return [], ""
    named = next((name for name in NAMES if isinstance(data.get(name), torch.Tensor)), None)
    if named is not None and len(data) <= len(NAMES) and _may_be(data[named]):
        return [data[named]], f" {named!r}"
    projected = [entry.get("latent") for entry in data.values() if isinstance(entry, Mapping)]
    if len(projected) == len(data) and all(isinstance(item, torch.Tensor) and _may_be(item) for item in projected):
        return [item for item in projected if isinstance(item, torch.Tensor)], " 'latent'"
    if len(data) == 1:  # numpy's savez names a nameless array arr_0
        only_name, only = next(iter(data.items()))
        if only_name == "arr_0" and isinstance(only, torch.Tensor) and _may_be(only):
            return [only], ""
    return [], ""


def _may_be(tensor: torch.Tensor) -> bool:
    return tensor.is_floating_point() and 1 <= tensor.ndim <= 4 and 0 not in tensor.shape and tensor.shape[-1] > 1


def _three_axes(tensor: torch.Tensor, name: str) -> torch.Tensor:
    """[T, L, D] of [D], [L, D], [T, L, D] or [1, T, L, D]."""
    if tensor.ndim == 4 and tensor.shape[0] == 1:
        tensor = tensor[0]
    if tensor.ndim > 3:
        raise CheckpointError(f"latents{name} of shape {list(tensor.shape)}, expected [L, D], [1, L, D] or [T, L, D]")
    while tensor.ndim < 3:
        tensor = tensor[None]
    return tensor
