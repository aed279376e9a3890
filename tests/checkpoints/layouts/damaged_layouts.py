"""Plain data of every layout, small, and the same damaged: entries lost, renamed, of other types, shapes and numbers.

What a reader of bytes lets through is still anybody's: names and shapes that contradict each other, numbers beyond all sizes.
"""

import copy
import io
import random
import re
from pathlib import Path
from typing import Any

import torch
from foreign_networks import (
    converted_shapes,
    filled,
    persistent,
    synthesis_attributes,
    tensorflow_discriminator,
    tensorflow_generator,
    tensorflow_network,
    write_pickle,
)
from own_files import write_stylegan3_pickle
from released_files import SMALL_WIDTHS, block_shapes, image_encoder_file, sound_encoder_shapes, sound_tower_shapes
from released_files import filled as released

from sgvg_core.assembly import build_discriminator, build_generator
from sgvg_core.checkpoints.plain import ForeignObject, network_state, read_plain
from sgvg_core.config import DiscriminatorConfig, GeneratorConfig

JUNK: tuple[Any, ...] = (
    None, True, 0, -1, 3, 2**62, 10**400, 0.5, -2.0, float("nan"), float("inf"), "", "a", "9" * 500, b"", [], {}, (), ["a"], {"a": 1},
    [torch.ones(2)], torch.zeros(()), torch.zeros(0), torch.zeros(0, 3), torch.zeros(3, 0), torch.ones(3), torch.ones(2, 2),
    torch.ones(1, 2, 3, 1, 2),
    torch.full((2,), float("nan")), torch.ones(2, dtype=torch.int64), torch.ones(2, dtype=torch.bool), torch.ones(2, dtype=torch.uint64),
    torch.ones(4, 4).half(), ForeignObject("", "Odd", {}), ForeignObject("dnnlib.tflib.network", "Network", {}),
)  # fmt: skip
NUMBERS = ("0", "1", "2", "00", "7", "32", "41", "99", "8192", "123456", "9" * 30)


def layouts(folder: Path) -> dict[str, Any]:
    """Plain data of a file of each layout, as the reader gives it."""
    generator = filled({name: tuple(tensor.shape) for name, tensor in build_generator(GeneratorConfig(
        16, (8, 7, 6), z_dim=5, w_dim=6, c_dim=2, mapping_layers=2)).state_dict().items()})
    critic = filled({name: tuple(tensor.shape) for name, tensor in build_discriminator(DiscriminatorConfig(
        16, (8, 7, 6), mapping_layers=0)).state_dict().items()})
    pickled = [persistent(state, synthesis_attributes(state, 2.0, 0.01), name) for state, name in ((generator, "G"), (critic, "D"))]
    converted = filled(converted_shapes((8, 7, 6), 5, 2))
    bare = {name: tensor for name, tensor in converted.items() if not name.startswith("noises.")}
    grown = [tensorflow_network(shapes, {"resample_kernel": [1, 3, 3, 1], "mbstd_group_size": 4, "conv_clamp": 2.0}) for shapes in (
        tensorflow_generator((8, 7, 6), z_dim=5, w_dim=6, architecture="grown"), tensorflow_discriminator((8, 7, 6), architecture="grown"))]
    stylegan3 = read_plain(write_stylegan3_pickle(folder / "stylegan3.pkl")).data
    files = {
        "NVIDIA": write_pickle(folder / "nvidia.pkl", {"G": None, "D": pickled[1], "G_ema": pickled[0], "training_set_kwargs": {}}),
        "TensorFlow": write_pickle(folder / "tensorflow.pkl", (*grown, grown[0])),
    }
    return {name: read_plain(path).data for name, path in files.items()} | {
        "NVIDIA, table": generator,
        "NVIDIA, table of a critic": critic,
        "StyleGAN3": stylegan3,
        "StyleGAN3, table": network_state(stylegan3["G_ema"])[0],
        "converted": {"g_ema": converted, "latent_avg": torch.ones(5), "g_optim": {"state": {}}, "args": {"size": 16}},
        "converted, bare": bare,
        "sound encoder": released(sound_encoder_shapes(widths=SMALL_WIDTHS, halvings=1)),
        "sound encoder of transformers": released(sound_encoder_shapes("transformer", 4, SMALL_WIDTHS, halvings=1, inner=8)),
        "block": released(block_shapes(4, 8, noise_fc=True)),
        "sound tower": released(sound_tower_shapes((8, 8, 8, 8), 6)),
        "pSp": image_encoder_file("GradualStyleEncoder", 8, SMALL_WIDTHS, 1),
        "into W": image_encoder_file("BackboneEncoderUsingLastLayerIntoW", 8, SMALL_WIDTHS, 1),
        "into W+": image_encoder_file("BackboneEncoderUsingLastLayerIntoWPlus", 8, SMALL_WIDTHS, 1),
        "ReStyle": image_encoder_file("ResNetProgressiveBackboneEncoder", 8, SMALL_WIDTHS, 1),
        "latents": {"w": torch.ones(1, 8, 6)},
        "projections": {"a.png": {"latent": torch.ones(8, 6)}, "b.png": {"latent": torch.ones(8, 6)}},
        "list of latents": [torch.ones(8, 6), torch.ones(8, 6)],
    }


def files(folder: Path) -> dict[str, bytes]:
    """The same as small files, by the names of the layouts."""
    written = layouts(folder)
    found = {name: (folder / f"{name.lower()}.pkl").read_bytes() for name in ("NVIDIA", "TensorFlow", "StyleGAN3")}
    for name in ("converted", "block", "projections"):
        file = io.BytesIO()
        torch.save(written[name], file)
        found[name] = file.getvalue()
    return found


def damaged(data: Any, dice: random.Random) -> Any:
    """A copy with one to four things wrong; tensors that stay are shared."""
    memo = {id(tensor): tensor for tensor in _tensors(data)}
    data = copy.deepcopy(data, memo)
    for _ in range(dice.choice((1, 1, 1, 2, 4))):
        owners = _owners(data)
        if not owners:
            break
        owner, name = dice.choice(owners)
        _damage(owner, name, dice)
    return data


def _tensors(data: Any) -> list[torch.Tensor]:
    if isinstance(data, ForeignObject):
        data = data.state
    values = data.values() if isinstance(data, dict) else data if isinstance(data, list | tuple) else ()
    return [data] if isinstance(data, torch.Tensor) else [tensor for value in values for tensor in _tensors(value)]


def _owners(data: Any) -> list[tuple[Any, Any]]:
    """Every entry of a dictionary or list in the data."""
    if isinstance(data, ForeignObject):
        return _owners(data.state)
    items = list(data.items()) if isinstance(data, dict) else list(enumerate(data)) if isinstance(data, list | tuple) else []
    own = [(data, name) for name, _ in items] if isinstance(data, dict | list) else []
    return own + [entry for _, value in items for entry in _owners(value)]


def _damage(owner: Any, name: Any, dice: random.Random) -> None:
    value = owner[name]
    ways = ["lose", "junk", "junk"] + (["rename", "rename"] if isinstance(owner, dict) and isinstance(name, str) else [])
    ways += ["shape"] * 6 if isinstance(value, torch.Tensor) else []
    way = dice.choice(ways)
    if way == "lose":
        del owner[name]
    elif way == "junk":
        owner[name] = dice.choice(JUNK)
    elif way == "rename":
        places = list(re.finditer(r"\d+", name))
        if places and dice.random() < 0.8:
            place = dice.choice(places)
            new = name[: place.start()] + dice.choice(NUMBERS) + name[place.end() :]
        else:
            new = dice.choice((name + "x", "module." + name, name.partition(".")[2], name.upper(), name * 3))
        owner[new] = value
        if dice.random() < 0.5 and new != name:
            del owner[name]
    else:
        owner[name] = _of_another_shape(value, dice)


def _of_another_shape(tensor: torch.Tensor, dice: random.Random) -> torch.Tensor:
    axis = dice.randrange(tensor.ndim) if tensor.ndim else 0
    changed: list[Any] = [tensor[None], tensor.flatten(), tensor.double(), tensor.bfloat16(), tensor.long(), torch.full_like(tensor, float("inf"))
                          if tensor.is_floating_point() else tensor]
    if tensor.ndim:
        changed += [tensor.narrow(axis, 0, 0), tensor.narrow(axis, 0, min(1, tensor.shape[axis])), torch.cat([tensor, tensor], axis),
                    tensor.sum(axis), tensor.transpose(0, axis), tensor[:0].sum(0, keepdim=True).expand(dice.choice((3, 3000)), *tensor.shape[1:])]
    return dice.choice(changed)
