"""What a file of somebody else's holds, told from its keys and shapes alone; its name is never asked.

A layout is a rule: a pure function from plain data to `Recognised`, or None for "not mine". There are two tables of them:

- `NETWORK_RULES` look at ONE network: a `ForeignObject` (a network pickled whole) or a flat table of tensors by name. They're asked
  for every network that `wrappers.networks` finds in a file, in whatever wrappings.
- `FILE_RULES` look at everything a file holds: those of FIRST before the networks are looked for, those of LAST where none was known.

A rule must be sure: two rules never claim the same data. A rule that knows the layout but can't serve what is there (another
activation, a damaged table) raises CheckpointError with the reason instead of returning None.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from ...errors import CheckpointError
from ..plain import ForeignObject, Plain, network_state
from ..sniff import SCRIPT_ADVICE
from . import converted, discriminator, forks, image_encoders, latents, released_sound, stylegan2, stylegan3, tensorflow, wrappers
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
FIRST: tuple[Rule, ...] = (tensorflow.file, image_encoders.image_encoder)
LAST: tuple[Rule, ...] = (latents.latents,)

_GENERATORS = ("generator", "generator3")
_NAMES_OF_CRITICS = re.compile(r"(?:net)?d(?:_ema)?|(?:.*_)?(?:discriminator|critic)(?:_.*)?", re.IGNORECASE)
_TRAINING = frozenset(
    {"g_optim", "d_optim", "args", "ada_aug_p", "iter", "opts", "step", "training_set_kwargs", "augment_pipe", "epoch", "global_step", "callbacks",
     "optimizer_states", "lr_schedulers", "loops", "pytorch-lightning_version", "hyper_parameters", "optimizer", "scheduler"}
)  # fmt: skip
"""Entries other than networks, which only training needs."""
_SHOWN = 12


def recognise(plain: Plain, path: str | Path) -> Recognised:
    """What the plain data of the file at `path` is. Raises CheckpointError that says what is there instead."""
    if plain.format == "torchscript":
        raise CheckpointError(f"{path}: a TorchScript archive: a program with weights inside, whose settings only its code tells; {SCRIPT_ADVICE}")
    try:
        found = _first(FIRST, plain.data) or _wrapped(plain.data) or _first(LAST, plain.data)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error
    if found is None:
        raise CheckpointError(
            f"{path}: unknown checkpoint layout (found: {describe(plain.data)}). Supported: StyleGAN generators and discriminators, "
            "sound and image encoders, walkers, latents"
        )
    return found


def _first(rules: tuple[Rule, ...], data: Any) -> Recognised | None:
    return next((found for found in (rule(data) for rule in rules) if found is not None), None)


def _wrapped(data: Any) -> Recognised | None:
    """The networks in whatever wrappings: the averaged generator, with the other networks as its parts; None where there's none."""
    held = wrappers.networks(data)
    known, notes = _known(held)
    if not known:
        return None
    wrapped, main = min(known, key=lambda each: (each[1].kind not in _GENERATORS, each[1].kind == "discriminator", held.index(each[0])))
    others = [each for each in known if each[1] is not main]
    notes += _which(wrapped, main, [each for each, network in others if network.kind in _GENERATORS], data)
    left = wrappers.left_over(data, held)
    if left:
        only = ", which only training needs" if all(name.split("/")[-1] in _TRAINING for name in left) else ""
        notes.append(f"dropped: {listed(left, _SHOWN)}{only}")
    parts: dict[str, Recognised] = {}
    for each, network in others:
        parts["/".join(each.way) if each.name in parts or each.name == wrapped.name else each.name] = network
    return dataclasses.replace(main, notes=(*main.notes, *notes), parts={**main.parts, **parts})


def _known(held: list[wrappers.Wrapped]) -> tuple[list[tuple[wrappers.Wrapped, Recognised]], list[str]]:
    """The networks that a rule knows, and what's to be said of the others. Raises CheckpointError where the wanted one can't be served."""
    known: list[tuple[wrappers.Wrapped, Recognised]] = []
    refused: list[tuple[wrappers.Wrapped, CheckpointError]] = []
    notes = []
    for each in held:
        try:
            found = _network(each)
        except CheckpointError as error:
            refused.append((each, error))
            continue
        if found is not None:
            known.append((each, found))
        elif isinstance(each.network, ForeignObject):
            notes.append(f"{each.name or 'the network'} was dropped: {describe(each.network)} is not known here")
    wanted = next((each for each, found in known if found.kind in _GENERATORS), None)
    for each, refusal in refused:
        before = wanted is None or (each.rank < wanted.rank and not _NAMES_OF_CRITICS.fullmatch(each.name))
        if before:  # another than the wanted one isn't taken in its stead without a word
            raise refusal
        notes.append(f"{each.name} was left out: {refusal}")
    return known, notes


def _network(wrapped: wrappers.Wrapped) -> Recognised | None:
    if isinstance(wrapped.network, ForeignObject):
        if isinstance(wrapped.network.state.get("_modules"), dict):
            forks.check_table(network_state(wrapped.network)[0])
        return _first(NETWORK_RULES, wrapped.network)
    forks.check_table(wrapped.network)
    return converted.network(wrapped.network, wrapped.latent_avg) or _first(NETWORK_RULES, wrapped.network)


def _which(wrapped: wrappers.Wrapped, main: Recognised, others: list[wrappers.Wrapped], data: Any) -> list[str]:
    """What's to be said of the choice of a generator."""
    if main.kind not in _GENERATORS or not wrapped.way:
        return []
    beside = f" ({listed([each.name for each in others])} next to it)" if others else ""
    if wrapped.averaged:
        return [f"{wrapped.name}, the averaged generator, was taken{beside}"] if others else []
    if wrapped.name.isdecimal() and others:
        return [f"networks without names: number {wrapped.name} was taken, the last generator of them{beside}"]
    if isinstance(data, Mapping) and "G_ema" in data:
        return [f"{wrapped.name} was taken instead of G_ema"]
    return [] if wrapped.name in ("state_dict", "model") else [f"there's no averaged generator (g_ema): {wrapped.name} was taken{beside}"]


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
