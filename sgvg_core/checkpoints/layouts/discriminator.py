"""StyleGAN2's discriminator under NVIDIA's names, pickled whole or as a table of tensors."""

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

import torch

from ...errors import CheckpointError
from ..plain import ForeignObject, network_state
from .persistent import module_attributes, number, one_value
from .recognised import Recognised, is_state
from .stylegan2 import USUAL_CLAMP, USUAL_LR_MULTIPLIER, check_activation, check_filters, listed, shaped, without_prefix

_MARK = "b4.out.weight"
_OURS = re.compile(
    r"mapping\.(embed|fc\d+)\.(weight|bias)|b\d+\.(fromrgb|conv[01])\.(weight|bias)|b\d+\.skip\.weight|b4\.(conv|fc|out)\.(weight|bias)"
)
_FILTER = re.compile(r"(.*\.)?resample_filter")
USUAL_GROUP = 4


def discriminator(data: Any) -> Recognised | None:
    """A rule: one discriminator of NVIDIA's StyleGAN2 layout, pickled whole or as a table of tensors."""
    if isinstance(data, ForeignObject):
        if not isinstance(data.state.get("_modules"), dict):
            return None
        state, _ = network_state(data)
        return _pickled(data, state) if _MARK in state and "b4.fc.weight" in state else None
    if not is_state(data):
        return None
    state = without_prefix(data, _MARK) or {}
    if "b4.fc.weight" not in state:
        return None
    note = f"a table of tensors only: assumed that features are clamped at {USUAL_CLAMP:.0f} and that statistics are of {USUAL_GROUP} pictures"
    return assembled(state, "nvidia-stylegan2-ada", conv_clamp=USUAL_CLAMP, notes=[note])


def _pickled(network: ForeignObject, state: dict[str, torch.Tensor]) -> Recognised:
    attributes = module_attributes(network)
    convs = [path for path in attributes if re.fullmatch(r"b\d+\.(fromrgb|conv[01]|conv)", path)]
    mapping = [path for path in attributes if re.fullmatch(r"mapping\.fc\d+", path)]
    check_activation(attributes, [*convs, *mapping, "b4.fc"])
    clamped = [path for path in convs if path != "b4.fromrgb"]  # which NVIDIA's code never clamps
    group = attributes.get("b4.mbstd", {}).get("group_size", USUAL_GROUP)
    return assembled(
        state,
        "nvidia-stylegan2-ada",
        conv_clamp=number(one_value(attributes, "conv_clamp", clamped, None)),
        lr_multiplier=number(one_value(attributes, "bias_gain", mapping, USUAL_LR_MULTIPLIER)),
        group_size=None if number(group) is None else int(number(group) or 0),
    )


def assembled(
    state: Mapping[str, torch.Tensor],
    layout: str,
    *,
    conv_clamp: float | None,
    lr_multiplier: float | None = USUAL_LR_MULTIPLIER,
    group_size: int | None = USUAL_GROUP,
    final_size: tuple[int, int] | None = None,
    notes: Iterable[str] = (),
) -> Recognised:
    """What the tensors `state` under NVIDIA's names are. `layout` is what reports call it, `notes` what was found out on the way.

    `conv_clamp` None holds no features, `group_size` None takes statistics over the whole batch, `lr_multiplier` None is the usual one.
    `final_size` is the height and width of the last features; None: a square, told by their number.
    """
    said = [*notes, *check_filters((name, tensor) for name, tensor in state.items() if _FILTER.fullmatch(name))]
    kept = {name: tensor for name, tensor in state.items() if _OURS.fullmatch(name)}
    unknown = [name for name in state if name not in kept and not _FILTER.fullmatch(name)]
    if unknown:
        said.append(f"dropped {len(unknown)} tensors that no StyleGAN2 discriminator has: {listed(unknown)}")
    config = _config(kept, final_size) | {
        "conv_clamp": conv_clamp,
        "mapping_lr_multiplier": USUAL_LR_MULTIPLIER if lr_multiplier is None else lr_multiplier,
        "mbstd_group_size": group_size,
    }
    return Recognised("discriminator", layout, config, kept, notes=tuple(said))


def _config(state: Mapping[str, torch.Tensor], final_size: tuple[int, int] | None) -> dict[str, Any]:
    """The fields of `config.critics.DiscriminatorConfig` that shapes tell."""
    sizes = sorted(int(found[1]) for name in state if (found := re.fullmatch(r"b(\d{1,4})\.conv0\.weight", name)))
    if sizes != [8 << index for index in range(len(sizes))]:
        raise CheckpointError(f"got discriminator blocks of {', '.join(map(str, sizes))} px, expected 8, 16, 32, ... without a gap")
    last = shaped(state, "b4.conv.weight", 4)
    top = sizes[-1] if sizes else 4
    mapping = [name for name in state if re.fullmatch(r"mapping\.fc\d+\.weight", name)]
    embed = shaped(state, "mapping.embed.weight", 2) if "mapping.embed.weight" in state else (0, 0)
    num_out = shaped(state, "b4.out.weight", 2)[0]
    cmap_dim = num_out if embed[1] else 0
    inner = shaped(state, "mapping.fc0.weight", 2)[0] if len(mapping) > 1 else cmap_dim
    return {
        "img_resolution": top,
        "channels": [last[0], *[shaped(state, f"b{size}.conv0.weight", 4)[0] for size in sizes]],
        "img_channels": shaped(state, f"b{top}.fromrgb.weight", 4)[1],
        "c_dim": embed[1],
        "cmap_dim": cmap_dim,
        "architecture": _architecture(state, sizes),
        "mapping_layers": len(mapping),
        "embed_features": embed[0] if embed[0] != cmap_dim else None,
        "mapping_features": inner if inner != cmap_dim else None,
        "mbstd_num_channels": last[1] - last[0],
        "final_size": list(final_size or _final_size(shaped(state, "b4.fc.weight", 2)[1], last[0])),
    }


def _architecture(state: Mapping[str, torch.Tensor], sizes: list[int]) -> str:
    if sizes and f"b{sizes[0]}.skip.weight" in state:
        return "resnet"
    return "skip" if "b4.fromrgb.weight" in state else "orig"


def _final_size(num_features: int, channels: int) -> tuple[int, int]:
    """4 x 4, unless the last linear layer reads another number of pixels: then the file must say which height and width they are."""
    pixels, rest = divmod(num_features, channels)
    if rest or pixels != 16:
        side = math.isqrt(pixels)
        if rest or side * side != pixels:
            raise CheckpointError(f"b4.fc.weight reads {num_features} numbers of {channels} channels, expected 4 x 4 pixels of each")
        return side, side
    return 4, 4
