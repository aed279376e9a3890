"""NVIDIA's StyleGAN3 generators (configurations T and R): networks pickled whole, and bare tables of their tensors."""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

import torch

from ...config.stylegan3_schedule import FIRST_STOPBAND, LAST_STOPBAND_REL, Band, sampling_bands
from ...errors import CheckpointError
from ..plain import ForeignObject, network_state
from . import forks
from .persistent import module_attributes, number, one_value
from .recognised import Recognised, is_state
from .stylegan2 import USUAL_LR_MULTIPLIER, check_activation, listed, shaped, without_prefix

_MARK = "synthesis.input.freqs"
_LAYER = re.compile(r"synthesis\.(L(\d{1,2})_(\d{1,4})_(\d{1,5}))\.weight")
_OURS = re.compile(
    r"mapping\.(w_avg|(embed|fc\d+)\.(weight|bias))"
    r"|synthesis\.input\.(weight|transform|freqs|phases|affine\.(weight|bias))"
    r"|synthesis\.L\d+_\d+_\d+\.(weight|bias|magnitude_ema|affine\.(weight|bias)|up_filter|down_filter)"
)
_USUAL: dict[str, Any] = {
    "num_critical": 2,
    "first_cutoff": 2.0,
    "first_stopband": FIRST_STOPBAND,
    "last_stopband_rel": LAST_STOPBAND_REL,
    "margin_size": 10,
    "output_scale": 0.25,
    "filter_size": 6,
    "lrelu_upsampling": 2,
    "conv_clamp": 256.0,
}
"""What NVIDIA's networks take where their settings say nothing."""
_COUNTS = ("num_critical", "margin_size", "filter_size", "lrelu_upsampling")


def generator(data: Any) -> Recognised | None:
    """A rule: one StyleGAN3 generator, pickled whole or as a table of tensors."""
    if isinstance(data, ForeignObject):
        if not isinstance(data.state.get("_modules"), dict):
            return None
        state, settings = network_state(data)
        return _pickled(data, state, settings) if _MARK in state else None
    return _bare(data)


def _bare(data: Any) -> Recognised | None:
    if not is_state(data) or any(name.startswith(("encoder.", "module.encoder.")) for name in data):
        return None  # an encoder that brings its generator along is another rule's
    state = without_prefix(data, _MARK)
    if state is None:
        return None
    layers = _layers(state)
    settings, notes = _told_by_shapes(state, layers)
    usual = ", ".join(f"{name} {_USUAL[name]:.4g}" for name in ("first_cutoff", "first_stopband", "last_stopband_rel", "output_scale", "conv_clamp"))
    said = (
        f"a table of tensors only: assumed {usual} and a learning rate multiplier of the mapping of {USUAL_LR_MULTIPLIER}, "
        "as in NVIDIA's own training; filters in the file are compared with those of that schedule"
    )
    return _assembled(state, layers, {**_USUAL, **settings}, (*notes, said))


def _pickled(network: ForeignObject, state: dict[str, torch.Tensor], kwargs: dict[str, Any]) -> Recognised:
    attributes = module_attributes(network)
    mapping = [path for path in attributes if re.fullmatch(r"mapping\.fc\d+", path)]
    check_activation(attributes, mapping)
    lr_multiplier = number(one_value(attributes, "bias_gain", mapping, USUAL_LR_MULTIPLIER))
    layers = _layers(state)
    _check_square(attributes, kwargs, layers[-1].size)
    settings = dict(_USUAL)
    for name, usual in _USUAL.items():
        value = kwargs.get(name, usual)
        plain = None if value is None and name == "conv_clamp" else number(value)
        if plain is None and value is not None:
            raise CheckpointError(f"the setting {name} is a {type(value).__name__}, expected a number")
        settings[name] = round(plain) if plain is not None and name in _COUNTS else plain
    settings["mapping_lr_multiplier"] = USUAL_LR_MULTIPLIER if lr_multiplier is None else lr_multiplier
    return _assembled(state, layers, settings, ())


def _check_square(attributes: Mapping[str, Mapping[str, Any]], kwargs: Mapping[str, Any], width: int) -> None:
    """Raise CheckpointError for networks of pictures that aren't square: their tensors are those of square ones."""
    size = attributes.get("synthesis.input", {}).get("size")
    uneven = isinstance(size, torch.Tensor) and size.numel() == 2 and bool(size.flatten()[0] != size.flatten()[1])
    if kwargs.get("square") is False or uneven:
        raise CheckpointError(forks.HUMAN)
    resolution = number(kwargs.get("img_resolution", width))
    if resolution != width:
        raise CheckpointError(f"its settings say pictures of {resolution} px, its layers {width} px; such networks aren't served")


@dataclasses.dataclass(frozen=True)
class _Layer:
    """What a layer's name and shapes tell."""

    name: str
    size: int
    shape: tuple[int, ...]


def _layers(state: Mapping[str, torch.Tensor]) -> list[_Layer]:
    """The layers in their order. Raises CheckpointError where names and shapes contradict each other."""
    found = sorted((int(match[2]), match[1], int(match[3]), int(match[4])) for name in state if (match := _LAYER.fullmatch(name)))
    if len(found) < 3 or [index for index, *_ in found] != list(range(len(found))):
        raise CheckpointError(f"got {len(found)} layers ({listed([name for _, name, *_ in found])}), expected L0, L1, L2, ... without a gap")
    layers = [_Layer(name, size, shaped(state, f"synthesis.{name}.weight", 4)) for _, name, size, _ in found]
    for layer, (*_, width) in zip(layers, found, strict=True):
        if layer.shape[0] != width or layer.shape[2] != layer.shape[3]:
            raise CheckpointError(f"synthesis.{layer.name}.weight: got shape {list(layer.shape)}, expected [{width}, C, k, k] as its name says")
    return layers


def _told_by_shapes(state: Mapping[str, torch.Tensor], layers: list[_Layer]) -> tuple[dict[str, Any], list[str]]:
    """Settings that a bare table shows: its margin, how many layers are critically sampled, the length of its filters."""
    settings: dict[str, Any] = {}
    notes = []
    resolution, sizes = layers[-1].size, [layer.size for layer in layers]
    if resolution < 1:
        raise CheckpointError(f"got a last layer {layers[-1].name}, expected one of a power of two pixels")
    usual = _USUAL["num_critical"]
    for critical in sorted(range(len(layers) - 1), key=lambda count: abs(count - usual + 0.1)):  # the usual number, then those next to it
        bands = sampling_bands(resolution, len(layers) - 1, num_critical=critical, margin_size=0)
        margin = (sizes[0] - bands[0].rate) // 2
        if _sizes(bands, margin) == sizes:
            settings |= {"num_critical": critical, "margin_size": margin}
            break
    else:
        if forks.is_tall(sizes):
            raise CheckpointError(forks.HUMAN)
        raise CheckpointError(f"got layers of {sizes} samples, which no known sampling schedule makes for {resolution} px; use the pickled network")
    if settings["num_critical"] != usual:
        notes.append(f"{settings['num_critical']} critically sampled layers, as the layers' sizes say")
    taps = state.get(f"synthesis.{layers[0].name}.down_filter")
    if taps is not None and taps.ndim:
        settings["filter_size"] = taps.shape[0] // _USUAL["lrelu_upsampling"]
    return settings, notes


def _sizes(bands: tuple[Band, ...], margin: int) -> list[int]:
    return [band.size + 2 * margin for band in bands[:-2]] + [band.size for band in bands[-2:]]


def _assembled(state: Mapping[str, torch.Tensor], layers: list[_Layer], settings: dict[str, Any], notes: tuple[str, ...]) -> Recognised:
    said = list(notes)
    kept = {name: tensor for name, tensor in state.items() if _OURS.fullmatch(name)}
    unknown = [name for name in state if name not in kept]
    if unknown:
        said.append(f"dropped {len(unknown)} tensors that no StyleGAN3 generator has: {listed(unknown)}")
    transform = kept.get("synthesis.input.transform")
    if transform is None or tuple(transform.shape) != (3, 3):
        kept["synthesis.input.transform"] = torch.eye(3)
        said.append(
            "the file has no input transform: none is applied"
            if transform is None
            else f"synthesis.input.transform was dropped: got shape {list(transform.shape)}, expected [3, 3]; none is applied"
        )
    if "mapping.w_avg" not in kept:
        said.append("the file has no mean latent: w_avg is the mean of 10,000 mapped codes (seed 0)")
    kernel = layers[0].shape[2]
    config = _config(kept, layers) | settings | {"conv_kernel": kernel}
    return Recognised("generator3", f"nvidia-stylegan3-{'r' if kernel == 1 else 't'}", config, kept, notes=tuple(said))


def _config(state: Mapping[str, torch.Tensor], layers: list[_Layer]) -> dict[str, Any]:
    """The fields of `config.synthesis.StyleGAN3Config` that shapes tell."""
    w_dim = shaped(state, f"synthesis.{layers[0].name}.affine.weight", 2)[1]
    embed = shaped(state, "mapping.embed.weight", 2) if "mapping.embed.weight" in state else (0, 0)
    takes = shaped(state, "mapping.fc0.weight", 2)[1]
    if takes <= embed[0]:
        raise CheckpointError(f"got a mapping network that takes {takes} numbers, expected more than the {embed[0]} of the label")
    filters = [state.get(f"synthesis.{layer.name}.down_filter") for layer in layers]
    return {
        "img_resolution": layers[-1].size,
        "channels": [layer.shape[0] for layer in layers[:-1]],
        "z_dim": takes - embed[0],
        "c_dim": embed[1],
        "w_dim": w_dim,
        "img_channels": layers[-1].shape[0],
        "mapping_layers": sum(re.fullmatch(r"mapping\.fc\d+\.weight", name) is not None for name in state),
        "use_radial_filters": any(taps is not None and taps.ndim == 2 for taps in filters),
    }
