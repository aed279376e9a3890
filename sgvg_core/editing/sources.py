"""What an edit begins from: latents in a file, or a picture that's inverted first; and how both are kept."""

import copy
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from ..assembly import SoundModel, load_latents, save_latents
from ..checkpoints import read_weights, write_weights
from ..embedding import JointSpace, OpenClipSpace
from ..errors import CheckpointError, ConfigError
from ..generation.render import to_uint8
from ..image_inversion import InversionSettings, Inverted, invert_image, load_delta, read_image, tuned_generator
from ..image_inversion.pivot_tuning import Delta
from ..perceptual import load_st_lpips
from ..perceptual.distance import PerceptualDistance, by_joint_space
from ..progress import Progress, silent
from ..shapes import check_shape
from ..synthesis import Generator, StyleGAN2Generator, rgb_images
from .joint_map import joint_map, weights_hash

LATENT_ENDINGS = (".safetensors", ".npy", ".npz", ".pt", ".pth")
"""Endings of files that hold latents; others are pictures or films."""


@dataclasses.dataclass(frozen=True, eq=False)
class Source:
    """A start, and how it was found."""

    ws: torch.Tensor
    """[1, L, D]."""
    noise: tuple[torch.Tensor, ...] | None = None
    """Noise maps that were found with it, [H, W] a layer; None: the generator's own."""
    inverted: Inverted | None = None
    """None for latents of a file."""
    shape: tuple[int, int] | None = None
    """Height and width of the picture they were found for; None for latents of a file."""
    fit: str = "crop"
    """How that picture was brought to the generator's shape."""


def load_source(model: SoundModel, path: str | Path, settings: InversionSettings | None = None, progress: Progress = silent) -> Source:
    """The start in a file of latents (the first of them), or the latents of a picture, found with `settings` (None: the defaults).

    Raises MediaError, CheckpointError, ShapeError.
    """
    if Path(path).suffix.lower() in LATENT_ENDINGS:
        ws = load_latents(path, model.generator.num_ws, model.generator.w_dim)
        return Source(ws[:1], load_noise(path))
    image, settings = read_image(path), settings or InversionSettings()
    found = invert_with_model(model, image, settings, progress=progress)
    return Source(found.ws, found.noise, found, (image.shape[2], image.shape[3]), settings.fit)


def invert_with_model(
    model: SoundModel,
    image: torch.Tensor,
    settings: InversionSettings | None = None,
    *,
    start_ws: torch.Tensor | None = None,
    progress: Progress = silent,
) -> Inverted:
    """`image_inversion.invert_image` with what the model knows: its joint map's codes as candidates, and the perceptual term of the settings.

    `image` is [1, 3, H, W] in -1..1; `start_ws` [1, L, D] is where it starts (None: the best candidate).
    """
    settings = settings or InversionSettings()
    perceptual = perceptual_of(model, settings.perceptual)
    if model.joint_space is None:
        return invert_image(model.generator, image, settings, start_ws=start_ws, perceptual=perceptual, progress=progress)
    known = joint_map(model, progress=progress)
    return invert_image(model.generator, image, settings, start_ws=start_ws, ground=known.ground, candidates=known.candidates,
                        perceptual=perceptual, progress=progress)


def tuned_model(model: SoundModel, path: str | Path | None) -> SoundModel:
    """The model with the tuned weights of a file (None: itself)."""
    return model if path is None else dataclasses.replace(model, generator=delta_generator(model.generator, load_delta(path)))


def noise_model(model: SoundModel, noise: Sequence[torch.Tensor] | None) -> SoundModel:
    """The model with noise maps [H, W] of one's own, one a layer, in the place of those it was trained with (None: itself).

    They're what "const" noise draws from then on, in films too. Raises ShapeError, ConfigError where they're another generator's.
    """
    return model if noise is None else dataclasses.replace(model, generator=noise_generator(model.generator, noise))


def noise_generator(generator: Generator, noise: Sequence[torch.Tensor]) -> Generator:
    """A copy of a generator with noise maps of one's own, [H, W] a layer; see `noise_model`. Raises ShapeError, ConfigError.

    The maps are those of the whole picture, so smaller ones are made of that.
    """
    made: Any = copy.deepcopy(generator)
    made.smaller_sizes = ()
    convs = made.synthesis.convs if isinstance(generator, StyleGAN2Generator) else []
    if len(noise) != len(convs):
        raise ConfigError(f"noise: got {len(noise)} maps, but this generator has {len(convs)}; use the generator that they were made with")
    for layer, (each, conv) in enumerate(zip(noise, convs, strict=True)):
        height, width = conv.noise_const.shape
        check_shape(f"noise[{layer}]", each, "H W", H=height, W=width)
        conv.noise_const = each.to(conv.noise_const)
    made.synthesis.release_buffers()
    made.tuned_from = _first_hash(generator)
    return made  # type: ignore[no-any-return]


def delta_generator(generator: Generator, delta: Delta) -> Generator:
    """A copy of a generator with tuned weights. Its joint map stays that of the generator they were made from: other codes look as they did.

    Raises CheckpointError where they're another generator's. `delta` is that of `image_inversion.tune_pivot`.
    """
    made: Any = tuned_generator(generator, delta)
    made.tuned_from = _first_hash(generator)
    return made  # type: ignore[no-any-return]


def _first_hash(generator: Generator) -> str:
    """The hash of the generator that all tuning began with."""
    return getattr(generator, "tuned_from", None) or weights_hash(generator)


def perceptual_of(model: SoundModel, name: str = "joint-space") -> PerceptualDistance | None:
    """`named_distance` of a model, by its own joint space. Raises ConfigError where the package of ST-LPIPS is missing."""
    return named_distance(name, model.joint_space, model.device)


def named_distance(name: str, space: JointSpace | OpenClipSpace | None, device: torch.device) -> PerceptualDistance | None:
    """The distance of that name, one of `image_inversion.PERCEPTUAL`; None where it's a joint space's, and there's none or it has no maps.

    `space` is the model's (None: it has none), and the distance is computed on `device`. Raises ConfigError where the package of ST-LPIPS is missing.
    """
    if name == "st-lpips":
        return load_st_lpips().to(device)
    return None if space is None else by_joint_space(space)


def save_source(path: str | Path, ws: torch.Tensor, noise: Sequence[torch.Tensor] | None = None) -> None:
    """Write latents [T, L, D], and with them their noise maps (None: there are none). Raises CheckpointError. `ws` may lie on any device."""
    if noise is None:
        save_latents(path, ws)
        return
    check_shape("ws", ws, "T L D")
    if Path(path).suffix != ".safetensors":
        raise CheckpointError(f"{path}: noise maps are kept in .safetensors alone; choose that ending")
    state = {"ws": ws.float(), **{f"noise.{index:02d}": each for index, each in enumerate(noise)}}
    write_weights(Path(path), state, kind="latents", config={"num_ws": ws.shape[1], "w_dim": ws.shape[2]})


def load_noise(path: str | Path) -> tuple[torch.Tensor, ...] | None:
    """The noise maps in a file of `save_source`; None where there are none."""
    if Path(path).suffix.lower() != ".safetensors":
        return None
    try:
        state = read_weights(Path(path), kind="latents").state
    except CheckpointError:
        return None  # latents of somebody else's
    maps = tuple(state[name] for name in sorted(state) if name.startswith("noise.") and state[name].ndim == 2)
    return maps or None


@torch.no_grad()
def show(model: SoundModel, ws: torch.Tensor, noise: Sequence[torch.Tensor] | None = None) -> torch.Tensor:
    """What latents [N, L, D] look like, uint8 [N, H, W, 3].

    `noise` are maps [H, W], one a layer (None: the network's own); `ws` may lie on any device.
    """
    maps = {"noise_mode": "const"} if noise is None else {"noise_mode": "given", "noise": [each.to(model.device) for each in noise]}
    return torch.cat([to_uint8(rgb_images(model.generator, each.to(model.device), **maps)) for each in ws.split(4)])
