"""PyTorch conversions of StyleGAN2 (rosinality/stylegan2-pytorch and everything grown from it): `g_ema`, `g`, `d`, `latent_avg`."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import torch

from ...errors import CheckpointError
from ...randomness import normal
from .discriminator import assembled as assembled_discriminator
from .recognised import Recognised, is_state
from .stylegan2 import USUAL_LR_MULTIPLIER, assembled, check_filters, listed, map_size, shaped, without_prefix

_MARK = "input.input"
_D_MARK = "final_linear.1.weight"
_LEAVES = {
    "conv.weight": "weight",
    "conv.modulation.weight": "affine.weight",
    "conv.modulation.bias": "affine.bias",
    "noise.weight": "noise_strength",
    "activate.bias": "bias",
}
_IMAGE_LEAVES = {name: leaf for name, leaf in _LEAVES.items() if name.startswith("conv.")} | {"bias": "bias"}
_D_LEAVES = {"conv1.0.weight": "conv0.weight", "conv1.1.bias": "conv0.bias", "conv2.1.weight": "conv1.weight", "conv2.2.bias": "conv1.bias",
             "skip.1.weight": "skip.weight"}
_D_END = {
    "final_conv.0.weight": "b4.conv.weight",
    "final_conv.1.bias": "b4.conv.bias",
    "final_linear.0.weight": "b4.fc.weight",
    "final_linear.0.bias": "b4.fc.bias",
    "final_linear.1.weight": "b4.out.weight",
    "final_linear.1.bias": "b4.out.bias",
}


def network(state: Mapping[str, torch.Tensor], latent_avg: Any = None) -> Recognised | None:
    """One network of this layout in the tensors `state`, or None. `latent_avg` is the mean latent that the file gives with it; None: it gives none.
    """
    if not is_state(state) or any(name.startswith(("encoder.", "module.encoder.")) for name in state):
        return None  # an encoder that brings its generator along is another rule's
    own = without_prefix(state, _MARK)
    if own is not None and "conv1.conv.modulation.weight" in own:
        return generator(own, latent_avg)
    own = without_prefix(state, _D_MARK)
    if own is not None and "final_conv.0.weight" in own:
        return _discriminator(own)
    return None


def generator(state: Mapping[str, torch.Tensor], latent_avg: Any = None) -> Recognised:
    """A generator of this layout in the tensors `state`, its names without anything in front. `latent_avg` is that of `network`.

    Raises CheckpointError for its cousins that aren't served.
    """
    if any(".iwt." in name for name in state):
        raise CheckpointError("a generator of wavelets (SWAGAN), which isn't served; choose a StyleGAN2 generator")
    notes = check_filters(((name, tensor) for name, tensor in state.items() if name.endswith("kernel")), gain=4)  # all of them double the size
    ours = dict(_renamed(state))
    notes += _noise_maps(state, ours)
    dropped = [name for name in state if not name.endswith("kernel") and not name.startswith("noises.") and _name(name) is None]
    if dropped:
        notes.append(f"dropped {len(dropped)} tensors that no StyleGAN2 generator has: {listed(dropped)}")
    w_dim = shaped(ours, "synthesis.b4.conv1.affine.weight", 2)[1]
    notes += _mean_latent(latent_avg, w_dim, ours)
    notes.append(f"assumed that the mapping's learning rate multiplier is {USUAL_LR_MULTIPLIER}, that layout's own: the file doesn't say it")
    return assembled(ours, "converted", conv_clamp=None, lr_multiplier=USUAL_LR_MULTIPLIER, notes=notes)


def _renamed(state: Mapping[str, torch.Tensor]) -> Iterator[tuple[str, torch.Tensor]]:
    for name, tensor in state.items():
        new = _name(name)
        if new is None:
            continue
        if new.endswith((".const", ".weight")) and tensor.ndim > 2 and tensor.shape[0] == 1:
            tensor = tensor[0]
        elif new.endswith((".bias", "noise_strength")):
            tensor = tensor.reshape([] if new.endswith("noise_strength") and tensor.numel() == 1 else [-1])
        yield new, tensor


def _name(name: str) -> str | None:
    """NVIDIA's name of a tensor, or None."""
    if name == _MARK:
        return "synthesis.b4.const"
    if found := re.fullmatch(r"style\.(\d+)\.(weight|bias)", name):
        return f"mapping.fc{int(found[1]) - 1}.{found[2]}"
    found = re.fullmatch(r"(conv1|to_rgb1|convs\.\d+|to_rgbs\.\d+)\.(.+)", name)
    leaf = None if found is None else (_IMAGE_LEAVES if "rgb" in found[1] else _LEAVES).get(found[2])
    if found is None or leaf is None:
        return None
    layer, _, number = found[1].partition(".")
    index = int(number or 0)
    place = {
        "conv1": "b4.conv1",
        "to_rgb1": "b4.torgb",
        "convs": f"b{8 << min(index // 2, 20)}.conv{index % 2}",
        "to_rgbs": f"b{8 << min(index, 20)}.torgb",
    }[layer]
    return f"synthesis.{place}.{leaf}"


def _noise_maps(state: Mapping[str, torch.Tensor], ours: dict[str, torch.Tensor]) -> list[str]:
    """Put the noise maps among our tensors; where the file has none, they're drawn from a seed."""
    blocks = sorted({int(name.split(".")[1][1:]) for name in ours if name.endswith(".conv1.weight")})
    layers = [f"synthesis.b{size}.conv{index}" for size in blocks for index in ((1,) if size == 4 else (0, 1))]
    drawn = 0
    for number, layer in enumerate(layers):
        stored = state.get(f"noises.noise_{number}")
        if stored is None:
            stored = normal(0, "absent noise map", number, 1, 1, *map_size(layer, shaped(ours, "synthesis.b4.const", 3)[1:]))
            drawn += 1
        ours[f"{layer}.noise_const"] = stored.reshape(stored.shape[-2:]) if stored.ndim == 4 and stored.shape[:2] == (1, 1) else stored
    return [f"{drawn} noise maps are absent: they were drawn from seed 0"] if drawn else []


def _mean_latent(stored: Any, w_dim: int, ours: dict[str, torch.Tensor]) -> list[str]:
    if not isinstance(stored, torch.Tensor):
        return []
    if stored.numel() == 0 or stored.shape[-1:] != (w_dim,):
        return [f"latent_avg of shape {list(stored.shape)} was dropped: it isn't one of {w_dim} numbers"]
    rows = stored.reshape(-1, w_dim)
    ours["mapping.w_avg"] = rows.float().mean(0) if len(rows) > 1 else rows[0]
    return [f"latent_avg has {len(rows)} rows: w_avg is their mean"] if len(rows) > 1 else []


def _discriminator(state: Mapping[str, torch.Tensor]) -> Recognised:
    notes = check_filters((name, tensor) for name, tensor in state.items() if name.endswith("kernel"))
    blocks = {int(found[1]) for name in state if (found := re.fullmatch(r"convs\.(\d{1,2})\.conv1\.0\.weight", name))}
    top = 4 << len(blocks)
    ours, dropped = {}, []
    for name, tensor in state.items():
        new = _D_END.get(name) or _discriminator_name(name, top)
        if new is not None:
            ours[new] = tensor.reshape(-1) if new.endswith(".bias") else tensor
        elif not name.endswith("kernel"):
            dropped.append(name)
    notes += [f"dropped {len(dropped)} tensors that no such discriminator has: {listed(dropped)}"] if dropped else []
    return assembled_discriminator(ours, "converted", conv_clamp=None, notes=notes)


def _discriminator_name(name: str, top: int) -> str | None:
    if found := re.fullmatch(r"convs\.0\.(0\.weight|1\.bias)", name):
        return f"b{top}.fromrgb.{found[1][2:]}"
    found = re.fullmatch(r"convs\.([1-9]\d?)\.(.+)", name)
    if found is None or found[2] not in _D_LEAVES:
        return None
    return f"b{top >> (int(found[1]) - 1)}.{_D_LEAVES[found[2]]}"
