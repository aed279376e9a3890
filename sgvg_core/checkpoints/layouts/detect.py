"""What a file of somebody else's holds, told from its keys and shapes alone; its name is never asked.

A layout is a rule: a pure function from plain data to `Recognised`, or None for "not mine". There are two tables of them:

- `NETWORK_RULES` look at ONE network: a `ForeignObject` (a network pickled whole) or a flat table of tensors by name. They're asked
  for the file's data itself and for every network of a snapshot (a dictionary with G, D, G_ema).
- `FILE_RULES` look at everything a file holds (dictionaries with several entries, lists, single tensors). They're asked first.

A rule must be sure: two rules never claim the same data. A rule that knows the layout but can't serve what stands there (another
activation, a damaged table) raises CheckpointError with the reason instead of returning None.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from ...errors import CheckpointError
from ..plain import ForeignObject, Plain
from ..sniff import SCRIPT_ADVICE
from . import converted, discriminator, image_encoders, latents, released_sound, stylegan2, stylegan3, tensorflow
from .recognised import Recognised, is_state
from .stylegan2 import listed

Rule = Callable[[Any], Recognised | None]

NETWORK_RULES: tuple[Rule, ...] = (
    stylegan2.generator,
    stylegan3.generator,
    discriminator.discriminator,
    released_sound.sound_encoder,
    released_sound.walker_block,
    released_sound.sound_tower,
)
FILE_RULES: tuple[Rule, ...] = (tensorflow.file, converted.file, stylegan3.file, image_encoders.image_encoder, latents.latents)

_SNAPSHOT = ("G_ema", "G", "D")
"""Names of the networks in a snapshot, the one that is wanted first."""
_SHOWN = 12


def recognise(plain: Plain, path: str | Path) -> Recognised:
    """What the plain data of the file at `path` is. Raises CheckpointError that says what stands there instead."""
    if plain.format == "torchscript":
        raise CheckpointError(f"{path}: a TorchScript archive: a program with weights inside, whose settings only its code tells; {SCRIPT_ADVICE}")
    try:
        found = _first(FILE_RULES, plain.data) or _snapshot(plain.data) or _first(NETWORK_RULES, plain.data)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error
    if found is None:
        raise CheckpointError(
            f"{path}: no layout that is known here: it holds {describe(plain.data)}; choose a file of a StyleGAN generator, "
            "a discriminator, a sound or image encoder, a walker or latents"
        )
    return found


def _first(rules: tuple[Rule, ...], data: Any) -> Recognised | None:
    return next((found for found in (rule(data) for rule in rules) if found is not None), None)


def _snapshot(data: Any) -> Recognised | None:
    """NVIDIA's snapshots {G, D, G_ema, ...}: the averaged generator, with the other networks as its parts."""
    if not isinstance(data, Mapping) or not any(isinstance(data.get(name), ForeignObject) for name in _SNAPSHOT):
        return None
    networks: dict[str, Recognised] = {}
    notes: list[str] = []
    for name in _SNAPSHOT:
        if data.get(name) is None:
            continue
        found = _first(NETWORK_RULES, data[name])
        if found is None:
            notes.append(f"{name} was dropped: {describe(data[name])} is not known here")
        else:
            networks[name] = found
    if not networks:
        return None
    dropped = [str(name) for name in data if name not in _SNAPSHOT and data[name] is not None]
    if dropped:
        notes.append(f"dropped: {listed(dropped, _SHOWN)}, which only training needs")
    chosen = next(iter(networks))
    if chosen == "G" and "G_ema" in data:
        notes.append("G was taken instead of G_ema")
    others = {name: network for name, network in networks.items() if name != chosen}
    main = networks[chosen]
    return Recognised(main.kind, main.layout, main.config, main.state, main.extra, (*main.notes, *notes), {**main.parts, **others})


def describe(data: Any) -> str:
    """Plain data in a few words, for messages."""
    if isinstance(data, ForeignObject):
        return f"an object {data.module + '.' if data.module else ''}{data.name}"
    if not isinstance(data, Mapping):
        return _describe_other(data)
    if is_state(data):
        names = [f"{name[:80]} {list(tensor.shape)}" for name, tensor in list(data.items())[:5]]
        return f"{len(data)} tensors ({', '.join(names)}{', ...' if len(data) > 5 else ''})"
    names = [repr(name)[:80] for name in list(data)[:_SHOWN]]
    return f"a dictionary of {', '.join(names)}{', ...' if len(data) > _SHOWN else ''}" if data else "an empty dictionary"


def _describe_other(data: Any) -> str:
    if isinstance(data, list | tuple):
        return f"a list of {len(data)}, first {type(data[0]).__name__}" if data else "an empty list"
    if isinstance(data, torch.Tensor):
        return f"a tensor {list(data.shape)}"
    return f"a {type(data).__name__}"
