"""Networks out of files of any known layout."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from ..checkpoints.layouts.recognised import Recognised
from ..checkpoints.stored import in_words, read_stored
from ..config import DiscriminatorConfig, GeneratorConfig, StyleGAN3Config
from ..critics import StyleGAN2Discriminator
from ..devices import to_device
from ..errors import CheckpointError
from ..latents import GROUPS
from ..synthesis import Generator, StyleGAN3Generator
from .builders import build_discriminator, build_filled, build_generator, from_file, mean_latent


def find_generator(path: str | Path) -> Recognised:
    """What the generator in a file of any known layout is, with its notes; `build_recognised_generator` makes it run. Raises CheckpointError."""
    return network_of(read_stored(path), _GENERATORS, path)


def build_recognised_discriminator(
    found: Recognised, path: str | Path = "the network", device: str | torch.device = "cpu"
) -> StyleGAN2Discriminator:
    """The discriminator that was recognised (`found`) in the file at `path`, on `device`. Raises CheckpointError, ConfigError."""
    config = from_file(DiscriminatorConfig, found.config, str(path))
    return build_filled(build_discriminator, config, found.state, path).to(to_device(device))


_GENERATORS = ("generator", "generator3")
"""The kinds that `build_recognised_generator` builds."""


def build_recognised_generator(found: Recognised, path: str | Path = "the network", device: str | torch.device = "cpu") -> Generator:
    """The generator that was recognised (`found`) in the file at `path`, ready to run on `device`. A mean latent that it lacks is computed."""
    config: GeneratorConfig | StyleGAN3Config = from_file(_GENERATOR_CONFIGS[found.kind], found.config, str(path))
    state, absent = found.state, "mapping.w_avg" not in found.state
    if absent:
        state = {**state, "mapping.w_avg": torch.zeros(config.w_dim)}
    filters = {name: tensor for name, tensor in state.items() if name.endswith("_filter")}
    state = {name: tensor for name, tensor in state.items() if name not in filters}
    generator: Generator = build_filled(build_generator, config, state, path)
    if isinstance(generator, StyleGAN3Generator):
        _check_filters(generator, filters, path)
    if absent:
        generator.w_avg.copy_(mean_latent(generator))
    return generator.to(to_device(device))


_GENERATOR_CONFIGS: dict[str, Any] = {"generator": GeneratorConfig, "generator3": StyleGAN3Config}


def _check_filters(generator: StyleGAN3Generator, filters: Mapping[str, torch.Tensor], path: str | Path) -> None:
    """Raise CheckpointError unless the filters that a file brings along are those that its settings make."""
    own = generator.filters()
    for name, stored in filters.items():
        made = own.get(name)
        if made is None or made.shape != stored.shape or not torch.allclose(made, stored.float(), rtol=0, atol=1e-3 * made.max().item()):
            raise CheckpointError(
                f"{path}: {name} isn't the low-pass filter of the sampling schedule that the file's sizes tell; a table of tensors with another "
                "schedule can't be told apart: use the pickled network, which holds its settings"
            )


def network_of(found: Recognised, kinds: tuple[str, ...], path: str | Path) -> Recognised:
    """What was found, or the first of the other networks in the file, that is one of `kinds`. Raises CheckpointError, which names `path`."""
    for network in (found, *found.parts.values()):
        if network.kind in kinds:
            return network
    held = ", ".join(in_words(network.kind) for network in (found, *found.parts.values()))
    raise CheckpointError(f"{path}: got {held} ({found.layout}), expected {' or '.join(map(in_words, kinds))}; choose another file")


def find_walker(path: str | Path | Sequence[str | Path]) -> Recognised:
    """What the walker in a file is, or in three of the released code's blocks (see `load_walker`), which become one. Raises CheckpointError."""
    if isinstance(path, str | Path) and not Path(path).is_dir():
        found = read_stored(path, "walker", "released_walker", "released_walker_block")
        if found.kind == "released_walker_block":
            raise CheckpointError(f"{path}: one recurrent block of the released code, but a walk needs three; give all of coarse, mid and fine")
        return found
    paths = _block_paths(path)
    blocks = {name: read_stored(file, "released_walker_block") for name, file in paths.items()}
    state = {f"blocks.{name}.{key}": tensor for name, block in blocks.items() for key, tensor in block.state.items()}
    note = "its blocks are " + ", ".join(f"{file.name} ({name})" for name, file in paths.items())
    return Recognised("released_walker", "released", {name: block.config for name, block in blocks.items()}, state, notes=(note,))


def _block_paths(path: str | Path | Sequence[str | Path]) -> dict[str, Path]:
    """The files of the coarse, mid and fine block."""
    if isinstance(path, str | Path):
        named = {name: sorted(file for file in Path(path).glob(f"*{name}*") if file.is_file()) for name in GROUPS}
        found = {name: files[0] for name, files in named.items() if len(files) == 1}
        if len(found) < len(GROUPS):
            said = ", ".join(f"{len(files)} named {name}" for name, files in named.items())
            raise CheckpointError(f"{path}: expected one file of each recurrent block in this folder, got {said}; give the three files themselves")
        return found
    paths = [Path(each) for each in path]
    if len(paths) != len(GROUPS):
        raise CheckpointError(f"walker: got {len(paths)} files, expected the three recurrent blocks: coarse, mid and fine")
    told = {name: [file for file in paths if name in file.name.lower()] for name in GROUPS}
    if all(len(files) == 1 for files in told.values()) and len({files[0] for files in told.values()}) == len(GROUPS):
        return {name: files[0] for name, files in told.items()}
    return dict(zip(GROUPS, paths, strict=True))
