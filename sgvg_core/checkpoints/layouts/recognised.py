"""What a file turned out to be."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import torch


@dataclasses.dataclass(frozen=True, eq=False)
class Recognised:
    """A network (or latents) in plain form, ready to be built by `assembly`."""

    kind: str
    """What it is: "generator" (StyleGAN2), "generator3" (StyleGAN3), "discriminator", "latents", ..."""
    layout: str
    """Who wrote it how: "nvidia-stylegan2-ada", "converted", "tensorflow", ..."""
    config: dict[str, Any]
    """The fields of the network's configuration, plain data: to be checked by `config.reading.from_dict`."""
    state: dict[str, torch.Tensor]
    """Its tensors under our names. They may share memory with the file's own."""
    extra: dict[str, Any] = dataclasses.field(default_factory=dict)
    """Further plain data that the file says about it."""
    notes: tuple[str, ...] = ()
    """What was dropped, computed or assumed, each in a sentence."""
    parts: "dict[str, Recognised]" = dataclasses.field(default_factory=dict)
    """Other networks of the same file, by the names they have there (G next to G_ema, D)."""

    @property
    def num_parameters(self) -> int:
        """How many numbers its tensors hold."""
        return sum(tensor.numel() for tensor in self.state.values())

    def with_notes(self, *notes: str) -> "Recognised":
        """Itself with further notes."""
        return dataclasses.replace(self, notes=(*self.notes, *notes))


def is_state(data: Any) -> bool:
    """Whether plain data is a flat, non-empty table of tensors by name."""
    return isinstance(data, Mapping) and bool(data) and all(isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in data.items())
