"""Save small networks of NVIDIA's StyleGAN code, pickled as its training loop pickles them, and beside each pickle what is in it.

    python tests/parity/save_nvidia_pickles.py CHECKOUT FOLDER

CHECKOUT is a checkout of https://github.com/NVlabs/stylegan3 or https://github.com/NVlabs/stylegan2-ada-pytorch. For each NAME.pkl
there is NAME.G.safetensors (and D, G_ema, augment_pipe): the state dict of that network as torch gives it, and the settings in its
header. Nothing of ours is imported.
"""

import argparse
import copy
import importlib.util
import json
import pickle
import sys
from pathlib import Path
from typing import Any

import safetensors.torch
import torch

COMMON = {"z_dim": 16, "w_dim": 24, "img_channels": 3}
STYLEGAN3 = {
    "t": {"c_dim": 0, "img_resolution": 16, "channel_base": 256, "channel_max": 16, "num_layers": 6, "num_critical": 1},
    "r": {"c_dim": 2, "img_resolution": 16, "channel_base": 256, "channel_max": 16, "num_layers": 6, "num_critical": 1, "conv_kernel": 1,
          "use_radial_filters": True},
}  # fmt: skip
STYLEGAN2 = {
    "skip": {"c_dim": 0, "img_resolution": 16, "architecture": "skip"},
    "resnet": {"c_dim": 3, "img_resolution": 8, "architecture": "resnet"},
}


def randomise(network: torch.nn.Module, seed: int) -> None:
    """Other numbers for everything, also for what begins as zero."""
    numbers = torch.Generator().manual_seed(seed)
    for tensor in [*network.parameters(), *network.buffers()]:
        if tensor.is_floating_point():
            tensor.data.copy_(torch.randn(tensor.shape, generator=numbers))


def save(folder: Path, name: str, networks: dict[str, torch.nn.Module], protocol: int | None) -> None:
    """The pickle of one snapshot, and the tensors of each network in it."""
    snapshot: dict[str, Any] = {"training_set_kwargs": {"class_name": "training.dataset.ImageFolderDataset", "path": "a.zip", "use_labels": False}}
    for key, network in networks.items():
        module = copy.deepcopy(network).eval().requires_grad_(False).cpu()
        snapshot[key] = module
        state = {entry: tensor.contiguous() for entry, tensor in module.state_dict().items()}
        settings = {"settings": json.dumps(module.init_kwargs), "class": type(module).__name__}
        safetensors.torch.save_file(state, folder / f"{name}.{key}.safetensors", settings)
    with (folder / f"{name}.pkl").open("wb") as file:
        pickle.dump(snapshot, file, **({} if protocol is None else {"protocol": protocol}))


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkout")
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    sys.path.insert(0, options.checkout)
    if importlib.util.find_spec("distutils") is None:  # gone since Python 3.12; NVIDIA's dnnlib takes one function of it
        import types

        stand_in = types.ModuleType("distutils.util")
        stand_in.strtobool = lambda text: text.lower() in ("y", "yes", "t", "true", "on", "1")
        sys.modules["distutils"], sys.modules["distutils.util"] = types.ModuleType("distutils"), stand_in
    from training.augment import AugmentPipe

    is_newer = (Path(options.checkout) / "training" / "networks_stylegan3.py").is_file()
    if is_newer:
        from training.networks_stylegan2 import Discriminator
        from training.networks_stylegan3 import Generator
    else:
        from training.networks import Discriminator, Generator
    for index, (name, case) in enumerate((STYLEGAN3 if is_newer else STYLEGAN2).items()):
        settings = COMMON | case
        if not is_newer:
            settings["synthesis_kwargs"] = {"channel_base": 256, "channel_max": 16, "num_fp16_res": 1, "architecture": settings.pop("architecture")}
        generator = Generator(**settings, mapping_kwargs={"num_layers": 2})
        discriminator = Discriminator(case["c_dim"], case["img_resolution"], 3, channel_base=256, channel_max=16)
        networks = {"G": generator, "D": discriminator, "G_ema": copy.deepcopy(generator), "augment_pipe": AugmentPipe(xflip=1, scale=1)}
        for seed, network in enumerate(networks.values()):
            randomise(network, 10 * index + seed)
        for protocol in (None, 2, 5):
            save(options.folder, f"{name}-{protocol or 'default'}", networks, protocol)


if __name__ == "__main__":
    main()
