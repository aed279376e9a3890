"""A GPU that isn't there: tensors that say they're on another device, and refuse to meet the CPU's as a GPU's do.

    python tests/pretended_gpu.py generate SOUND -o FILM ++ listen SOUND      # commands of the pack, one after another, on the device

Their numbers lie in the CPU's memory, so every operation is a real one. A tensor of the one kind among those of the other, a random generator of the
CPU for the device, and a tensor of the device given to numpy are errors, as on CUDA. The device is called "meta", which torch lets anybody
make tensors of. Speed, float16's range and CUDA's kernels are not what this is about.
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

DEVICE = torch.device("meta")
_MAY_MIX = ("aten::copy_", "aten::index", "aten::index_put", "aten::index_put_", "aten::_index_put_impl_")
"""Operations that take tensors of the CPU along with those of a GPU, as torch's own do."""


class OnDevice(torch.Tensor):
    """A tensor of the device; `inner` holds its numbers."""

    inner: torch.Tensor

    @staticmethod
    def __new__(cls, inner: torch.Tensor) -> "OnDevice":
        made = torch.Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls, inner.size(), strides=inner.stride(), storage_offset=inner.storage_offset(), dtype=inner.dtype, device=DEVICE
        )
        made.inner = inner
        return made  # type: ignore[no-any-return]

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})

    def numpy(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("can't convert a tensor of the device to numpy; copy it to host memory first")

    __array__ = numpy

    def tolist(self) -> Any:
        return self.inner.tolist()


class PretendedGPU(TorchDispatchMode):
    """Inside, `device="meta"` is the pretended GPU."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


def _run(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """One operation, on the numbers; what comes out is where it would be."""
    given = tree_flatten((args, kwargs))[0]
    _check(func._schema.name, args, kwargs, given)
    asked = kwargs.get("device")
    there = torch.device(asked) == DEVICE if asked is not None else any(isinstance(each, OnDevice) for each in given)
    if func._schema.name == "aten::copy_":
        there = isinstance(args[0], OnDevice)
    if func._schema.name == "aten::_fused_sdp_choice":
        return 0  # the plain formula
    plain = tree_map(_inner, kwargs) | ({} if asked is None else {"device": torch.device("cpu")})
    guard = torch._C._DisableTorchDispatch()  # type: ignore[attr-defined]
    try:
        out = func(*tree_map(_inner, args), **plain)
    finally:
        del guard
    written = {id(_inner(tensor)): tensor for tensor in _written(func._schema, args, kwargs)}

    def wrap(value: Any) -> Any:
        if not isinstance(value, torch.Tensor):
            return value
        return written.get(id(value), OnDevice(value) if there else value)

    return tree_map(wrap, out)


def _inner(value: Any) -> Any:
    return value.inner if isinstance(value, OnDevice) else value


def _written(schema: Any, args: Any, kwargs: dict[str, Any]) -> list[torch.Tensor]:
    """The tensors that an operation writes into; it gives them back themselves."""
    values = dict(zip((argument.name for argument in schema.arguments), args, strict=False)) | kwargs
    marked = [argument.name for argument in schema.arguments if argument.alias_info is not None and argument.alias_info.is_write]
    return [values[name] for name in marked if isinstance(values.get(name), torch.Tensor)]


def _check(name: str, args: Any, kwargs: dict[str, Any], given: list[Any]) -> None:
    tensors = [each for each in given if isinstance(each, torch.Tensor)]
    theirs = [each for each in tensors if isinstance(each, OnDevice)]
    others = [each for each in tensors if not isinstance(each, OnDevice) and each.dim() > 0]
    if theirs and others and (name not in _MAY_MIX or (name == "aten::index" and not isinstance(args[0], OnDevice))):
        raise RuntimeError(f"{name}: tensors of two devices, of the CPU those of shapes {[tuple(each.shape) for each in others]}")
    on_device = bool(theirs) or torch.device(kwargs.get("device") or "cpu") == DEVICE
    if on_device and any(isinstance(each, torch.Generator) for each in given):
        raise RuntimeError(f"{name}: a random generator of the CPU for a tensor of the device")


def _made_there(make: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    """`torch.tensor` and its like, which make tensors of data where no dispatch sees it."""

    def made(data: Any, *args: Any, device: Any = None, **kwargs: Any) -> torch.Tensor:
        tensor = data.to(**kwargs) if isinstance(data, OnDevice) else make(data, *args, **kwargs)
        return tensor if device is None else tensor.to(device)

    return made


def main(commands: Iterable[list[str]]) -> int:
    """Run commands of the pack on the device; the first exit code that isn't 0."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    torch.__future__.set_overwrite_module_params_on_conversion(True)
    torch.tensor, torch.as_tensor = _made_there(torch.tensor), _made_there(torch.as_tensor)
    from sgvg_core import devices

    by_name = devices.to_device
    devices.to_device = lambda name="auto": DEVICE if str(name) == str(DEVICE) else by_name(name)  # before anything takes the function
    from sgvg_core.cli.main import main as run

    with PretendedGPU():
        return next((code for words in commands if (code := run(["--debug", *words, "--device", str(DEVICE)]))), 0)


def _parted(words: list[str]) -> Iterator[list[str]]:
    """The words between the "++"."""
    while "++" in words:
        at = words.index("++")
        yield words[:at]
        words = words[at + 1 :]
    yield words


if __name__ == "__main__":
    sys.exit(main(_parted(sys.argv[1:])))
