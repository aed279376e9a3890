"""Weights into a module, with everything that doesn't fit said at once."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from ..errors import CheckpointError

_SHOWN = 30
_DRAWN_IN_PLACE = (torch.Tensor.uniform_, torch.Tensor.normal_)


class WithoutNumbers(TorchFunctionMode):
    """While this is on, `torch.randn` and torch's own layers draw nothing: for modules that get stored weights anyway.

    Memory that isn't written to takes no room, so such a module costs next to nothing until it's given its weights. (Torch's device
    "meta" would serve too, but its first random tensor imports a thousand modules, which takes seconds and 150 MB.)
    """

    def __torch_function__(self, func: Callable[..., Any], types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None) -> Any:
        if func in _DRAWN_IN_PLACE:
            return args[0] if args else (kwargs or {})["self"]
        return (torch.empty if func is torch.randn else func)(*args, **(kwargs or {}))


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
