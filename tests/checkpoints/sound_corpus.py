"""Sound files of weights of every kind, by name: to be read, and to make more of by mutation."""

import io
import pickle
import warnings
from argparse import Namespace
from collections import OrderedDict
from typing import Any

import numpy as np
import safetensors.torch
import torch
from hostile_pieces import SOURCE, named


class _Call:
    """Pickles as a call of a global by name."""

    def __init__(self, path: str, *args: Any) -> None:
        self.path, self.args = path, args


class _Pickler(pickle._Pickler):  # type: ignore[name-defined]
    """Writes calls of globals that needn't exist."""

    def save(self, value: Any, save_persistent_id: bool = True) -> None:
        if not isinstance(value, _Call):
            super().save(value, save_persistent_id)
            return
        self.write(named(value.path))
        self.save(value.args)
        self.write(b"R")


def pickled(value: Any, protocol: int = 4) -> bytes:
    """A pickle in which every `_Call` is a call of the global that it names."""
    file = io.BytesIO()
    _Pickler(file, protocol).dump(value)
    return file.getvalue()


def network(source: str = SOURCE) -> _Call:
    """A network as NVIDIA's code pickles it; its source code would write the canary."""
    numbers = torch.Generator().manual_seed(3)

    def persistent(name: str, parameters: dict[str, Any], modules: dict[str, Any], **more: Any) -> _Call:
        buffers = {"w_avg": torch.randn(2, generator=numbers)}
        state = {"training": False, "_parameters": parameters, "_buffers": buffers, "_non_persistent_buffers_set": set(), "_modules": modules, **more}
        meta = {"type": "class", "version": 6, "module_src": source, "class_name": name, "state": state}
        return _Call("torch_utils.persistence._reconstruct_persistent_obj", meta)

    inner = persistent("Layer", {"weight": torch.nn.Parameter(torch.randn(2, 3, generator=numbers)), "bias": None}, {})
    return persistent(
        "Generator", {}, OrderedDict(fc0=inner, fc1=None), z_dim=2, _init_args=(), _init_kwargs=_Call("dnnlib.util.EasyDict", [["z_dim", 2]])
    )


def values() -> dict[str, Any]:
    """Something of everything that is read."""
    numbers = torch.Generator().manual_seed(2)
    weight = torch.randn(3, 4, generator=numbers)
    return {
        "state": OrderedDict(weight=weight, half=weight.half(), turned=weight.t(), row=weight[1], flags=torch.tensor([True, False])),
        "array": np.arange(6, dtype=np.float32).reshape(2, 3),
        "scalar": np.float64(0.5),
        "args": Namespace(size=256, name="é"),
        "plain": [1, -2, 10**20, 0.5, None, True, "text", b"bytes", (1, 2), {"a": {1: 2}}, {3}],
    }


def sound() -> dict[str, bytes]:
    """Small sound files of every kind, by name."""
    found: dict[str, bytes] = {}
    for protocol in range(6):
        found[f"pickle {protocol}"] = pickle.dumps(values(), protocol)
    found["NVIDIA"] = pickled({"G_ema": network(), "D": None, "training_set_kwargs": {"path": "a.zip"}})
    for name, is_zip in {"torch zip": True, "torch legacy": False}.items():
        file = io.BytesIO()
        torch.save(values(), file, _use_new_zipfile_serialization=is_zip)
        found[name] = file.getvalue()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing is deprecated; such files stay
        file = io.BytesIO()
        torch.jit.save(torch.jit.trace(torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3)).eval(), torch.zeros(1, 2)), file)
        found["TorchScript"] = file.getvalue()
    for name, write in {
        "npy": np.save,
        "npz": lambda file, array: np.savez(file, w=array),
        "packed npz": lambda file, array: np.savez_compressed(file, w=array),
    }.items():
        file = io.BytesIO()
        write(file, values()["array"])
        found[name] = file.getvalue()
    found["safetensors"] = safetensors.torch.save({"a": values()["state"]["weight"], "b": torch.zeros(0, 2)}, {"about": "text"})
    return found
