"""What the files of sound and image encoders have in common: names of a residual backbone, its pyramid and its heads.

Theirs -> ours (`sgvg_core.backbones`): ``input_layer.``, ``body.``, ``latlayer1.`` and ``latlayer2.`` go under ``backbone.`` (ReStyle's
ResNet calls the first of them conv1, bn1 and relu); ``styles.N.`` becomes ``heads.N.``, where every second entry of ``convs`` is an
activation without weights, so ``convs.2.`` is ``convs.1.`` here.
"""

import collections
import dataclasses
import re
from collections.abc import Mapping

import torch

from ...errors import CheckpointError

State = Mapping[str, torch.Tensor]

_STEM = {"conv1": "input_layer.0", "bn1": "input_layer.1", "relu": "input_layer.2"}
_BACKBONE = ("input_layer", "body", "latlayer1", "latlayer2")


@dataclasses.dataclass(frozen=True)
class BackboneShape:
    """What the shapes of a backbone's weights say."""

    unit: str
    in_channels: int
    depths: tuple[int, ...]
    widths: tuple[int, ...]
    squeeze: int


def without_parallel(state: State) -> dict[str, torch.Tensor]:
    """The same tensors without the ``module.`` that parallel training puts in front of every name."""
    if state and all(name.startswith("module.") for name in state):
        return {name.removeprefix("module."): tensor for name, tensor in state.items()}
    return dict(state)


def under(state: State, prefix: str) -> dict[str, torch.Tensor]:
    """The tensors whose names begin with `prefix`, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}


def count(state: State, prefix: str) -> int:
    """How many numbered entries there are: 0., 1., ... behind `prefix`, without a gap."""
    numbers = {int(found[1]) for name in state if name.startswith(prefix) and (found := re.match(r"(\d{1,4})\.", name[len(prefix):]))}
    return next(number for number in range(len(numbers) + 1) if number not in numbers)


def read_backbone(state: State) -> BackboneShape | None:
    """The backbone of an encoder whose own prefix is gone; None where there's none. Raises CheckpointError for one that can't be."""
    stem = state.get("input_layer.0.weight", state.get("conv1.weight"))
    unit, second = ("irse", "res_layer.3.weight") if "body.0.res_layer.3.weight" in state else ("resnet", "conv2.weight")
    num_units = count(state, "body.")
    if stem is None or stem.ndim != 4 or f"body.0.{second}" not in state:
        return None
    lasts = [state.get(f"body.{index}.{second}") for index in range(num_units)]
    if any(last is None or last.ndim != 4 for last in lasts):
        raise CheckpointError(f"an encoder whose {num_units} residual units aren't of one kind; its layout isn't known here")
    outs = [int(last.shape[0]) for last in lasts if last is not None]
    depths, widths = [1], [outs[0]]
    for width in outs[1:]:
        if width != widths[-1]:
            widths.append(width)
            depths.append(0)
        depths[-1] += 1
    if len(widths) != 4:
        raise CheckpointError(f"an encoder of {len(widths)} stages (widths {', '.join(map(str, widths))}), expected 4; its layout isn't known here")
    inner = state.get("body.0.res_layer.5.fc1.weight")
    squeeze = widths[0] // max(int(inner.shape[0]), 1) if inner is not None and inner.ndim == 4 else 16
    return BackboneShape(unit, int(stem.shape[1]), tuple(depths), tuple(widths), max(squeeze, 1))


def convs_of_heads(state: State) -> list[int]:
    """How many convolutions each head ``styles.N`` has."""
    found = collections.Counter(match[1] for name in state if (match := re.fullmatch(r"styles\.(\d{1,4})\.convs\.\d{1,2}\.weight", name)))
    return [found[str(head)] for head in range(count(state, "styles."))]


def bounds_of_heads(convs: list[int], default: tuple[int, int] = (3, 7)) -> tuple[int, int]:
    """Where heads of another map begin, told by `convs`, the number of convolutions of each (coarse heads have the fewest).

    Where they don't tell, `default` says it.
    """
    begins = [head for head in range(1, len(convs)) if convs[head] > convs[head - 1]]
    if len(begins) == 2:
        return begins[0], begins[1]
    return (default[0], begins[0]) if len(begins) == 1 and begins[0] > default[0] else default


def rename(state: State) -> dict[str, torch.Tensor]:
    """The tensors of an encoder under our names; what isn't a part of backbone or heads keeps its name."""
    return {_renamed(name): tensor for name, tensor in state.items()}


def _renamed(name: str) -> str:
    first, _, rest = name.partition(".")
    if first in _STEM:
        return f"backbone.{_STEM[first]}.{rest}"
    if first in _BACKBONE:
        return f"backbone.{name}"
    if first != "styles":
        return name
    return re.sub(r"\.convs\.(\d{1,4})\.", lambda found: f".convs.{int(found[1]) // 2}.", f"heads.{rest}")
