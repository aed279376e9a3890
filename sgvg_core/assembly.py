"""From a configuration to modules and from a file to modules: the only builder.

A model is a folder: ``generator.safetensors``, ``sound_encoder.safetensors``, ``walker.safetensors``, ``joint_space.safetensors`` and,
for measuring, ``judge.safetensors``. Each file holds its weights and, in its header, the configuration they were made with.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, overload

import numpy as np
import torch

from .backbones import normalise_items
from .checkpoints import WithoutNumbers, load_state, read_weights, write_weights
from .checkpoints.layouts import Recognised
from .checkpoints.memory import as_type
from .checkpoints.settling import enough_memory
from .checkpoints.stored import in_words, read_stored
from .checkpoints.weights import is_finite
from .config import (
    CriticConfig,
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
    from_dict,
)
from .critics import HintedCritic, ImageCritic, StyleGAN2Discriminator, VideoCritic
from .devices import to_device
from .embedding import JointSpace, OpenClipSpace, ReleasedSoundTower, SoundTower, load_open_clip
from .errors import CheckpointError, ConfigError, ShapeError
from .image_inversion import ImageEncoder
from .judge import Judge
from .latents import GROUPS
from .layer_map import LatentAxis, layer_map
from .presets import ModelConfig
from .randomness import normal
from .shapes import check_shape
from .sound_inversion import AnySoundEncoder, FittedSoundEncoder, ReleasedSoundEncoder, SoundInversionEncoder
from .synthesis import Generator, StyleGAN2Generator, StyleGAN3Generator
from .walker import AnyWalker, FittedWalker, RecurrentWalker, ReleasedBlock, ReleasedWalker
from .whole_files import written_whole

BUNDLED = Path(__file__).resolve().parent.parent / "models" / "landscapes"
"""The model that comes with the pack."""

M = TypeVar("M", bound=torch.nn.Module)
C = TypeVar("C")


AnyJointSpace = JointSpace | OpenClipSpace
"""What can judge in a model: towers of our own, or a CLIP model that was taught to hear."""


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


def _from_file(kind: type[C], data: Any, where: str) -> C:
    """The configuration that the file named by `where` says; every error names the file. Raises ConfigError."""
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
    tower = SoundTower(config.embed_dim, config.widths, config.mel.picture_mels, statistics=config.statistics)
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


def save_generator(
    path: Path, generator: torch.nn.Module, config: GeneratorConfig | StyleGAN3Config, *, half: bool = True, labels: Sequence[str] = ()
) -> None:
    """Write a generator with its configuration; `half` stores float16. `labels` are the names of its classes, for people."""
    kind = "generator3" if isinstance(config, StyleGAN3Config) else "generator"
    extra = {"labels": list(labels)} if labels else {}
    write_weights(path, generator.state_dict(), kind=kind, config=dataclasses.asdict(config), extra=extra, half=half)


def save_discriminator(path: Path, discriminator: torch.nn.Module, config: DiscriminatorConfig, *, half: bool = True) -> None:
    """Write StyleGAN2's discriminator with its configuration."""
    write_weights(path, discriminator.state_dict(), kind="discriminator", config=dataclasses.asdict(config), half=half)


def save_joint_space(path: Path, space: torch.nn.Module, config: JointSpaceConfig, *, half: bool = True) -> None:
    """Write a joint space with its configuration."""
    write_weights(path, space.state_dict(), kind="joint_space", config=dataclasses.asdict(config), half=half)


def save_clip_sound_tower(path: Path, tower: torch.nn.Module, config: SoundTowerConfig, *, half: bool = True) -> None:
    """Write a sound tower that was taught into a CLIP model's space; the CLIP model itself isn't written."""
    write_weights(path, tower.state_dict(), kind="sound_tower", config=dataclasses.asdict(config), half=half)


def save_sound_encoder(path: Path, encoder: torch.nn.Module, config: SoundInversionConfig, mel: MelConfig, *, half: bool = True) -> None:
    """Write a sound inversion encoder with its configuration and that of the sound pictures it hears."""
    extra = {"mel": dataclasses.asdict(mel)}
    write_weights(path, encoder.state_dict(), kind="sound_encoder", config=dataclasses.asdict(config), extra=extra, half=half)


def save_walker(path: Path, walker: torch.nn.Module, config: WalkerConfig, *, half: bool = True) -> None:
    """Write a walker with its configuration."""
    write_weights(path, walker.state_dict(), kind="walker", config=dataclasses.asdict(config), half=half)


def save_released_sound_encoder(path: Path, encoder: torch.nn.Module, config: ReleasedSoundConfig, *, half: bool = True) -> None:
    """Write a sound inversion encoder of the released code as a file of ours."""
    write_weights(path, encoder.state_dict(), kind="released_sound_encoder", config=dataclasses.asdict(config), half=half)


def save_released_walker(path: Path, walker: torch.nn.Module, config: ReleasedWalkerConfig, *, half: bool = True) -> None:
    """Write the three released blocks as one file of ours."""
    write_weights(path, walker.state_dict(), kind="released_walker", config=dataclasses.asdict(config), half=half)


def save_judge(path: Path, judge: torch.nn.Module, config: JudgeConfig, *, half: bool = True) -> None:
    """Write a judge with its configuration."""
    write_weights(path, judge.state_dict(), kind="judge", config=dataclasses.asdict(config), half=half)


def load_generator(path: str | Path, device: str | torch.device = "cpu") -> Generator:
    """The generator in a file of any known layout: ours, NVIDIA's pickles of torch or TensorFlow, conversions; nothing in it is run.

    Where a file holds several, it's the averaged one. Raises CheckpointError or ConfigError.
    """
    return build_recognised_generator(find_generator(path), path, device)


def find_generator(path: str | Path) -> Recognised:
    """What the generator in a file of any known layout is, with its notes; `build_recognised_generator` makes it run. Raises CheckpointError."""
    return _network_of(read_stored(path), _GENERATORS, path)


def load_discriminator(path: str | Path, device: str | torch.device = "cpu") -> StyleGAN2Discriminator:
    """StyleGAN2's discriminator in a file of any known layout, also one that lies beside a generator. Raises CheckpointError, ConfigError."""
    return build_recognised_discriminator(_network_of(read_stored(path), ("discriminator",), path), path, device)


def build_recognised_discriminator(
    found: Recognised, path: str | Path = "the network", device: str | torch.device = "cpu"
) -> StyleGAN2Discriminator:
    """The discriminator that was recognised in the file at `path`."""
    config = _from_file(DiscriminatorConfig, found.config, str(path))
    return _filled(build_discriminator, config, found.state, path).to(to_device(device))


_GENERATORS = ("generator", "generator3")
"""The kinds that `build_recognised_generator` builds."""


def build_recognised_generator(found: Recognised, path: str | Path = "the network", device: str | torch.device = "cpu") -> Generator:
    """The generator that was recognised in the file at `path`, ready to run. A mean latent that the file lacks is computed."""
    config: GeneratorConfig | StyleGAN3Config = _from_file(_GENERATOR_CONFIGS[found.kind], found.config, str(path))
    state, absent = found.state, "mapping.w_avg" not in found.state
    if absent:
        state = {**state, "mapping.w_avg": torch.zeros(config.w_dim)}
    filters = {name: tensor for name, tensor in state.items() if name.endswith("_filter")}
    state = {name: tensor for name, tensor in state.items() if name not in filters}
    generator: Generator = _filled(build_generator, config, state, path)
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


@torch.no_grad()
def mean_latent(generator: Generator, num_codes: int = 10_000, seed: int = 0) -> torch.Tensor:
    """The mean of `num_codes` mapped codes [w_dim], as truncation needs it; labels, if it takes any, are drawn evenly."""
    device = generator.w_avg.device
    total = torch.zeros(generator.w_dim, dtype=torch.float64)
    for start in range(0, num_codes, 1000):
        stop = min(start + 1000, num_codes)
        z = normal(seed, "mean latent", start, stop - start, generator.z_dim).to(device)
        c = torch.eye(generator.c_dim, device=device)[torch.arange(start, stop) % generator.c_dim] if generator.c_dim else None
        total += generator.mapping(z, c)[:, 0].double().sum(0).cpu()
    return (total / num_codes).float()


def _network_of(found: Recognised, kinds: tuple[str, ...], path: str | Path) -> Recognised:
    """What was found, or the first of the networks beside it, that is one of `kinds`."""
    for network in (found, *found.parts.values()):
        if network.kind in kinds:
            return network
    held = ", ".join(in_words(network.kind) for network in (found, *found.parts.values()))
    raise CheckpointError(f"{path}: got {held} ({found.layout}), expected {' or '.join(map(in_words, kinds))}; choose another file")


def _filled(build: Callable[[C], M], config: C, state: Mapping[str, torch.Tensor], path: str | Path) -> M:
    """A module that takes the tensors of `state` as its own: its own first numbers are never drawn, so a file isn't held twice.

    How large it would be is held against what `state` holds while it's built.
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


def load_sound_encoder(
    path: str | Path, device: str | torch.device = "cpu"
) -> tuple[SoundInversionEncoder | ReleasedSoundEncoder, MelConfig]:
    """The sound inversion encoder in a file of ours or of the released code, and the sound pictures it hears."""
    stored = read_stored(path, "sound_encoder", "released_sound_encoder")
    if stored.kind == "sound_encoder":
        own = _from_file(SoundInversionConfig, stored.config, str(path))
        heard = _from_file(MelConfig, stored.extra.get("mel"), f"{path}: mel")
        return _filled(build_sound_encoder, own, stored.state, path).to(to_device(device)), heard
    config = _from_file(ReleasedSoundConfig, stored.config, str(path))
    mel = MelConfig(picture_mels=config.picture_size, picture_frames=config.picture_size)
    return _filled(build_released_sound_encoder, config, stored.state, path).to(to_device(device)), mel


def load_walker(path: str | Path | Sequence[str | Path], device: str | torch.device = "cpu") -> RecurrentWalker | ReleasedWalker:
    """The walker in a file of ours; or of the released code, whose three blocks are three files (a list, or the folder they lie in).

    Of three files the names say which is which (coarse..., mid..., fine...); where they don't, the order does.
    """
    found = find_walker(path)
    where = str(path) if isinstance(path, str | Path) else ", ".join(map(str, path))
    if found.kind == "walker":
        return _filled(build_walker, _from_file(WalkerConfig, found.config, where), found.state, where).to(to_device(device))
    return _filled(build_released_walker, _from_file(ReleasedWalkerConfig, found.config, where), found.state, where).to(to_device(device))


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


def load_sound_tower(path: str | Path, device: str | torch.device = "cpu") -> ReleasedSoundTower:
    """The released F_a in a file; what it hears is `audio.released_tower_picture`, what it answers lies in CLIP ViT-B/32's space."""
    stored = read_stored(path, "released_sound_tower")
    config = _from_file(ReleasedSoundTowerConfig, stored.config, str(path))
    return _filled(build_sound_tower, config, stored.state, path).to(to_device(device))


def load_image_encoder(
    path: str | Path, device: str | torch.device = "cpu", *, w_avg: torch.Tensor | None = None, deltas: bool | None = None
) -> ImageEncoder:
    """The encoder of pictures in a file of pSp, e4e or ReStyle.

    `w_avg` [D] or [L, D] is the mean latent of its generator, for files that lack it. `deltas` says whether latents are offsets from the
    first one (e4e) where the file doesn't say which encoder it is.
    """
    stored = read_stored(path, "image_encoder")
    config = _from_file(ImageEncoderConfig, {**stored.config, **({} if deltas is None else {"deltas": deltas})}, str(path))
    state = dict(stored.state)
    if "latent_avg" not in state:
        if config.adds_mean and w_avg is None:
            raise CheckpointError(f"{path}: its answers are offsets from a mean latent that isn't in the file; load it with the generator's w_avg")
        mean = torch.zeros(config.w_dim) if w_avg is None else w_avg.detach().float().cpu()
        if mean.shape not in ((config.w_dim,), (config.num_ws, config.w_dim)):
            raise ShapeError(f"w_avg: got shape {list(mean.shape)}, expected [{config.w_dim}] or [{config.num_ws}, {config.w_dim}]")
        state["latent_avg"] = mean.expand(config.num_ws, -1).clone()
    return _filled(build_image_encoder, config, state, path).to(to_device(device))


def load_latents(path: str | Path, num_ws: int | None = None, w_dim: int | None = None) -> torch.Tensor:
    """Latents [T, L, D], float32 on the CPU, from .npy, .npz, .pt or .safetensors. One latent for all layers is repeated to `num_ws`.

    `num_ws` and `w_dim` are what a generator takes; latents of other sizes raise ShapeError that names both.
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
    """Write latents [T, L, D] as .safetensors (of ours), .npy, or .npz under the name ``w``, float32. Raises CheckpointError."""
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
    with written_whole(target, CheckpointError) as part, part.open("wb") as file:
        if target.suffix == ".npy":
            np.save(file, ws.numpy(), allow_pickle=False)
        else:
            np.savez(file, w=ws.numpy())


def load_joint_space(path: str | Path, device: str | torch.device = "cpu", clip_weights: str | Path | None = None) -> AnyJointSpace:
    """The joint space in a file; or the space of a CLIP model, with the sound tower in the file that was taught into it.

    The CLIP model's own weights are `clip_weights`, or those that the file names: a tag whose file is in open_clip's cache, or a file (or
    folder) of that name beside the sound tower. Raises CheckpointError and ConfigError.
    """
    stored = read_weights(Path(path))
    if stored.kind == "sound_tower":
        return _hearing_clip(Path(path), _from_file(SoundTowerConfig, stored.config, str(path)), stored.state, device, clip_weights)
    if stored.kind != "joint_space":
        raise CheckpointError(f"{path}: got {in_words(stored.kind)}, expected a joint space; choose another file")
    return _filled(build_joint_space, _from_file(JointSpaceConfig, stored.config, str(path)), stored.state, path).to(to_device(device))


def _hearing_clip(
    path: Path, config: SoundTowerConfig, state: dict[str, torch.Tensor], device: str | torch.device, clip_weights: str | Path | None
) -> OpenClipSpace:
    """The CLIP model that a sound tower was taught into, hearing through it."""
    tower = _filled(build_clip_sound_tower, config, state, path)
    beside = path.parent / config.clip_model
    model = str(beside) if beside.is_dir() else config.clip_model
    stored = path.parent / config.clip_weights
    weights: str | Path | None = clip_weights or (stored if config.clip_weights and stored.is_file() else config.clip_weights or None)
    space = load_open_clip(model, weights).requires_grad_(False)
    if space.embed_dim != config.embed_dim:
        raise CheckpointError(f"{path}: taught into a space of {config.embed_dim} numbers, but {config.clip_model} has {space.embed_dim}; "
                              "name the CLIP model that it was taught with")
    return space.hears(tower, config.mel, config.labels).to(to_device(device))


def load_judge(path: str | Path, device: str | torch.device = "cpu") -> Judge:
    """The judge of pictures in a file."""
    stored = read_weights(Path(path), kind="judge")
    return _filled(build_judge, _from_file(JudgeConfig, stored.config, str(path)), stored.state, path).to(to_device(device))


def load_model(folder: str | Path | None = None, device: str | torch.device = "auto") -> SoundModel:
    """The model in `folder` (None: the bundled one), its generator and joint space on `device`.

    A folder may also hold files of the released code (audio_inversion_.pth; coarse..., mid..., fine...) beside a generator of any kind,
    generator.* or the one .pkl; they're fitted to it (`fit_sound_encoder`, `fit_walker`).

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
        sound_encoder=fit_sound_encoder(encoder, generator) if isinstance(encoder, ReleasedSoundEncoder) else encoder,
        walker=fit_walker(walker, generator) if isinstance(walker, ReleasedWalker) else walker,
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


def latent_axis(generator: Generator) -> LatentAxis:
    """What the latents of a generator stand for."""
    family = "stylegan2" if isinstance(generator, StyleGAN2Generator) else "stylegan3"
    return LatentAxis(family, generator.img_resolution, generator.num_ws)


def _axis_of_part(part: SoundInversionEncoder | ReleasedSoundEncoder | RecurrentWalker | ReleasedWalker, target: LatentAxis) -> LatentAxis:
    """The latents that an encoder or walker was made for: those of the generator itself, if it could have been that one."""
    family = getattr(part, "family", "stylegan2")
    if (family, part.num_ws) == (target.family, target.num_ws):
        return target
    if isinstance(part, ReleasedSoundEncoder | ReleasedWalker) and part.family == "stylegan3":
        return LatentAxis("stylegan3", part.img_resolution, part.num_ws)
    return LatentAxis.of_stylegan2(part.num_ws)


def _check_w_dim(name: str, part: AnySoundEncoder | AnyWalker, generator: Generator) -> None:
    if part.w_dim != generator.w_dim:
        raise ConfigError(f"{name}: made for latents of {part.w_dim} numbers, but the generator takes {generator.w_dim}; use parts that go together")


def fit_sound_encoder(
    encoder: SoundInversionEncoder | ReleasedSoundEncoder, generator: Generator, made_for: LatentAxis | None = None
) -> AnySoundEncoder:
    """A sound encoder for `generator`: itself if it's made for its latents, else with the layer adapter around it (see `layer_map`).

    Encoders that answer latents get the generator's mean latent, so that they answer offsets too. `made_for` overrides what is known of
    the generator it was trained with (files of the released code don't say: StyleGAN3 of 256 px is assumed, or of any size if the
    generator at hand is one). Raises ConfigError.
    """
    _check_w_dim("sound encoder", encoder, generator)
    target = latent_axis(generator)
    source = made_for or _axis_of_part(encoder, target)
    if source == target and not getattr(encoder, "absolute", False):
        return encoder
    return FittedSoundEncoder(encoder, layer_map(source, target), generator.w_avg).eval()


def fit_walker(walker: RecurrentWalker | ReleasedWalker, generator: Generator, made_for: LatentAxis | None = None) -> AnyWalker:
    """A walker for `generator`: itself, or with the layer adapter around it. `made_for` as in `fit_sound_encoder`."""
    _check_w_dim("walker", walker, generator)
    target = latent_axis(generator)
    source = made_for or _axis_of_part(walker, target)
    return walker if source == target else FittedWalker(walker, layer_map(target, source), layer_map(source, target)).eval()


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
    """
    if isinstance(generator, str | Path):
        generator = load_generator(generator, device)
    encoder, mel = load_sound_encoder(sound_encoder)
    return SoundModel(
        name=name,
        generator=generator,
        sound_encoder=fit_sound_encoder(encoder, generator, made_for),
        walker=fit_walker(load_walker(walker), generator, made_for),
        mel=mel,
        joint_space=None if joint_space is None else load_joint_space(joint_space, device),
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
