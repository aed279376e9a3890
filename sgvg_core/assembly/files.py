"""From a file to modules and back, one pair of functions a part."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from ..atomic_files import atomic_write
from ..checkpoints import read_weights, write_weights
from ..checkpoints.stored import in_words, read_stored
from ..config import (
    DiscriminatorConfig,
    GeneratorConfig,
    ImageEncoderConfig,
    JointSpaceConfig,
    JudgeConfig,
    MelConfig,
    ReleasedSoundConfig,
    ReleasedSoundTowerConfig,
    ReleasedWalkerConfig,
    SoundInversionConfig,
    SoundTowerConfig,
    StyleGAN3Config,
    WalkerConfig,
)
from ..critics import StyleGAN2Discriminator
from ..devices import to_device
from ..embedding import JointSpace, OpenClipSpace, ReleasedSoundTower, load_open_clip
from ..errors import CheckpointError, ShapeError
from ..image_inversion import ImageEncoder
from ..judge import Judge
from ..shapes import check_shape
from ..sound_inversion import ReleasedSoundEncoder, SoundInversionEncoder
from ..synthesis import Generator
from ..walker import RecurrentWalker, ReleasedWalker
from .builders import (
    build_clip_sound_tower,
    build_filled,
    build_image_encoder,
    build_joint_space,
    build_judge,
    build_released_sound_encoder,
    build_released_walker,
    build_sound_encoder,
    build_sound_tower,
    build_walker,
    from_file,
)
from .recognised import build_recognised_discriminator, build_recognised_generator, find_generator, find_walker, network_of

AnyJointSpace = JointSpace | OpenClipSpace
"""What can judge in a model: towers of our own, or a CLIP model that was taught to hear."""


def save_generator(
    path: Path, generator: torch.nn.Module, config: GeneratorConfig | StyleGAN3Config, *, half: bool = True, labels: Sequence[str] = ()
) -> None:
    """Write a generator with its configuration.

    `path` ends in .safetensors; `config` goes into its header, and `labels`, the names of its classes, for people. `half` stores float16,
    else float32. Raises CheckpointError where it can't be written.
    """
    kind = "generator3" if isinstance(config, StyleGAN3Config) else "generator"
    extra = {"labels": list(labels)} if labels else {}
    write_weights(path, generator.state_dict(), kind=kind, config=dataclasses.asdict(config), extra=extra, half=half)


def save_discriminator(path: Path, discriminator: torch.nn.Module, config: DiscriminatorConfig, *, half: bool = True) -> None:
    """Write StyleGAN2's discriminator with its configuration.

    `path` ends in .safetensors; `config` goes into its header. `half` stores float16, else float32. Raises CheckpointError where it can't be
    written.
    """
    write_weights(path, discriminator.state_dict(), kind="discriminator", config=dataclasses.asdict(config), half=half)


def save_joint_space(path: Path, space: torch.nn.Module, config: JointSpaceConfig, *, half: bool = True) -> None:
    """Write a joint space with its configuration.

    `path` ends in .safetensors; `config` goes into its header. `half` stores float16, else float32. Raises CheckpointError where it can't be
    written.
    """
    write_weights(path, space.state_dict(), kind="joint_space", config=dataclasses.asdict(config), half=half)


def save_clip_sound_tower(path: Path, tower: torch.nn.Module, config: SoundTowerConfig, *, half: bool = True) -> None:
    """Write a sound tower that was taught into a CLIP model's space; the CLIP model itself isn't written.

    `path` ends in .safetensors; `config`, which names the CLIP model, goes into its header. `half` stores float16, else float32.
    """
    write_weights(path, tower.state_dict(), kind="sound_tower", config=dataclasses.asdict(config), half=half)


def save_sound_encoder(path: Path, encoder: torch.nn.Module, config: SoundInversionConfig, mel: MelConfig, *, half: bool = True) -> None:
    """Write a sound inversion encoder with its configuration and that of the spectrograms it hears.

    `path` ends in .safetensors; `config` and `mel` go into its header. `half` stores float16, else float32. Raises CheckpointError where
    it can't be written.
    """
    extra = {"mel": dataclasses.asdict(mel)}
    write_weights(path, encoder.state_dict(), kind="sound_encoder", config=dataclasses.asdict(config), extra=extra, half=half)


def save_walker(path: Path, walker: torch.nn.Module, config: WalkerConfig, *, half: bool = True) -> None:
    """Write a walker with its configuration.

    `path` ends in .safetensors; `config` goes into its header. `half` stores float16, else float32. Raises CheckpointError where it can't be
    written.
    """
    write_weights(path, walker.state_dict(), kind="walker", config=dataclasses.asdict(config), half=half)


def save_released_sound_encoder(path: Path, encoder: torch.nn.Module, config: ReleasedSoundConfig, *, half: bool = True) -> None:
    """Write a sound inversion encoder of the released code as a file of ours.

    `path` ends in .safetensors; `config` goes into its header. `half` stores float16, else float32.
    """
    write_weights(path, encoder.state_dict(), kind="released_sound_encoder", config=dataclasses.asdict(config), half=half)


def save_released_walker(path: Path, walker: torch.nn.Module, config: ReleasedWalkerConfig, *, half: bool = True) -> None:
    """Write the three released blocks, which `walker` holds, as one file of ours.

    `path` ends in .safetensors; `config` goes into its header. `half` stores float16, else float32.
    """
    write_weights(path, walker.state_dict(), kind="released_walker", config=dataclasses.asdict(config), half=half)


def save_judge(path: Path, judge: torch.nn.Module, config: JudgeConfig, *, half: bool = True) -> None:
    """Write a judge with its configuration.

    `path` ends in .safetensors; `config` goes into its header. `half` stores float16, else float32. Raises CheckpointError where it can't be
    written.
    """
    write_weights(path, judge.state_dict(), kind="judge", config=dataclasses.asdict(config), half=half)


def load_generator(path: str | Path, device: str | torch.device = "cpu") -> Generator:
    """The generator in a file of any known layout: ours, NVIDIA's pickles of torch or TensorFlow, conversions; nothing in it is run.

    Where the file at `path` holds several, it's the averaged one. `device` is where it goes: "auto", "cpu", "cuda", "mps" or torch's own.
    Raises CheckpointError for a file that holds none or is damaged, ConfigError for settings outside the limits.
    """
    return build_recognised_generator(find_generator(path), path, device)


def load_discriminator(path: str | Path, device: str | torch.device = "cpu") -> StyleGAN2Discriminator:
    """StyleGAN2's discriminator in a file of any known layout, also one in a generator's file.

    `path` is the file. `device` is where it goes: "auto", "cpu", "cuda", "mps" or torch's own. Raises CheckpointError, ConfigError.
    """
    return build_recognised_discriminator(network_of(read_stored(path), ("discriminator",), path), path, device)


def load_sound_encoder(
    path: str | Path, device: str | torch.device = "cpu"
) -> tuple[SoundInversionEncoder | ReleasedSoundEncoder, MelConfig]:
    """The sound inversion encoder E_a in a file of ours or of the released code, and the spectrograms it hears.

    `path` is the file. `device` is where it goes: "auto", "cpu", "cuda", "mps" or torch's own. Raises CheckpointError, ConfigError.
    """
    stored = read_stored(path, "sound_encoder", "released_sound_encoder")
    if stored.kind == "sound_encoder":
        own = from_file(SoundInversionConfig, stored.config, str(path))
        heard = from_file(MelConfig, stored.extra.get("mel"), f"{path}: mel")
        return build_filled(build_sound_encoder, own, stored.state, path).to(to_device(device)), heard
    config = from_file(ReleasedSoundConfig, stored.config, str(path))
    mel = MelConfig(resized_mels=config.log_mel_size, resized_frames=config.log_mel_size)
    return build_filled(build_released_sound_encoder, config, stored.state, path).to(to_device(device)), mel


def load_walker(path: str | Path | Sequence[str | Path], device: str | torch.device = "cpu") -> RecurrentWalker | ReleasedWalker:
    """The walker in a file of ours; or of the released code, whose three blocks are three files (a list, or the folder they lie in).

    Of three files in `path` the names say which is which (coarse..., mid..., fine...); where they don't, the order does. `device` is
    "auto", "cpu", "cuda", "mps" or torch's own. Raises CheckpointError, ConfigError.
    """
    found = find_walker(path)
    where = str(path) if isinstance(path, str | Path) else ", ".join(map(str, path))
    if found.kind == "walker":
        return build_filled(build_walker, from_file(WalkerConfig, found.config, where), found.state, where).to(to_device(device))
    return build_filled(build_released_walker, from_file(ReleasedWalkerConfig, found.config, where), found.state, where).to(to_device(device))


def load_sound_tower(path: str | Path, device: str | torch.device = "cpu") -> ReleasedSoundTower:
    """The released F_a in a file; what it hears is `audio.released_tower_log_mel`, what it answers lies in CLIP ViT-B/32's space.

    `path` is the file, `device` where the tower goes. Raises CheckpointError.
    """
    stored = read_stored(path, "released_sound_tower")
    config = from_file(ReleasedSoundTowerConfig, stored.config, str(path))
    return build_filled(build_sound_tower, config, stored.state, path).to(to_device(device))


def load_image_encoder(
    path: str | Path, device: str | torch.device = "cpu", *, w_avg: torch.Tensor | None = None, deltas: bool | None = None
) -> ImageEncoder:
    """The encoder of pictures in the file `path`, of pSp, e4e or ReStyle, on `device`. Raises CheckpointError, ConfigError.

    `w_avg` [D] or [L, D] is the mean latent of its generator, for files that lack it (None: the file has it). `deltas` says whether latents are
    offsets from the first one (e4e) where the file doesn't say which encoder it is; None: as the file says.
    """
    stored = read_stored(path, "image_encoder")
    config = from_file(ImageEncoderConfig, {**stored.config, **({} if deltas is None else {"deltas": deltas})}, str(path))
    state = dict(stored.state)
    if "latent_avg" not in state:
        if config.adds_mean and w_avg is None:
            raise CheckpointError(f"{path}: its answers are offsets from a mean latent that isn't in the file; load it with the generator's w_avg")
        mean = torch.zeros(config.w_dim) if w_avg is None else w_avg.detach().float().cpu()
        if mean.shape not in ((config.w_dim,), (config.num_ws, config.w_dim)):
            raise ShapeError(f"w_avg: got shape {list(mean.shape)}, expected [{config.w_dim}] or [{config.num_ws}, {config.w_dim}]")
        state["latent_avg"] = mean.expand(config.num_ws, -1).clone()
    return build_filled(build_image_encoder, config, state, path).to(to_device(device))


def load_latents(path: str | Path, num_ws: int | None = None, w_dim: int | None = None) -> torch.Tensor:
    """Latents [T, L, D], float32 on the CPU, from the file `path`: .npy, .npz, .pt or .safetensors. One latent for all layers is repeated.

    `num_ws` and `w_dim` are L and D as a generator takes them (None: as the file has them); latents of other sizes raise ShapeError
    that names both. Raises CheckpointError for a file that holds no latents.
    """
    ws = read_stored(path, "latents").state.get("ws", torch.empty(0))
    if ws.ndim != 3:
        raise CheckpointError(f"{path}: its latents have shape {list(ws.shape)}, expected [T, L, D]; the file is damaged, get it again")
    if ws.shape[1] == 1 and num_ws is not None:
        ws = ws.expand(-1, num_ws, -1).contiguous()
    if ws.shape[1:] != (num_ws or ws.shape[1], w_dim or ws.shape[2]):
        raise ShapeError(
            f"{path}: got latents of shape {list(ws.shape)}, expected [T, {num_ws or 'any'}, {w_dim or 'any'}], that of the generator; "
            "choose latents of this generator, or map them by layer"
        )
    return ws.float()


def save_latents(path: str | Path, ws: torch.Tensor) -> None:
    """Write latents [T, L, D], float32, as `path` ends: .safetensors (ours), .npy, or .npz under the name ``w``. Raises CheckpointError.

    `ws` may lie on any device and have any number type.
    """
    target = Path(path)
    check_shape("ws", ws, "T L D")
    ws = ws.detach().float().cpu().contiguous()
    if target.suffix == ".safetensors":
        write_weights(target, {"ws": ws}, kind="latents", config={"num_ws": ws.shape[1], "w_dim": ws.shape[2]})
        return
    if target.suffix not in (".npy", ".npz"):
        raise CheckpointError(f"{target}: latents are written as .safetensors, .npy or .npz; choose one of these endings")
    if not bool(ws.isfinite().all()):
        raise CheckpointError(f"{target}: the latents hold NaN or infinity; such latents aren't stored")
    with atomic_write(target, CheckpointError) as part, part.open("wb") as file:
        if target.suffix == ".npy":
            np.save(file, ws.numpy(), allow_pickle=False)
        else:
            np.savez(file, w=ws.numpy())


def load_joint_space(path: str | Path, device: str | torch.device = "cpu", clip_weights: str | Path | None = None) -> AnyJointSpace:
    """The joint space in a file; or the space of a CLIP model, with the sound tower in the file that was taught into it.

    `path` is the file, `device` where the space goes. The CLIP model's own weights are `clip_weights`, or with None those that the file names: a
    tag whose file is in open_clip's cache, or a file (or folder) of that name next to the sound tower. Raises CheckpointError and ConfigError.
    """
    stored = read_weights(Path(path))
    if stored.kind == "sound_tower":
        return _hearing_clip(Path(path), from_file(SoundTowerConfig, stored.config, str(path)), stored.state, device, clip_weights)
    if stored.kind != "joint_space":
        raise CheckpointError(f"{path}: got {in_words(stored.kind)}, expected a joint space; choose another file")
    return build_filled(build_joint_space, from_file(JointSpaceConfig, stored.config, str(path)), stored.state, path).to(to_device(device))


def _hearing_clip(
    path: Path, config: SoundTowerConfig, state: dict[str, torch.Tensor], device: str | torch.device, clip_weights: str | Path | None
) -> OpenClipSpace:
    """The CLIP model that a sound tower was taught into, hearing through it."""
    tower = build_filled(build_clip_sound_tower, config, state, path)
    folder = path.parent / config.clip_model
    model = str(folder) if folder.is_dir() else config.clip_model
    stored = path.parent / config.clip_weights
    weights: str | Path | None = clip_weights or (stored if config.clip_weights and stored.is_file() else config.clip_weights or None)
    space = load_open_clip(model, weights).requires_grad_(False)
    if space.embed_dim != config.embed_dim:
        raise CheckpointError(f"{path}: taught into a space of {config.embed_dim} numbers, but {config.clip_model} has {space.embed_dim}; "
                              "name the CLIP model that it was taught with")
    return space.hears(tower, config.mel, config.labels).to(to_device(device))


def load_judge(path: str | Path, device: str | torch.device = "cpu") -> Judge:
    """The judge of pictures in the file `path`, on `device`. Raises CheckpointError, ConfigError."""
    stored = read_weights(Path(path), kind="judge")
    return build_filled(build_judge, from_file(JudgeConfig, stored.config, str(path)), stored.state, path).to(to_device(device))
