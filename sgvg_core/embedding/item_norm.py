"""Normalisation that looks at one item alone: what a tower learns with, where a batch is cut into slices or shared by processes."""

from torch import nn

_MOST_GROUPS, _SMALLEST_GROUP = 8, 8
"""A group holds several maps: a map normalised by itself would lose how bright it is, and with it a picture's colours."""


def normalise_items(module: nn.Module) -> nn.Module:
    """`module` with a group norm for each batch norm of maps, a layer norm for each of features; weights keep their names and shapes.

    Changes the module itself. Call it before training: the two normalise differently.
    """
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(module, name, nn.GroupNorm(_num_groups(child.num_features), child.num_features))
        elif isinstance(child, nn.BatchNorm1d):
            setattr(module, name, nn.LayerNorm(child.num_features))
        else:
            normalise_items(child)
    return module


def _num_groups(width: int) -> int:
    return max(groups for groups in range(1, _MOST_GROUPS + 1) if groups == 1 or (width % groups == 0 and width // groups >= _SMALLEST_GROUP))
