"""From a configuration to modules."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, overload

import torch

from ..backbones import normalise_items
from ..checkpoints import WithoutNumbers, load_state
from ..checkpoints.materialize import enough_memory
from ..checkpoints.memory import as_type
from ..checkpoints.weights import is_finite
from ..config import (
    CriticConfig,
    DiscriminatorConfig,
    GeneratorConfig,
    ImageEncoderConfig,
    JointSpaceConfig,
    JudgeConfig,
    ReleasedSoundConfig,
    ReleasedSoundTowerConfig,
    ReleasedWalkerConfig,
    SoundInversionConfig,
    SoundTowerConfig,
    StyleGAN3Config,
    WalkerConfig,
    from_dict,
)
from ..critics import HintedCritic, ImageCritic, StyleGAN2Discriminator, VideoCritic
from ..embedding import JointSpace, ReleasedSoundTower, SoundTower
from ..errors import CheckpointError, ConfigError
from ..image_inversion import ImageEncoder
from ..judge import Judge
from ..randomness import normal
from ..sound_inversion import ReleasedSoundEncoder, SoundInversionEncoder
from ..synthesis import Generator, StyleGAN2Generator, StyleGAN3Generator
from ..walker import RecurrentWalker, ReleasedBlock, ReleasedWalker

M = TypeVar("M", bound=torch.nn.Module)
C = TypeVar("C")


def from_file(kind: type[C], data: Any, where: str) -> C:
    """The configuration that the file named by `where` says; every error names the file. Raises ConfigError.

    `kind` is the class of the configuration, `data` the plain values that the file holds.
    """
    try:
        return from_dict(kind, data, where)
    except ConfigError as error:
        if str(error).startswith(where):
            raise
        raise ConfigError(f"{where}: {error}") from error


def _fields(config: Any) -> dict[str, Any]:
    return {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}


@overload
def build_generator(config: GeneratorConfig) -> StyleGAN2Generator: ...


@overload
def build_generator(config: StyleGAN3Config) -> StyleGAN3Generator: ...


@overload
def build_generator(config: GeneratorConfig | StyleGAN3Config) -> Generator: ...


def build_generator(config: GeneratorConfig | StyleGAN3Config) -> Generator:
    """A StyleGAN2 or StyleGAN3 generator with fresh weights."""
    return StyleGAN3Generator(**_fields(config)) if isinstance(config, StyleGAN3Config) else StyleGAN2Generator(**_fields(config))


def build_discriminator(config: DiscriminatorConfig) -> StyleGAN2Discriminator:
    """StyleGAN2's discriminator with fresh weights."""
    return StyleGAN2Discriminator(**_fields(config))


def build_joint_space(config: JointSpaceConfig) -> JointSpace:
    """A joint space of sound, picture and text with fresh weights."""
    return JointSpace(**_fields(config))


def build_sound_encoder(config: SoundInversionConfig) -> SoundInversionEncoder:
    """A sound inversion encoder with fresh weights."""
    return SoundInversionEncoder(**_fields(config))


def build_released_sound_encoder(config: ReleasedSoundConfig) -> ReleasedSoundEncoder:
    """A sound inversion encoder of the released code with fresh weights."""
    return ReleasedSoundEncoder(**_fields(config))


def build_released_walker(config: ReleasedWalkerConfig) -> ReleasedWalker:
    """A walker of the released code with fresh weights."""
    blocks = [ReleasedBlock(**_fields(block)) for block in (config.coarse, config.mid, config.fine)]
    return ReleasedWalker(blocks, config.walk_rate, config.family, config.img_resolution)


def build_sound_tower(config: ReleasedSoundTowerConfig) -> ReleasedSoundTower:
    """A released sound tower with fresh weights."""
    return ReleasedSoundTower(**_fields(config))


def build_clip_sound_tower(config: SoundTowerConfig) -> SoundTower:
    """A sound tower for a CLIP model, with fresh weights."""
    tower = SoundTower(config.embed_dim, config.widths, config.mel.resized_mels, texture=config.texture)
    if config.norm == "item":
        normalise_items(tower)
    return tower


def build_image_encoder(config: ImageEncoderConfig) -> ImageEncoder:
    """An encoder of pictures with fresh weights."""
    return ImageEncoder(**_fields(config))


def build_walker(config: WalkerConfig) -> RecurrentWalker:
    """A recurrent walker with fresh weights."""
    return RecurrentWalker(**_fields(config))


def build_judge(config: JudgeConfig) -> Judge:
    """A judge of pictures with fresh weights."""
    return Judge(**_fields(config))


def build_critics(config: CriticConfig) -> tuple[VideoCritic, ImageCritic]:
    """D_V and D_I with fresh weights; only training needs them."""
    return VideoCritic(config.video_widths), ImageCritic(config.image_widths)


def build_hinted_critic(widths: Sequence[int]) -> HintedCritic:
    """The discriminator of detail with fresh weights; only training needs it."""
    return HintedCritic(widths)


@torch.no_grad()
def mean_latent(generator: Generator, num_codes: int = 10_000, seed: int = 0) -> torch.Tensor:
    """The mean of `num_codes` mapped codes [w_dim], as truncation needs it: w_avg of StyleGAN.

    The codes are those of `seed`; labels, if `generator` takes any, are drawn evenly.
    """
    device = generator.w_avg.device
    total = torch.zeros(generator.w_dim, dtype=torch.float64)
    for start in range(0, num_codes, 1000):
        stop = min(start + 1000, num_codes)
        z = normal(seed, "mean latent", start, stop - start, generator.z_dim).to(device)
        c = torch.eye(generator.c_dim, device=device)[torch.arange(start, stop) % generator.c_dim] if generator.c_dim else None
        total += generator.mapping(z, c)[:, 0].double().sum(0).cpu()
    return (total / num_codes).float()


def build_filled(build: Callable[[C], M], config: C, state: Mapping[str, torch.Tensor], path: str | Path) -> M:
    """A module that takes the tensors of `state` as its own: its own first numbers are never drawn, so a file isn't held twice.

    How large it would be is held against what `state` holds while it's built. `build` makes the module of `config`; `path` is named in errors.
    """
    with enough_memory(str(path)):
        module = _built(build, config, sum(tensor.numel() for tensor in state.values()), str(path))
        load_state(module, _taken(module, state, path), str(path), assign=True)
    return module.eval().requires_grad_(False)


def _built(build: Callable[[C], M], config: C, num_stored: int, where: str) -> M:
    """The module of a file's configuration without numbers; what its settings ask for is held against what the file holds."""
    try:
        with WithoutNumbers(num_stored, where):
            return build(config)
    except (ValueError, AssertionError, IndexError, ZeroDivisionError) as error:  # settings that no layer of torch takes together
        raise ConfigError(f"{where}: no network has its settings together ({error}); the file is damaged, get it again") from error


def _taken(module: torch.nn.Module, state: Mapping[str, torch.Tensor], path: str | Path) -> dict[str, torch.Tensor]:
    """Tensors that a module may keep: of its types, contiguous, finite, none a part of another's memory."""
    wanted, seen, taken = module.state_dict(), set(), {}
    for name, tensor in state.items():
        if not tensor.is_floating_point() and (name not in wanted or wanted[name].is_floating_point()):  # counts of steps are whole numbers
            raise CheckpointError(f"{path}: {name} holds {str(tensor.dtype).removeprefix('torch.')}, expected floating-point numbers")
        if not is_finite(tensor):
            raise CheckpointError(f"{path}: {name} holds NaN or infinity; the weights are damaged, get the file again")
        own = as_type(tensor, wanted[name].dtype if name in wanted else tensor.dtype)
        memory = own.untyped_storage()
        if memory.data_ptr() in seen or memory.nbytes() != own.nbytes:
            own = own.clone()
        seen.add(own.untyped_storage().data_ptr())
        taken[name] = own
    return taken
