"""Normalisation that looks at one item alone: what a tower learns with, where a batch is cut into slices or shared by processes."""

from typing import Any, TypeVar

import torch
from torch import nn

_Module = TypeVar("_Module", bound=nn.Module)
_MOST_GROUPS, _SMALLEST_GROUP = 8, 8
"""A group holds several maps: a map normalised by itself would lose how bright it is, and with it a picture's colours."""


class FrozenBatchNorm(nn.BatchNorm1d):
    """A batch norm of features whose means and variances were measured once (`measure_norms`) and stay, in training too."""

    def train(self, mode: bool = True) -> "FrozenBatchNorm":
        super().train(False)
        return self


def normalise_items(module: _Module) -> _Module:
    """`module` with a group norm for each batch norm of maps, a fixed one for each of features; weights keep their names and shapes.

    Changes the module itself. Call it before training: the two normalise differently.
    """
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(module, name, nn.GroupNorm(_num_groups(child.num_features), child.num_features))
        elif isinstance(child, nn.BatchNorm1d):
            setattr(module, name, FrozenBatchNorm(child.num_features).eval())
        else:
            normalise_items(child)
    return module


def _num_groups(width: int) -> int:
    return max(groups for groups in range(1, _MOST_GROUPS + 1) if groups == 1 or (width % groups == 0 and width // groups >= _SMALLEST_GROUP))


@torch.no_grad()
def measure_norms(module: nn.Module, inputs: torch.Tensor) -> None:
    """Give the fixed norms inside a module the means and variances of what reaches them from `inputs` [n, ...], n of two or more."""

    def measure(norm: nn.Module, arguments: tuple[Any, ...]) -> None:
        features = arguments[0].detach()
        norm.running_mean.copy_(features.mean(0))  # type: ignore[union-attr,operator]
        norm.running_var.copy_(features.var(0))  # type: ignore[union-attr,operator]

    norms = [norm for norm in module.modules() if isinstance(norm, FrozenBatchNorm)]
    hooks = [norm.register_forward_pre_hook(measure) for norm in norms]
    was_training = module.training
    try:
        if norms:
            module.eval()(inputs)
    finally:
        module.train(was_training)
        for hook in hooks:
            hook.remove()
