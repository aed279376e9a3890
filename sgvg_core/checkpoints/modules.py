"""Weights into a module, with everything that doesn't fit said at once."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.nn import init
from torch.overrides import TorchFunctionMode

from ..errors import CheckpointError

_SHOWN = 30
_DRAWN = (torch.randn, torch.rand)
_DRAWN_IN_PLACE = (torch.Tensor.uniform_, torch.Tensor.normal_)
_INITIAL = (
    init.uniform_, init.normal_, init.trunc_normal_, init.kaiming_uniform_, init.kaiming_normal_, init.xavier_uniform_, init.xavier_normal_,
    init.orthogonal_,
)  # fmt: skip
"""What torch's layers fill their weights with; a mode is off while it handles one of these, so the draws inside aren't seen."""
_SIZED = (*_DRAWN, torch.empty, torch.zeros, torch.ones, torch.full)
"""The functions that modules make their tensors with, all of which take the sizes first."""
ALWAYS_MADE = 2**22
"""Numbers that a module may make in addition to those of its file: constants such as masks and filters."""


class WithoutNumbers(TorchFunctionMode):
    """While this is on, `torch.randn`, `torch.rand` and torch's own layers draw nothing: for modules that get stored weights anyway.

    Memory that isn't written to takes no room, so such a module costs next to nothing until it's given its weights. (Torch's device
    "meta" would serve too, but its first random tensor imports a thousand modules, which takes seconds and 150 MB.) The global
    generator's state stays as it is.

    With `num_stored`, how many numbers the file holds, a module that would make more than twice as many and ALWAYS_MADE besides is
    refused with CheckpointError, before the tensor that is too much is made. `where` names the file. None refuses nothing.
    """

    def __init__(self, num_stored: int | None = None, where: str = "") -> None:
        super().__init__()
        self._stored, self._where = num_stored, where
        self._left = math.inf if num_stored is None else 2 * num_stored + ALWAYS_MADE

    def __torch_function__(self, func: Callable[..., Any], types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None) -> Any:
        kwargs = kwargs or {}
        if func in _DRAWN_IN_PLACE:
            return args[0] if args else kwargs["self"]
        if func in _INITIAL:
            return args[0] if args else kwargs["tensor"]
        if func in _SIZED:
            self._left -= _num_asked(args, kwargs)
            if self._left < 0:
                raise CheckpointError(
                    f"{self._where}: its settings ask for a network of more than {2 * (self._stored or 0) + ALWAYS_MADE} numbers, but the file "
                    f"holds {self._stored}; it's corrupt or malicious: get it again"
                )
        return (torch.empty if func in _DRAWN else func)(*args, **kwargs)


def _num_asked(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> int:
    """How many numbers a tensor of the given sizes has: (2, 3), ((2, 3), ...) or size=(2, 3)."""
    first = kwargs.get("size", args[0] if args else ())
    sizes = first if isinstance(first, tuple | list) else args
    return math.prod(size for size in sizes if isinstance(size, int))


def load_state(module: torch.nn.Module, state: Mapping[str, torch.Tensor], where: str, *, assign: bool = False) -> None:
    """Copy `state` into `module`; names and shapes must be the same on both sides.

    With `assign` the module takes the tensors themselves, without a copy. `where` names the file in errors. Raises CheckpointError with
    all names that are missing, unknown or of another shape; then nothing was copied.
    """
    wanted = module.state_dict()
    missing = [name for name in wanted if name not in state]
    unknown = [name for name in state if name not in wanted]
    shapes = [
        f"{name} {list(state[name].shape)} instead of {list(wanted[name].shape)}"
        for name in wanted
        if name in state and state[name].shape != wanted[name].shape
    ]
    if missing or unknown or shapes:
        parts = [_listed(f"missing {len(missing)}", missing), _listed(f"unknown {len(unknown)}", unknown)]
        parts.append(_listed(f"of another shape {len(shapes)}", shapes))
        said = "; ".join(part for part in parts if part)
        raise CheckpointError(f"{where}: the weights don't fit {type(module).__name__}: {said}. Use the file that belongs to this configuration")
    module.load_state_dict(dict(state), assign=assign)


def take_what_fits(module: torch.nn.Module, state: Mapping[str, torch.Tensor]) -> None:
    """Copy into `module` every tensor of `state` whose name and shape it knows; the others stay as they are."""
    own = module.state_dict()
    module.load_state_dict({name: state[name] if name in state and state[name].shape == mine.shape else mine for name, mine in own.items()})


def _listed(title: str, names: list[str]) -> str:
    more = f", ... {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{title} ({', '.join(names[:_SHOWN])}{more})" if names else ""
