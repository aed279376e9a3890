"""From a configuration to modules and from a file to modules: the only builder.

A model is a folder: ``generator.safetensors``, ``sound_encoder.safetensors``, ``walker.safetensors``, ``joint_space.safetensors`` and,
for measuring, ``judge.safetensors``. Each file holds its weights and, in its header, the configuration they were made with.
"""

import dataclasses
from pathlib import Path
from typing import Any, TypeVar

import torch

from .checkpoints import load_state, read_weights, write_weights
from .config import CriticConfig, GeneratorConfig, JointSpaceConfig, JudgeConfig, MelConfig, SoundInversionConfig, WalkerConfig, from_dict
from .critics import ImageCritic, VideoCritic
from .devices import to_device
from .embedding import JointSpace
from .errors import CheckpointError, ConfigError
from .judge import Judge
from .presets import ModelConfig
from .sound_inversion import SoundInversionEncoder
from .synthesis import StyleGAN2Generator
from .walker import RecurrentWalker

BUNDLED = Path(__file__).resolve().parent.parent / "models" / "landscapes"
"""The model that comes with the pack."""

M = TypeVar("M", bound=torch.nn.Module)


@dataclasses.dataclass(frozen=True)
class SoundModel:
    """The parts of a sound-to-video model, ready to run: evaluation mode, no gradients."""

    name: str
    generator: StyleGAN2Generator
    sound_encoder: SoundInversionEncoder
    walker: RecurrentWalker
    mel: MelConfig
    joint_space: JointSpace | None
    device: torch.device

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


def _fields(config: Any) -> dict[str, Any]:
    return {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}


def build_generator(config: GeneratorConfig) -> StyleGAN2Generator:
    """A StyleGAN2 generator with fresh weights."""
    return StyleGAN2Generator(**_fields(config))


def build_joint_space(config: JointSpaceConfig) -> JointSpace:
    """A joint space of sound, picture and text with fresh weights."""
    return JointSpace(**_fields(config))


def build_sound_encoder(config: SoundInversionConfig) -> SoundInversionEncoder:
    """A sound inversion encoder with fresh weights."""
    return SoundInversionEncoder(**_fields(config))


def build_walker(config: WalkerConfig) -> RecurrentWalker:
    """A recurrent walker with fresh weights."""
    return RecurrentWalker(**_fields(config))


def build_judge(config: JudgeConfig) -> Judge:
    """A judge of pictures with fresh weights."""
    return Judge(**_fields(config))


def build_critics(config: CriticConfig) -> tuple[VideoCritic, ImageCritic]:
    """D_V and D_I with fresh weights; only training needs them."""
    return VideoCritic(config.video_widths), ImageCritic(config.image_widths)


def save_generator(path: Path, generator: torch.nn.Module, config: GeneratorConfig, *, half: bool = True) -> None:
    """Write a generator with its configuration; `half` stores float16."""
    write_weights(path, generator.state_dict(), kind="generator", config=dataclasses.asdict(config), half=half)


def save_joint_space(path: Path, space: torch.nn.Module, config: JointSpaceConfig, *, half: bool = True) -> None:
    """Write a joint space with its configuration."""
    write_weights(path, space.state_dict(), kind="joint_space", config=dataclasses.asdict(config), half=half)


def save_sound_encoder(path: Path, encoder: torch.nn.Module, config: SoundInversionConfig, mel: MelConfig, *, half: bool = True) -> None:
    """Write a sound inversion encoder with its configuration and that of the sound pictures it hears."""
    extra = {"mel": dataclasses.asdict(mel)}
    write_weights(path, encoder.state_dict(), kind="sound_encoder", config=dataclasses.asdict(config), extra=extra, half=half)


def save_walker(path: Path, walker: torch.nn.Module, config: WalkerConfig, *, half: bool = True) -> None:
    """Write a walker with its configuration."""
    write_weights(path, walker.state_dict(), kind="walker", config=dataclasses.asdict(config), half=half)


def save_judge(path: Path, judge: torch.nn.Module, config: JudgeConfig, *, half: bool = True) -> None:
    """Write a judge with its configuration."""
    write_weights(path, judge.state_dict(), kind="judge", config=dataclasses.asdict(config), half=half)


def load_generator(path: str | Path, device: str | torch.device = "cpu") -> StyleGAN2Generator:
    """The generator in a file of ours. Raises CheckpointError or ConfigError."""
    stored = read_weights(Path(path), kind="generator")
    generator = build_generator(from_dict(GeneratorConfig, stored.config, str(path)))
    return _ready(generator, stored.state, path, device)


def load_sound_encoder(path: str | Path, device: str | torch.device = "cpu") -> tuple[SoundInversionEncoder, MelConfig]:
    """The sound inversion encoder in a file, and the sound pictures it hears."""
    stored = read_weights(Path(path), kind="sound_encoder")
    encoder = build_sound_encoder(from_dict(SoundInversionConfig, stored.config, str(path)))
    return _ready(encoder, stored.state, path, device), from_dict(MelConfig, stored.extra.get("mel"), f"{path}: mel")


def load_walker(path: str | Path, device: str | torch.device = "cpu") -> RecurrentWalker:
    """The recurrent walker in a file."""
    stored = read_weights(Path(path), kind="walker")
    return _ready(build_walker(from_dict(WalkerConfig, stored.config, str(path))), stored.state, path, device)


def load_joint_space(path: str | Path, device: str | torch.device = "cpu") -> JointSpace:
    """The joint space in a file."""
    stored = read_weights(Path(path), kind="joint_space")
    return _ready(build_joint_space(from_dict(JointSpaceConfig, stored.config, str(path))), stored.state, path, device)


def load_judge(path: str | Path, device: str | torch.device = "cpu") -> Judge:
    """The judge of pictures in a file."""
    stored = read_weights(Path(path), kind="judge")
    return _ready(build_judge(from_dict(JudgeConfig, stored.config, str(path))), stored.state, path, device)


def _ready(module: M, state: dict[str, torch.Tensor], path: str | Path, device: str | torch.device) -> M:
    """A module with the stored weights, in evaluation mode and without gradients."""
    load_state(module, state, str(path))
    return module.eval().requires_grad_(False).to(to_device(device))


def load_model(folder: str | Path | None = None, device: str | torch.device = "auto") -> SoundModel:
    """The model in `folder` (None: the bundled one), its generator and joint space on `device`.

    The encoder and the walker stay on the CPU in float32: the walk is the same on every machine. Raises CheckpointError when a part is
    missing, ConfigError when the parts don't fit each other.
    """
    folder = BUNDLED if folder is None else Path(folder)
    if not folder.is_dir():
        raise CheckpointError(f"{folder}: there's no such model folder; it should hold generator, sound_encoder and walker .safetensors")
    generator = load_generator(folder / "generator.safetensors", device)
    encoder, mel = load_sound_encoder(folder / "sound_encoder.safetensors")
    space_path = folder / "joint_space.safetensors"
    return SoundModel(
        name=folder.name,
        generator=generator,
        sound_encoder=encoder,
        walker=load_walker(folder / "walker.safetensors"),
        mel=mel,
        joint_space=load_joint_space(space_path, device) if space_path.exists() else None,
        device=to_device(device),
    ).checked()


def build_model(config: ModelConfig, seed: int = 0) -> SoundModel:
    """A model with random weights that depend on `seed` alone; its walk moves."""
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
    """Write every part of a model into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    save_generator(folder / "generator.safetensors", model.generator, config.generator)
    save_sound_encoder(folder / "sound_encoder.safetensors", model.sound_encoder, config.sound_encoder, config.mel)
    save_walker(folder / "walker.safetensors", model.walker, config.walker)
    if model.joint_space is not None:
        save_joint_space(folder / "joint_space.safetensors", model.joint_space, config.joint_space)
