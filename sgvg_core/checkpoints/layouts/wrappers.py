"""Where files keep their networks: the one list of wrappers, for every layout.

Training programs wrap a network in dictionaries ("G_ema", "state_dict", ...), in lists, in names in front of its tensors' ("G_ema.synthesis...",
"module.", "_orig_mod."), and in several of these at once. Here each network of a file is found with the way to it, whatever the nesting;
what it is, the rules say.
"""

import collections
import dataclasses
import re
from collections.abc import Iterator, Mapping
from typing import Any

import torch

from ..plain import ForeignObject

WRAPPERS = (
    "G_ema", "g_ema", "generator_ema", "netG_ema", "params_ema", "model_ema", "ema_model", "ema", "state_dict_ema", "ema_state_dict",
    "G", "g", "generator", "netG", "gen", "params", "state_dict", "model_state_dict", "model", "net", "network", "weights",
    "D", "d", "discriminator", "netD", "critic", "D_ema", "d_ema",
)  # fmt: skip
"""Usual names, the wanted first. Networks under other names are found too, behind these."""
PARALLEL = re.compile(r"(?:(?<=\.)|^)(?:module|_orig_mod|_forward_module|_fsdp_wrapped_module)\.")
"""What parallel and compiled training puts into the names of tensors."""
MARKS = ("synthesis.b4.const", "synthesis.input.freqs", "input.input", "b4.out.weight", "final_linear.1.weight")
"""Tensors that each network of a kind has once; what comes before one is the network's own name."""
MEAN = "latent_avg"
MAX_LEVELS = 6
MAX_NETWORKS = 32
MAX_VISITS = 4
"""How often one dictionary or list is looked into, though it may be in a thousand places."""
_HOLDERS = (dict, list, tuple, ForeignObject)
"""What networks may be in. Types that are quickly told, since few bytes may name many values."""

_AVERAGED = re.compile(r"(?:.*[^a-z])?(?:ema|averaged?|avg)(?:[^a-z].*)?|gs", re.IGNORECASE)
_UNTOLD = frozenset({"state_dict", "model_state_dict", "model", "module", "net", "network", "params", "weights"})
"""Names that say nothing of which network they lead to."""


@dataclasses.dataclass(frozen=True, eq=False)
class Wrapped:
    """A network in a file, the names that lead to it, and the mean latent given with it."""

    way: tuple[str, ...]
    network: ForeignObject | dict[str, torch.Tensor]
    latent_avg: torch.Tensor | None = None

    @property
    def name(self) -> str:
        """The nearest name that tells it from others; "" for a network that is the file itself."""
        told = [part for part in self.way if part not in _UNTOLD]
        return (told or self.way or ("",))[-1]

    @property
    def averaged(self) -> bool:
        """Whether a name says that it's the average of a training's steps."""
        return any(_AVERAGED.fullmatch(part) is not None for part in self.way)

    @property
    def rank(self) -> tuple[bool, int, int]:
        """By this networks are sorted: averaged ones first, then by WRAPPERS; of a list the last first, as NVIDIA's (G, D, Gs) has it."""
        places = [WRAPPERS.index(part) for part in self.way if part in WRAPPERS]
        return not self.averaged, max(places, default=len(WRAPPERS)), -int(self.name) if self.name.isdecimal() else 0


def networks(data: Any) -> list[Wrapped]:
    """The networks in plain data, the wanted first: pickled whole, or tables of tensors. At most MAX_NETWORKS."""
    found: list[Wrapped] = []
    first: list[tuple[Any, tuple[str, ...], torch.Tensor | None]] = [(data, (), None)] if isinstance(data, _HOLDERS) else []
    waiting = collections.deque(first)
    visits: collections.Counter[int] = collections.Counter()
    while waiting and len(found) < MAX_NETWORKS:
        value, way, mean = waiting.popleft()
        number = id(value)  # `data` holds all of them, so none is given twice
        visits[number] += 1
        if visits[number] > MAX_VISITS or len(way) > MAX_LEVELS:
            continue
        if isinstance(value, ForeignObject):
            found.append(Wrapped(way, value))
        elif isinstance(value, dict):
            mean = value[MEAN] if isinstance(value.get(MEAN), torch.Tensor) else mean
            found += _tables(value, way, mean)
            waiting += [(each, (*way, str(name)), mean) for name, each in value.items() if isinstance(each, _HOLDERS) and each]
        else:
            waiting += [(each, (*way, str(index)), mean) for index, each in enumerate(value) if isinstance(each, _HOLDERS) and each]
    return sorted(found[:MAX_NETWORKS], key=lambda each: each.rank)


def left_over(data: Any, found: list[Wrapped]) -> list[str]:
    """The entries of the dictionaries on the way to networks that lead to none, mean latents aside.

    `data` is the whole file's, `found` are the networks.
    """
    ways = {each.way[:level] for each in found for level in range(len(each.way) + 1)}
    left = []
    for way in sorted(ways, key=len):
        value: Any = data
        for part in way:
            value = value.get(part) if isinstance(value, Mapping) else None
        if isinstance(value, Mapping):
            is_table = bool(_prefixes(_tensors(value)))
            left += [
                "/".join((*way, str(name)))
                for name, each in value.items()
                if each is not None and name != MEAN and (*way, str(name)) not in ways and not (is_table and isinstance(each, torch.Tensor))
            ]
    return left


def plain_names(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A table without what parallel and compiled training puts into its names; as it is where two names would become one."""
    named = {PARALLEL.sub("", name): tensor for name, tensor in state.items()}
    return named if len(named) == len(state) else dict(state)


def _tensors(value: Mapping[Any, Any]) -> dict[str, torch.Tensor]:
    """The tensors in a dictionary by name, under plain names."""
    return plain_names({name: each for name, each in value.items() if isinstance(name, str) and isinstance(each, torch.Tensor)})


def _tables(value: Mapping[Any, Any], way: tuple[str, ...], mean: torch.Tensor | None) -> Iterator[Wrapped]:
    """The networks whose tensors are in a dictionary by name, one or several with their names in front."""
    state = _tensors(value)
    prefixes = _prefixes(state)
    if state and not prefixes and len(state) == len(value):
        yield Wrapped(way, state, mean)
    for prefix in prefixes:
        inner = tuple(other for other in prefixes if other != prefix and other.startswith(prefix))
        own = {name[len(prefix) :]: each for name, each in state.items() if name.startswith(prefix) and not (inner and name.startswith(inner))}
        yield Wrapped((*way, *prefix.split(".")[:-1]), own, own.pop(MEAN, mean))


def _prefixes(state: Mapping[str, torch.Tensor]) -> list[str]:
    """What comes before the networks' own names, the first MAX_NETWORKS of them."""
    found: dict[str, None] = {}
    for name in state:
        mark = next((mark for mark in MARKS if name.endswith(mark) and name[-len(mark) - 1 : -len(mark)] in ("", ".")), None)
        if mark is not None:
            found[name[: -len(mark)]] = None
            if len(found) == MAX_NETWORKS:
                break
    return list(found)
