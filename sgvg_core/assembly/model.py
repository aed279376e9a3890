"""A whole model: from a folder, from parts, from a configuration."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from ..config import MelConfig
from ..devices import to_device
from ..errors import CheckpointError, ConfigError
from ..latents import LatentAxis
from ..presets import ModelConfig
from ..sound_inversion import AnySoundEncoder, ReleasedSoundEncoder
from ..synthesis import Generator
from ..walker import AnyWalker, ReleasedWalker
from .adapters import adapt_sound_encoder, adapt_walker
from .builders import build_generator, build_joint_space, build_sound_encoder, build_walker
from .files import (
    AnyJointSpace,
    load_generator,
    load_joint_space,
    load_sound_encoder,
    load_walker,
    save_generator,
    save_joint_space,
    save_sound_encoder,
    save_walker,
)

BUNDLED = Path(__file__).resolve().parents[2] / "models" / "landscapes"
"""The model that comes with the pack."""


@dataclasses.dataclass(frozen=True)
class SoundModel:
    """The parts of a sound-to-video model, ready to run: evaluation mode, no gradients."""

    name: str
    generator: Generator
    sound_encoder: AnySoundEncoder
    walker: AnyWalker
    mel: MelConfig
    joint_space: AnyJointSpace | None
    device: torch.device
    doubts: bool = True
    """Whether a sound that the joint space takes for none of its scenes leads the walk nowhere. False where the sound encoder was fitted to
    other sounds than those that the joint space knows."""

    def checked(self) -> "SoundModel":
        """Itself, if its parts fit each other; else ConfigError."""
        wanted = self.generator.num_ws, self.generator.w_dim
        for name, part in (("sound encoder", self.sound_encoder), ("walker", self.walker)):
            if (part.num_ws, part.w_dim) != wanted:
                raise ConfigError(
                    f"{name}: made for {part.num_ws} latents of {part.w_dim}, but the generator {self.name} takes {wanted[0]} of {wanted[1]}; "
                    "use parts that were trained together"
                )
        return self


def load_model(folder: str | Path | None = None, device: str | torch.device = "auto") -> SoundModel:
    """The model in `folder` (None: the bundled one), its generator and joint space on `device`.

    A folder may also hold files of the released code (audio_inversion_.pth; coarse..., mid..., fine...) and a generator of any kind,
    generator.* or the one .pkl; they're fitted to it (`adapt_sound_encoder`, `adapt_walker`).

    The encoder and the walker stay on the CPU in float32: the walk is the same on every machine. Raises CheckpointError when a part is
    missing, ConfigError when the parts don't fit each other.
    """
    folder = BUNDLED if folder is None else Path(folder)
    if not folder.is_dir():
        raise CheckpointError(f"{folder}: there's no such model folder; it should hold generator, sound_encoder and walker .safetensors")
    generator = load_generator(find_model_generator(folder), device)
    encoder, mel = load_sound_encoder(_part_path(folder, _SOUND_ENCODER_NAMES))
    own_walker = folder / "walker.safetensors"
    walker = load_walker(own_walker if own_walker.exists() or not list(folder.glob("*coarse*")) else folder)
    space_path = folder / "joint_space.safetensors"
    return SoundModel(
        name=folder.name,
        generator=generator,
        sound_encoder=adapt_sound_encoder(encoder, generator) if isinstance(encoder, ReleasedSoundEncoder) else encoder,
        walker=adapt_walker(walker, generator) if isinstance(walker, ReleasedWalker) else walker,
        mel=mel,
        joint_space=load_joint_space(space_path, device) if space_path.exists() else None,
        device=to_device(device),
    ).checked()


def find_model_generator(folder: str | Path) -> Path:
    """The file of the generator in a model folder. Raises CheckpointError."""
    return _part_path(Path(folder), _GENERATOR_NAMES)


_GENERATOR_NAMES = ("generator.safetensors", "generator.*", "*.pkl")
_SOUND_ENCODER_NAMES = ("sound_encoder.safetensors", "sound_encoder.*", "*audio_inversion*")


def _part_path(folder: Path, patterns: tuple[str, ...]) -> Path:
    """The one file of a part in a model folder, by the first of `patterns` that any file has; the first name if none has."""
    for pattern in patterns:
        found = sorted(folder.glob(pattern))
        if len(found) > 1:
            raise CheckpointError(f"{folder}: {len(found)} files named {pattern} ({', '.join(file.name for file in found[:6])}), expected one")
        if found:
            return found[0]
    return folder / patterns[0]


def compose_model(
    generator: Generator | str | Path,
    sound_encoder: str | Path,
    walker: str | Path | Sequence[str | Path],
    *,
    joint_space: str | Path | None = None,
    made_for: LatentAxis | None = None,
    name: str = "composed",
    device: str | torch.device = "auto",
) -> SoundModel:
    """A model out of single files of any kind: a generator, a sound encoder, a walker (or its three released blocks).

    Parts made for another number of latents are fitted by layer. Raises CheckpointError or ConfigError.

    `sound_encoder`, `walker` and `joint_space` are files; without a `joint_space` there is no text and no choice of a start by sound.
    `made_for` names the layers that the encoder and the walker were trained for, where their files don't say. `device` is "auto", "cpu",
    "cuda" or "mps"; `name` is what errors and reports call the model.
    """
    if isinstance(generator, str | Path):
        generator = load_generator(generator, device)
    encoder, mel = load_sound_encoder(sound_encoder)
    return SoundModel(
        name=name,
        generator=generator,
        sound_encoder=adapt_sound_encoder(encoder, generator, made_for),
        walker=adapt_walker(load_walker(walker), generator, made_for),
        mel=mel,
        joint_space=None if joint_space is None else load_joint_space(joint_space, device),
        device=to_device(device),
    ).checked()


def build_model(config: ModelConfig, seed: int = 0) -> SoundModel:
    """A model of the sizes in `config` with random weights, which depend on `seed` alone; its walk moves. For tests and first steps."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        parts: dict[str, Any] = {
            "generator": build_generator(config.generator),
            "sound_encoder": build_sound_encoder(config.sound_encoder),
            "walker": build_walker(config.walker),
            "joint_space": build_joint_space(config.joint_space),
        }
    for part in parts.values():
        part.eval().requires_grad_(False)
    return SoundModel(name="random", mel=config.mel, device=torch.device("cpu"), **parts).checked()


def save_model(folder: Path, model: SoundModel, config: ModelConfig) -> None:
    """Write every part of `model` into `folder`, a file a part; `config` goes into their headers. `load_model` reads it. Raises CheckpointError."""
    folder.mkdir(parents=True, exist_ok=True)
    save_generator(folder / "generator.safetensors", model.generator, config.generator)
    save_sound_encoder(folder / "sound_encoder.safetensors", model.sound_encoder, config.sound_encoder, config.mel)
    save_walker(folder / "walker.safetensors", model.walker, config.walker)
    if model.joint_space is not None:
        save_joint_space(folder / "joint_space.safetensors", model.joint_space, config.joint_space)
