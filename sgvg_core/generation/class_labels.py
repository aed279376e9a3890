"""Class labels c of conditional generators: one class, a mix of several, or, where none is given, one that the seed draws."""

import math
from collections.abc import Mapping, Sequence

import torch

from ..errors import ConfigError, shown
from ..randomness import generator_for
from ..synthesis.generator import StyleGAN2Generator
from ..synthesis.stylegan3 import StyleGAN3Generator

Label = int | Mapping[int, float]
"""A class by its number, counted from 0; or several by theirs, each with its weight relative to the others."""


def read_label(text: str) -> Label | None:
    """A label from one line: "3", or a mix such as "3: 0.7, 5: 0.3"; None from an empty one. Raises ConfigError.

    Parts are parted by commas or semicolons; a weight that isn't said is 1.
    """
    parts = [part.strip() for part in text.replace(";", ",").split(",") if part.strip()]
    mix: dict[int, float] = {}
    for part in parts:
        number, _, weight = part.partition(":")
        try:
            mix[int(number)] = float(weight) if weight.strip() else 1.0
        except ValueError:
            wanted = "the number of a class, such as 3, or a mix with weights: 3: 0.7, 5: 0.3"
            raise ConfigError(f"label: got '{shown(part, 40)}', expected {wanted}") from None
    if not mix:
        return None
    return next(iter(mix)) if len(parts) == 1 and ":" not in text else mix


def label_vector(label: Label, c_dim: int) -> torch.Tensor:
    """c [c_dim] of a label: the weights of its classes, which sum to 1. Raises ConfigError.

    The mapping network brings what it embeds of c to unit length, so a mix lies between its classes.
    """
    mix = {label: 1.0} if isinstance(label, int) else dict(label)
    for number, weight in mix.items():
        if not 0 <= number < c_dim:
            raise ConfigError(f"label: got {shown(number, 40)}, expected 0 to {c_dim - 1}: this generator knows {c_dim} classes")
        if not (math.isfinite(weight) and weight > 0):
            raise ConfigError(f"label {number}: got the weight {weight}, expected a number above 0")
    if not mix:
        raise ConfigError("label: got a mix of no classes, expected one at least; leave the label out to let the seed draw it")
    c = torch.zeros(c_dim)
    c[list(mix)] = torch.tensor(list(mix.values())) / sum(mix.values())
    return c


def drawn_label(seed: int, item: int, c_dim: int) -> int:
    """The class of code `item` of `seed` where none is given: the same alone or among others. `c_dim` is the generator's number of classes."""
    return int(torch.randint(c_dim, (), generator=generator_for(seed, "label", item)))


def check_label(generator: StyleGAN2Generator | StyleGAN3Generator, label: Label | None) -> None:
    """Raise ConfigError for a label that the generator doesn't know; None is none."""
    if label is not None:
        labels_of_codes(generator, label, 0, [0])


def labels_of_codes(generator: StyleGAN2Generator | StyleGAN3Generator, label: Label | None, seed: int, items: Sequence[int]) -> torch.Tensor | None:
    """c [N, c_dim] for the codes `items` of `seed`, on the generator's device; None for a generator without labels. Raises ConfigError.

    Without a `label` each code draws its own.
    """
    if not generator.c_dim:
        if label is not None:
            raise ConfigError(f"label: got {shown(label, 40)}, but this generator was trained without labels; leave it out")
        return None
    if label is not None:
        return label_vector(label, generator.c_dim).repeat(len(items), 1).to(generator.w_avg.device)
    return torch.eye(generator.c_dim)[[drawn_label(seed, item, generator.c_dim) for item in items]].to(generator.w_avg.device)
