"""StyleGAN2 networks of the TensorFlow era, read as data: their variables renamed and laid out as torch has them.

A variable of a 3 x 3 convolution is [height, width, in, out], of a linear layer [in, out]. Weights of doubling layers are stored the
other way round than torch's transposed convolution takes them, biases of modulations as their difference from one.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any

import torch

from ...errors import CheckpointError
from ..plain import ForeignObject
from .discriminator import assembled as assembled_discriminator
from .persistent import number
from .recognised import Recognised
from .stylegan2 import TAPS, assembled, listed

_MODULE = "dnnlib.tflib"
_BLOCK = r"(\d{1,5}x\d{1,5})"
_MAX_DEPTH = 4
_MAX_NETWORKS = 16
_G_MARK, _D_MARK = re.compile(rf"synthesis/{_BLOCK}/Const/const"), "Output/weight"
_IGNORED = re.compile(r"(synthesis/)?lod")
_COLOURS = re.compile(r"(?:synthesis/To|From)RGB_lod(\d{1,2})/\w+")
"""A layer of colours of a network that grew while it was trained; the number counts halvings of the full size."""
_MODULATED = {"weight": "weight", "bias": "bias", "noise_strength": "noise_strength", "mod_weight": "affine.weight", "mod_bias": "affine.bias"}


def file(data: Any) -> Recognised | None:
    """A rule: a tuple (G, D, Gs) of TensorFlow networks, a part of it, or one network by itself. Gs is the averaged generator."""
    networks = list(data) if isinstance(data, list | tuple) else list(data.values()) if isinstance(data, Mapping) else [data]
    if not 0 < len(networks) <= _MAX_NETWORKS or not all(isinstance(each, ForeignObject) and each.module.startswith(_MODULE) for each in networks):
        return None
    sizes: list[tuple[int, int]] = []
    found: list[Recognised] = []
    # generators first: they know the size at which their discriminator ends
    for variables, settings in sorted((_contents(each) for each in networks), key=lambda each: _is_discriminator(each[0])):
        if _is_discriminator(variables):
            found.append(_discriminator(variables, settings, sizes[0] if sizes else None))
            continue
        found.append(_generator(variables, settings))
        sizes.append(tuple(found[-1].config["const_size"]))
    generators = [each for each in found if each.kind == "generator"]
    main = generators[-1] if generators else found[0]
    critics = [each for each in found if each.kind == "discriminator" and each is not main]
    parts = ({"G": generators[0]} if len(generators) > 1 else {}) | ({"D": critics[0]} if critics else {})
    return dataclasses.replace(main, parts=parts)


def _contents(network: ForeignObject) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """All variables of a network and its components, and its settings. Raises CheckpointError for networks that are no StyleGAN2."""
    variables: dict[str, torch.Tensor] = {}
    _collect(network, "", variables, 0)
    if not _is_discriminator(variables) and not any(_G_MARK.fullmatch(name) for name in variables):
        raise CheckpointError(
            f"a TensorFlow network that is no StyleGAN2 (config E or F): it holds {listed(list(variables)) or 'no variables'}. "
            "Networks of StyleGAN and of Progressive GANs aren't served"
        )
    settings = network.state.get("static_kwargs")
    return variables, dict(settings) if isinstance(settings, Mapping) else {}


def _collect(network: ForeignObject, prefix: str, into: dict[str, torch.Tensor], depth: int) -> None:
    variables, components = network.state.get("variables", []), network.state.get("components", {})
    if depth > _MAX_DEPTH or not isinstance(variables, list | tuple) or not isinstance(components, Mapping):
        raise CheckpointError("a TensorFlow network whose table of variables or components is damaged; get the file again")
    for entry in variables:
        if not isinstance(entry, list | tuple) or len(entry) != 2 or not isinstance(entry[0], str):
            raise CheckpointError("a TensorFlow network whose variables aren't pairs of name and array; get the file again")
        into[prefix + entry[0]] = _array(prefix + entry[0], entry[1])
    for name, component in components.items():
        if isinstance(component, ForeignObject):
            _collect(component, f"{prefix}{name}/", into, depth + 1)


def _array(name: str, value: Any) -> torch.Tensor:
    plain = number(value)
    if isinstance(value, torch.Tensor):
        return value
    if plain is None:
        raise CheckpointError(f"TensorFlow variable {name[:80]}: got a {type(value).__name__}, expected an array")
    return torch.tensor(plain)


def _grown(variables: dict[str, torch.Tensor]) -> tuple[dict[str, torch.Tensor], list[str]]:
    """The variables that a network uses at its full size, and what was left aside.

    Networks that grew (StyleGAN2's configurations A to D) have layers of colours for every size, of which the grown one uses the
    largest alone, and a variable `lod`: how many sizes are still to come. Raises CheckpointError for networks that aren't grown.
    """
    found = {name: int(match[1]) for name in variables if (match := _COLOURS.fullmatch(name))}
    lod = next((number(variables[name]) for name in ("synthesis/lod", "lod") if name in variables), None)
    if found and lod:
        raise CheckpointError(f"a network saved while it grew ({lod:g} sizes were still to come); only grown ones are served: take a later snapshot")
    left = {name for name, halvings in found.items() if halvings}
    notes = [f"dropped {len(left)} variables for the colours of smaller sizes, which only growing needed"] if left else []
    return {name: tensor for name, tensor in variables.items() if name not in left}, notes


def _is_discriminator(variables: Mapping[str, torch.Tensor]) -> bool:
    return _D_MARK in variables and "4x4/Dense0/weight" in variables


def _generator(variables: dict[str, torch.Tensor], settings: dict[str, Any]) -> Recognised:
    _check_settings(settings)
    ours, notes = _renamed(variables, "synthesis/", _generator_name)
    clamp, lr_multiplier = number(settings.get("conv_clamp")), number(settings.get("mapping_lrmul"))
    return assembled(ours, "tensorflow", conv_clamp=clamp, lr_multiplier=lr_multiplier, notes=notes)


def _discriminator(variables: dict[str, torch.Tensor], settings: dict[str, Any], final_size: tuple[int, int] | None) -> Recognised:
    _check_settings(settings)
    ours, notes = _renamed(variables, "", _discriminator_name)
    group, lr_multiplier = number(settings.get("mbstd_group_size", 4)), number(settings.get("mapping_lrmul", 0.1))
    return assembled_discriminator(
        ours,
        "tensorflow",
        conv_clamp=number(settings.get("conv_clamp")),
        lr_multiplier=lr_multiplier,
        group_size=None if group is None else int(group),
        final_size=final_size,
        notes=notes,
    )


def _renamed(
    variables: dict[str, torch.Tensor], prefix: str, name_of: Callable[[str, dict[str, int]], str | None]
) -> tuple[dict[str, torch.Tensor], list[str]]:
    """The variables under NVIDIA's torch names and laid out as torch has them, and what was dropped. Names of blocks begin with `prefix`."""
    variables, notes = _grown(variables)
    sizes = _block_names(variables, prefix)
    ours, unknown = {}, []
    for name, tensor in variables.items():
        new = name_of(name, sizes)
        if new is not None:
            ours[new] = _laid_out(name, tensor)
        elif not _IGNORED.fullmatch(name):
            unknown.append(name)
    notes += [f"dropped {len(unknown)} variables that no such StyleGAN2 network has: {listed(unknown)}"] if unknown else []
    return ours, notes


def _check_settings(settings: Mapping[str, Any]) -> None:
    """Raise CheckpointError for settings under which the network would compute something else than ours."""
    for name in ("nonlinearity", "mapping_nonlinearity"):
        if settings.get(name, "lrelu") != "lrelu":
            raise CheckpointError(f"{name}: got {str(settings[name])[:40]!r}, only 'lrelu' is served")
    taps = settings.get("resample_kernel", TAPS)
    if isinstance(taps, torch.Tensor):
        taps = taps.tolist()
    if not isinstance(taps, list | tuple) or tuple(map(number, taps)) != TAPS:
        raise CheckpointError(f"resample_kernel: got {str(taps)[:40]}, only [1, 3, 3, 1] is served")
    if settings.get("normalize_latents", True) is not True:
        raise CheckpointError("normalize_latents: got False, only networks that normalise z are served")


def _block_names(variables: Mapping[str, torch.Tensor], prefix: str) -> dict[str, int]:
    """The size in NVIDIA's torch names (4, 8, 16, ...) for each block's name ("4x4", "8x8", or "5x3", "10x6", ...)."""
    found = {match[1] for name in variables if (match := re.match(rf"{prefix}{_BLOCK}/", name))}
    return {name: 4 << index for index, name in enumerate(sorted(found, key=lambda each: int(each.split("x")[0])))}


def _generator_name(name: str, sizes: dict[str, int]) -> str | None:
    if name in ("dlatent_avg", "w_avg"):
        return "mapping.w_avg"
    if found := re.fullmatch(r"mapping/(?:(LabelEmbed)|Dense(\d+))/(weight|bias)", name):
        return f"mapping.{'embed' if found[1] else 'fc' + found[2]}.{found[3]}"
    if found := re.fullmatch(r"synthesis/noise(\d{1,2})", name):
        layer = int(found[1]) + 1
        return f"synthesis.b{4 << layer // 2}.conv{layer % 2}.noise_const"
    if found := re.fullmatch(r"synthesis/ToRGB_lod0/(\w+)", name):
        return f"synthesis.b{max(sizes.values())}.torgb.{_MODULATED[found[1]]}" if found[1] in _MODULATED else None
    found = re.fullmatch(rf"synthesis/{_BLOCK}/(Const|Conv|Conv0_up|Conv1|ToRGB|Skip)/(\w+)", name)
    if found is None:
        return None
    block, layer_name, leaf = f"synthesis.b{sizes[found[1]]}", found[2], found[3]
    if layer_name in ("Const", "Skip"):
        return {"Const/const": f"{block}.const", "Skip/weight": f"{block}.skip.weight"}.get(f"{layer_name}/{leaf}")
    place = {"Conv": "conv1", "Conv0_up": "conv0", "Conv1": "conv1", "ToRGB": "torgb"}[layer_name]
    return f"{block}.{place}.{_MODULATED[leaf]}" if leaf in _MODULATED else None


def _discriminator_name(name: str, sizes: dict[str, int]) -> str | None:
    if found := re.fullmatch(r"(?:(LabelEmbed)|Mapping(\d+))/(weight|bias)", name):
        return f"mapping.{'embed' if found[1] else 'fc' + found[2]}.{found[3]}"
    if found := re.fullmatch(r"Output/(weight|bias)", name):
        return f"b4.out.{found[1]}"
    if found := re.fullmatch(r"FromRGB_lod0/(weight|bias)", name):
        return f"b{max(sizes.values())}.fromrgb.{found[1]}"
    found = re.fullmatch(rf"{_BLOCK}/(FromRGB|Conv0|Conv1_down|Skip|Conv|Dense0)/(weight|bias)", name)
    if found is None:
        return None
    place = {"FromRGB": "fromrgb", "Conv0": "conv0", "Conv1_down": "conv1", "Skip": "skip", "Conv": "conv", "Dense0": "fc"}[found[2]]
    return f"b{sizes[found[1]]}.{place}.{found[3]}"


def _laid_out(name: str, tensor: torch.Tensor) -> torch.Tensor:
    """A variable as torch lays it out; a view where that's possible."""
    leaf, layer = name.split("/")[-1], name.split("/")[-2] if "/" in name else ""
    if leaf == "mod_bias":
        return tensor + 1
    if leaf in ("weight", "mod_weight") and tensor.ndim == 2:
        return tensor.t()
    if leaf == "weight" and tensor.ndim == 4:
        flipped = tensor.flip(0, 1) if layer == "Conv0_up" or (layer == "Skip" and name.startswith("synthesis/")) else tensor
        return flipped.permute(3, 2, 0, 1)
    if leaf == "const" and tensor.ndim == 4 and tensor.shape[0] == 1:
        return tensor[0]
    if re.fullmatch(r"noise\d+", leaf) and tensor.shape[:2] == (1, 1):
        return tensor[0, 0]
    return tensor
