"""Networks as NVIDIA's and other people's code saves them, of any size, with numbers that a formula makes; nothing of that code is needed.

Pickles need the names of classes that aren't installed: they're put in their places only while a file is written.
"""

import contextlib
import itertools
import math
import pickle
import sys
import types
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from released_files import numbers

Shapes = dict[str, tuple[int, ...]]
TAPS = np.array([1.0, 3.0, 3.0, 1.0])
FILTER = torch.from_numpy(np.outer(TAPS, TAPS) / 64).float()


# -- NVIDIA's torch pickles


class Persistent:
    """A network that pickles as NVIDIA's do: one call of their global with source code and state."""

    def __init__(self, class_name: str, state: dict[str, Any]) -> None:
        self.meta = {"type": "class", "version": 6, "module_src": "raise SystemExit('run')", "class_name": class_name, "state": state}

    def __reduce__(self) -> tuple[Any, ...]:
        return sys.modules["torch_utils.persistence"]._reconstruct_persistent_obj, (self.meta,)  # type: ignore[attr-defined]


def persistent(state: Mapping[str, torch.Tensor], attributes: Mapping[str, Mapping[str, Any]], name: str = "Generator") -> Persistent:
    """A network with these tensors; `attributes` are those of its modules by path ("" is the network)."""

    def module(prefix: str, class_name: str) -> Persistent:
        own = {key: tensor for key, tensor in state.items() if key.startswith(prefix)}
        leaves = {key[len(prefix) :]: torch.nn.Parameter(tensor) for key, tensor in own.items() if "." not in key[len(prefix) :]}
        inner = list(dict.fromkeys(key[len(prefix) :].split(".")[0] for key in own if "." in key[len(prefix) :]))
        modules = {each: module(f"{prefix}{each}.", each) for each in inner}
        own_attributes = attributes.get(prefix.removesuffix("."), {})
        return Persistent(class_name, {"training": False, "_parameters": leaves, "_buffers": {}, "_modules": modules, **own_attributes})

    return module("", name)


class Network:
    """A TensorFlow network, pickled by its state."""

    def __init__(
        self, variables: Sequence[tuple[str, np.ndarray]], settings: dict[str, Any], components: Mapping[str, "Network"] | None = None
    ) -> None:
        self.state = {
            "version": 4,
            "name": "G",
            "static_kwargs": settings,
            "components": dict(components or {}),
            "build_module_src": "raise SystemExit('run')",
            "build_func_name": "G_main",
            "variables": list(variables),
        }

    def __getstate__(self) -> dict[str, Any]:
        return self.state


@contextlib.contextmanager
def _their_names() -> Iterator[None]:
    """While this is open, the classes above have the names they have in NVIDIA's code."""
    made = {name: types.ModuleType(name) for name in ("torch_utils", "torch_utils.persistence", "dnnlib", "dnnlib.tflib", "dnnlib.tflib.network")}

    def _reconstruct_persistent_obj(meta: Any) -> Any:
        raise AssertionError("nothing of a file may be called")

    _reconstruct_persistent_obj.__module__, _reconstruct_persistent_obj.__qualname__ = "torch_utils.persistence", "_reconstruct_persistent_obj"
    made["torch_utils.persistence"]._reconstruct_persistent_obj = _reconstruct_persistent_obj  # type: ignore[attr-defined]
    made["dnnlib.tflib.network"].Network = Network  # type: ignore[attr-defined]
    before = {name: sys.modules.get(name) for name in made}
    home = Network.__module__
    sys.modules.update(made)
    Network.__module__ = "dnnlib.tflib.network"
    try:
        yield
    finally:
        Network.__module__ = home
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


def write_pickle(path: Path, data: Any) -> Path:
    """`data` pickled to `path`."""
    with _their_names(), path.open("wb") as file:
        pickle.dump(data, file)
    return path


def synthesis_attributes(state: Mapping[str, torch.Tensor], clamp: float | None, lr_multiplier: float) -> dict[str, dict[str, Any]]:
    """What the modules of a generator with these tensors say beside them."""
    said: dict[str, dict[str, Any]] = {}
    for name in state:
        path, _, leaf = name.rpartition(".")
        last = path.rpartition(".")[2]
        if leaf == "weight" and last in ("conv0", "conv1", "conv", "torgb", "fromrgb"):
            said[path] = {"conv_clamp": clamp, "resolution": 4} | ({} if last == "torgb" else {"activation": "lrelu"})
        elif leaf == "weight" and last.startswith("fc"):
            said[path] = {"activation": "lrelu", "bias_gain": lr_multiplier}
    return said


# -- weights by a formula


def filled(shapes: Mapping[str, Sequence[int]], lr_multiplier: float = 0.01) -> dict[str, torch.Tensor]:
    """Weights for a network of NVIDIA's names, rosinality's or TensorFlow's: nothing is zero, so that nothing can hide."""
    return {name: _filled(name, tuple(shape), lr_multiplier) for name, shape in shapes.items()}


def _filled(name: str, shape: tuple[int, ...], lr_multiplier: float) -> torch.Tensor:
    if name.endswith(("resample_filter", "kernel")):
        return FILTER * (4 if name.endswith(("upsample.kernel", "conv.blur.kernel")) else 1)  # where they double the size
    values = numbers(name, *shape)
    mapping = name.startswith(("mapping.fc", "mapping/Dense", "Mapping", "style."))
    if name.endswith(("affine.bias", "modulation.bias")):
        return 1 + 0.3 * values
    if name.endswith(("bias", "noise_strength", "noise.weight", "avg")):
        return 0.3 * values / (lr_multiplier if mapping else 1)
    return values / (lr_multiplier if mapping else 1)


# -- rosinality's names


def converted_shapes(widths: Sequence[int], style_dim: int, num_mapping: int) -> Shapes:
    """Names and shapes of a converted generator; `widths` are one a resolution from 4 px up."""
    shapes: Shapes = {}
    for index in range(1, num_mapping + 1):
        shapes |= {f"style.{index}.weight": (style_dim, style_dim), f"style.{index}.bias": (style_dim,)}
    shapes["input.input"] = (1, widths[0], 4, 4)

    def conv(name: str, before: int, width: int) -> None:
        shapes.update({f"{name}.conv.weight": (1, width, before, 3, 3), f"{name}.noise.weight": (1,), f"{name}.activate.bias": (width,),
                       f"{name}.conv.modulation.weight": (before, style_dim), f"{name}.conv.modulation.bias": (before,)})

    def image(name: str, width: int) -> None:
        shapes.update({f"{name}.conv.weight": (1, 3, width, 1, 1), f"{name}.bias": (1, 3, 1, 1),
                       f"{name}.conv.modulation.weight": (width, style_dim), f"{name}.conv.modulation.bias": (width,)})

    conv("conv1", widths[0], widths[0])
    image("to_rgb1", widths[0])
    shapes["noises.noise_0"] = (1, 1, 4, 4)
    for index, (before, width) in enumerate(itertools.pairwise(widths)):
        conv(f"convs.{2 * index}", before, width)
        conv(f"convs.{2 * index + 1}", width, width)
        image(f"to_rgbs.{index}", width)
        shapes |= {f"convs.{2 * index}.conv.blur.kernel": (4, 4), f"to_rgbs.{index}.upsample.kernel": (4, 4)}
        shapes |= {f"noises.noise_{2 * index + each}": (1, 1, 8 << index, 8 << index) for each in (1, 2)}
    return shapes


# -- TensorFlow's names


def tensorflow_generator(
    widths: Sequence[int], *, z_dim: int, w_dim: int, c_dim: int = 0, num_mapping: int = 2, num_channels: int = 3, architecture: str = "skip",
    const_size: tuple[int, int] = (4, 4),
) -> Shapes:
    """Names and shapes of all variables of a generator, with those of its components under their names. "grown" is one of StyleGAN2's
    configurations A to D: "orig", with colours for every size."""
    shapes: Shapes = {"dlatent_avg": (w_dim,)}
    if c_dim:
        shapes |= {"mapping/LabelEmbed/weight": (c_dim, w_dim), "mapping/LabelEmbed/bias": (w_dim,)}
    for index in range(num_mapping):
        first = z_dim + (w_dim if c_dim else 0)
        shapes |= {f"mapping/Dense{index}/weight": (first if index == 0 else w_dim, w_dim), f"mapping/Dense{index}/bias": (w_dim,)}
    shapes["synthesis/4x4/Const/const"] = (1, widths[0], *const_size)

    def conv(name: str, before: int, width: int, layer: int) -> None:
        size = tuple(size_of_image << (layer + 1) // 2 for size_of_image in const_size)
        shapes.update({f"{name}/weight": (3, 3, before, width), f"{name}/bias": (width,), f"{name}/noise_strength": (),
                       f"{name}/mod_weight": (w_dim, before), f"{name}/mod_bias": (before,), f"synthesis/noise{layer}": (1, 1, *size)})

    def image(size: int, width: int) -> None:
        lod = (2 << len(widths)).bit_length() - size.bit_length()
        name = f"synthesis/ToRGB_lod{lod}" if architecture == "grown" else f"synthesis/{size}x{size}/ToRGB"
        shapes.update({f"{name}/weight": (1, 1, width, num_channels), f"{name}/bias": (num_channels,), f"{name}/mod_weight": (w_dim, width),
                       f"{name}/mod_bias": (width,)})

    conv("synthesis/4x4/Conv", widths[0], widths[0], 0)
    if architecture in ("skip", "grown") or len(widths) == 1:
        image(4, widths[0])
    for index, (before, width) in enumerate(itertools.pairwise(widths)):
        size = 8 << index
        conv(f"synthesis/{size}x{size}/Conv0_up", before, width, 2 * index + 1)
        conv(f"synthesis/{size}x{size}/Conv1", width, width, 2 * index + 2)
        if architecture == "resnet":
            shapes[f"synthesis/{size}x{size}/Skip/weight"] = (1, 1, before, width)
        if architecture in ("skip", "grown") or index == len(widths) - 2:
            image(size, width)
    return shapes


def tensorflow_discriminator(
    widths: Sequence[int], *, num_channels: int = 3, c_dim: int = 0, architecture: str = "resnet", final_size: tuple[int, int] = (4, 4)
) -> Shapes:
    """Names and shapes of the variables of a discriminator."""
    shapes: Shapes = {}
    for index in range(len(widths) - 1, 0, -1):
        size, width, below = 4 << index, widths[index], widths[index - 1]
        if architecture in ("skip", "grown") or index == len(widths) - 1:
            colours = f"FromRGB_lod{len(widths) - 1 - index}" if architecture == "grown" else f"{size}x{size}/FromRGB"
            shapes |= {f"{colours}/weight": (1, 1, num_channels, width), f"{colours}/bias": (width,)}
        shapes |= {f"{size}x{size}/Conv0/weight": (3, 3, width, width), f"{size}x{size}/Conv0/bias": (width,),
                   f"{size}x{size}/Conv1_down/weight": (3, 3, width, below), f"{size}x{size}/Conv1_down/bias": (below,)}
        if architecture == "resnet":
            shapes[f"{size}x{size}/Skip/weight"] = (1, 1, width, below)
    width, num_out = widths[0], widths[0] if c_dim else 1
    if architecture in ("skip", "grown"):
        colours = f"FromRGB_lod{len(widths) - 1}" if architecture == "grown" else "4x4/FromRGB"
        shapes |= {f"{colours}/weight": (1, 1, num_channels, width), f"{colours}/bias": (width,)}
    if c_dim:
        shapes |= {"LabelEmbed/weight": (c_dim, width), "LabelEmbed/bias": (width,)}
    return shapes | {
        "4x4/Conv/weight": (3, 3, width + 1, width), "4x4/Conv/bias": (width,),
        "4x4/Dense0/weight": (width * math.prod(final_size), width), "4x4/Dense0/bias": (width,),
        "Output/weight": (width, num_out), "Output/bias": (num_out,),
    }


def tensorflow_network(shapes: Shapes, settings: dict[str, Any], scale: float = 1.0, lod: float = 0.0) -> Network:
    """A network of these variables; those with "mapping/" or "synthesis/" in front are its components', as NVIDIA's generators have them."""
    arrays = {name: tensor.numpy() * np.float32(scale) for name, tensor in filled(shapes).items()}
    if any("RGB_lod" in name for name in arrays):
        arrays["synthesis/lod" if "dlatent_avg" in arrays else "lod"] = np.float32(lod)  # how many sizes are still to come
    parts = {part: [(name.removeprefix(f"{part}/"), array) for name, array in arrays.items() if name.startswith(f"{part}/")]
             for part in ("mapping", "synthesis")}
    own = [(name, array) for name, array in arrays.items() if not name.startswith(("mapping/", "synthesis/"))]
    return Network(own, settings, {part: Network(variables, {}) for part, variables in parts.items() if variables})
