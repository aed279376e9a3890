"""Shapes checked at public doors: "got ..., expected ..."."""

import torch

from .errors import ShapeError


def check_shape(name: str, tensor: torch.Tensor, axes: str, **sizes: int) -> None:
    """Raise ShapeError unless `tensor` has the axes named in `axes`, of the given sizes.

    `axes` are names with a space between, e.g. ``"S L D"``; `sizes` fixes some of them (``L=14``). A name that is a number is
    a fixed size of its own (``"N 3 H W"``).

    `tensor` may have any shape; `name` is what the error calls it.
    """
    names = axes.split()
    wanted = [int(axis) if axis.isdigit() else sizes.get(axis) for axis in names]
    fits = tensor.ndim == len(names) and all(size in (None, seen) for size, seen in zip(wanted, tensor.shape, strict=True))
    if not fits:
        expected = ", ".join(axis if size is None or axis.isdigit() else f"{axis}={size}" for axis, size in zip(names, wanted, strict=True))
        raise ShapeError(f"{name}: got shape {list(tensor.shape)}, expected [{expected}]")
