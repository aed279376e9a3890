"""NVIDIA's StyleGAN2 generators: networks pickled whole (stylegan2-ada-pytorch, stylegan3) and bare tables of their tensors."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch

from ...errors import CheckpointError
from ..plain import ForeignObject, network_state
from .persistent import module_attributes, number, one_value
from .recognised import Recognised, is_state

_MARK = "synthesis.b4.const"
_LAYER = r"affine\.(weight|bias)|weight|bias"
_OURS = re.compile(
    rf"mapping\.(w_avg|embed\.(weight|bias)|fc\d+\.(weight|bias))"
    rf"|synthesis\.b\d+\.(const|skip\.weight|conv[01]\.({_LAYER}|noise_const|noise_strength)|torgb\.({_LAYER}))"
)
_FILTER = re.compile(r"(.*\.)?resample_filter")
TAPS = (1.0, 3.0, 3.0, 1.0)
"""The doubling and halving filter that everything here is made for."""
USUAL_LR_MULTIPLIER, USUAL_CLAMP = 0.01, 256.0
MAX_PIXELS = 2**23
"""Noise maps that a file lacks are made for features of up to this number of pixels: a few bytes may not ask for gigabytes."""


def generator(data: Any) -> Recognised | None:
    """A rule: one network of NVIDIA's StyleGAN2 layout, pickled whole or as a table of tensors."""
    if isinstance(data, ForeignObject):
        if not isinstance(data.state.get("_modules"), dict):
            return None
        state, _ = network_state(data)
        return _pickled(data, state) if _MARK in state else None
    if not is_state(data):
        return None
    own = without_prefix(data, _MARK)
    return None if own is None else _bare(own)


def without_prefix(state: Mapping[str, torch.Tensor], mark: str) -> dict[str, torch.Tensor] | None:
    """The part of a table of tensors (`state`) whose names end in those of a network with a tensor named `mark` ("module." in front, ...), or None.
    """
    for name in state:
        if name == mark or name.endswith("." + mark):
            prefix = name[: -len(mark)]
            return {each[len(prefix) :]: tensor for each, tensor in state.items() if each.startswith(prefix)}
    return None


def _pickled(network: ForeignObject, state: dict[str, torch.Tensor]) -> Recognised:
    attributes = module_attributes(network)
    layers = [path for path in attributes if re.fullmatch(r"synthesis\.b\d+\.(conv[01]|torgb)", path)]
    mapping = [path for path in attributes if re.fullmatch(r"mapping\.fc\d+", path)]
    check_activation(attributes, [*mapping, *[path for path in layers if "conv" in path]])
    clamp = number(one_value(attributes, "conv_clamp", layers, None))
    lr_multiplier = number(one_value(attributes, "bias_gain", mapping, USUAL_LR_MULTIPLIER))
    return assembled(state, "nvidia-stylegan2-ada", conv_clamp=clamp, lr_multiplier=lr_multiplier)


def _bare(state: dict[str, torch.Tensor]) -> Recognised:
    note = (
        f"a table of tensors only: assumed that the mapping's learning rate multiplier is {USUAL_LR_MULTIPLIER} and that features are "
        f"clamped at {USUAL_CLAMP:.0f}, as in NVIDIA's own training"
    )
    return assembled(state, "nvidia-stylegan2-ada", conv_clamp=USUAL_CLAMP, lr_multiplier=USUAL_LR_MULTIPLIER).with_notes(note)


def check_activation(attributes: dict[str, dict[str, Any]], paths: list[str]) -> None:
    """Raise CheckpointError unless all layers at `paths` end in a leaky ReLU, as far as they say. `attributes` are those of each, by its path."""
    activation = one_value(attributes, "activation", paths, "lrelu")
    if activation != "lrelu":
        raise CheckpointError(f"got layers with activation {str(activation)[:40]!r}, only 'lrelu' is served")


def check_filters(filters: Iterable[tuple[str, torch.Tensor]], gain: float = 1.0) -> list[str]:
    """Raise CheckpointError unless every one of `filters` (name, taps) is [1, 3, 3, 1] in both directions, its sum `gain`; else what's to be said of
    them.
    """
    taps = torch.tensor(TAPS)
    wanted = torch.outer(taps, taps) * (gain / taps.sum() ** 2)
    filters = list(filters)
    for name, stored in filters:
        kernel = stored.float()
        if kernel.shape != wanted.shape or not torch.allclose(kernel, wanted, atol=1e-4):
            said = f"a filter of shape {list(stored.shape)} and sum {kernel.sum().item():.4g}"
            raise CheckpointError(f"{name}: {said}; only [1, 3, 3, 1] in both directions is served, of sum {gain:g}")
    return [f"dropped {len(filters)} copies of the constant filter [1, 3, 3, 1]"] if filters else []


def assembled(
    state: Mapping[str, torch.Tensor], layout: str, *, conv_clamp: float | None, lr_multiplier: float | None, notes: Iterable[str] = ()
) -> Recognised:
    """What the tensors `state` under NVIDIA's names are: configuration from shapes, what is no weight dropped, what is absent said.

    `layout` is what reports call it, `notes` what was found out on the way. `conv_clamp` is that of `StyleGAN2Config`, where None holds nothing;
    `lr_multiplier` None is the usual one.
    """
    said = [*notes, *check_filters((name, tensor) for name, tensor in state.items() if _FILTER.fullmatch(name))]
    kept = {name: tensor for name, tensor in state.items() if _OURS.fullmatch(name)}
    unknown = [name for name in state if name not in kept and not _FILTER.fullmatch(name)]
    if unknown:
        said.append(f"dropped {len(unknown)} tensors that no StyleGAN2 generator has: {listed(unknown)}")
    config = generator_config(kept)
    said += _filled_noise(kept, config)
    if "mapping.w_avg" not in kept:
        said.append("the file has no mean latent: w_avg is the mean of 10,000 mapped codes (seed 0)")
    config |= {"conv_clamp": conv_clamp, "mapping_lr_multiplier": USUAL_LR_MULTIPLIER if lr_multiplier is None else lr_multiplier}
    return Recognised("generator", layout, config, kept, notes=tuple(said))


def generator_config(state: Mapping[str, torch.Tensor]) -> dict[str, Any]:
    """The fields of `config.synthesis.GeneratorConfig` that shapes tell. Raises CheckpointError where they contradict each other."""
    sizes = sorted(int(found[1]) for name in state if (found := re.fullmatch(r"synthesis\.b(\d{1,4})\.conv1\.weight", name)))
    if not sizes or sizes != [4 << index for index in range(len(sizes))]:
        raise CheckpointError(f"got synthesis blocks of {', '.join(map(str, sizes)) or 'no'} px, expected 4, 8, 16, ... without a gap")
    const = shaped(state, _MARK, 3)
    w_dim = shaped(state, "synthesis.b4.conv1.affine.weight", 2)[1]
    mapping = [name for name in state if re.fullmatch(r"mapping\.fc\d+\.weight", name)]
    embed = shaped(state, "mapping.embed.weight", 2) if "mapping.embed.weight" in state else (0, 0)
    first = shaped(state, "mapping.fc0.weight", 2)
    if first[1] <= embed[0]:
        raise CheckpointError(f"got a mapping network that takes {first[1]} numbers, expected more than the {embed[0]} of the label")
    return {
        "img_resolution": sizes[-1],
        "channels": [shaped(state, f"synthesis.b{size}.conv1.weight", 4)[0] for size in sizes],
        "z_dim": first[1] - embed[0],
        "c_dim": embed[1],
        "w_dim": w_dim,
        "img_channels": shaped(state, f"synthesis.b{sizes[-1]}.torgb.weight", 4)[0],
        "mapping_layers": len(mapping),
        "embed_features": embed[0] if embed[0] and embed[0] != w_dim else None,
        "mapping_features": first[0] if len(mapping) > 1 and first[0] != w_dim else None,
        "architecture": _architecture(state, sizes),
        "const_size": list(const[1:]),
    }


def _architecture(state: Mapping[str, torch.Tensor], sizes: list[int]) -> str:
    if len(sizes) > 1 and f"synthesis.b{sizes[1]}.skip.weight" in state:
        return "resnet"
    return "skip" if "synthesis.b4.torgb.weight" in state else "orig"


def _filled_noise(state: dict[str, torch.Tensor], config: dict[str, Any]) -> list[str]:
    """Give layers that were made without noise maps some that add nothing; say so."""
    bare = [name.removesuffix(".weight") for name in state if re.fullmatch(r"synthesis\.b\d+\.conv[01]\.weight", name)]
    bare = [name for name in bare if f"{name}.noise_const" not in state and f"{name}.noise_strength" not in state]
    for name in bare:
        state[f"{name}.noise_const"] = torch.zeros(map_size(name, config["const_size"]))
        state[f"{name}.noise_strength"] = torch.zeros([])
    return [f"{len(bare)} layers were made without noise inputs: they got some of strength 0"] if bare else []


def map_size(layer: str, const_size: Sequence[int]) -> list[int]:
    """Height and width of the features of a layer such as "synthesis.b64.conv1". Raises CheckpointError beyond MAX_PIXELS.

    `const_size` is the height and width of the learned constant.
    """
    size = int(layer.split(".")[1][1:])
    extents = [size * size_of_image // 4 for size_of_image in const_size]
    if math.prod(extents) > MAX_PIXELS:
        raise CheckpointError(f"{layer} has features of {' x '.join(map(str, extents))} and no noise map; the file is corrupt or malicious")
    return extents


def shaped(state: Mapping[str, torch.Tensor], name: str, ndim: int) -> tuple[int, ...]:
    """The shape of a tensor of `state` that must be there with `ndim` axes; raises CheckpointError."""
    if name not in state:
        raise CheckpointError(f"the network has no {name}; the file is incomplete, get it again")
    shape = tuple(state[name].shape)
    if len(shape) != ndim or 0 in shape:
        raise CheckpointError(f"{name}: got shape {list(shape)}, expected {ndim} axes; the file is damaged, get it again")
    return shape


def listed(names: list[str], shown: int = 6) -> str:
    """Some names, `shown` of them, and how many more there are."""
    return ", ".join(name[:80] for name in names[:shown]) + (f", ... {len(names) - shown} more" if len(names) > shown else "")
