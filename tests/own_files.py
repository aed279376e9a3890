"""Small files as people own them, for ComfyUI's model folders, in the layouts of their authors; nobody's code is needed to write them."""

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from foreign_networks import converted_shapes, filled, persistent, write_pickle
from released_files import SMALL_WIDTHS, block_shapes, image_encoder_file, sound_encoder_shapes
from released_files import filled as released

from sgvg_core.assembly import build_generator, build_sound_encoder, save_generator, save_sound_encoder
from sgvg_core.config import StyleGAN3Config
from sgvg_core.presets import TINY

D = SMALL_WIDTHS[3]
STYLEGAN3 = StyleGAN3Config(img_resolution=16, channels=(8, 8, 8, 6, 6, 6), z_dim=16, w_dim=D)
"""8 latents: half as many as the released parts."""


STYLEGAN3_CLASSES = dataclasses.replace(STYLEGAN3, c_dim=3)
STYLEGAN3_256 = StyleGAN3Config(img_resolution=256, channels=(16,) * 6 + (12,) * 4 + (8,) * 4)
"""256 px with 16 latents of 512, as the landscapes of the released code; its layers are narrow."""


def stylegan3(seed: int = 0, config: StyleGAN3Config = STYLEGAN3) -> Any:
    """A generator with random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        generator = build_generator(config).eval().requires_grad_(False)
        generator.w_avg.copy_(0.3 * torch.randn(config.w_dim))
        generator.synthesis.layers[-1].weight.mul_(8)  # contrast
        generator.synthesis.input.affine.weight.copy_(0.1 * torch.randn_like(generator.synthesis.input.affine.weight))
    return generator


def write_stylegan3_pickle(path: Path, seed: int = 0, config: StyleGAN3Config = STYLEGAN3) -> Path:
    """A snapshot of NVIDIA's StyleGAN3 training, with G_ema."""
    generator = stylegan3(seed, config)
    tensors = {**generator.state_dict(), **generator.filters()}
    mapping = {f"mapping.fc{index}": {"activation": "lrelu", "bias_gain": 0.01} for index in range(2)}
    network = persistent(tensors, {"": {"_init_kwargs": {}}, **mapping})
    return write_pickle(path, {"training_set_kwargs": {"path": "a.zip"}, "G": None, "D": None, "G_ema": network})


def write_own(path: Path, seed: int = 0) -> Path:
    """The same generator as a file of ours."""
    save_generator(path, stylegan3(seed), STYLEGAN3, half=False)
    return path


def write_converted(path: Path, seed: int = 0) -> Path:
    """A converted StyleGAN2 of 32 px with 8 latents, without its mean latent."""
    torch.save({"g_ema": filled(converted_shapes((12, 12, 10, 8), D, 2))}, path)
    return path


def write_released(folder: Path) -> Path:
    """The sound encoder and the three blocks of the released code, made for 16 latents."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(released(sound_encoder_shapes(widths=SMALL_WIDTHS, halvings=1)), folder / "audio_inversion_.pth")
    for name, size in {"coarse": 4, "mid": 4, "fine": 8}.items():
        torch.save(released(block_shapes(size, D, noise_fc=name != "mid"), seed=size + len(name)), folder / f"{name}former_.pth")
    return folder


def write_released_walker(folder: Path, num_layers: int = 2) -> Path:
    """The three blocks as `torch.save` leaves them: latents and hidden states of 512, 16 latents, hundreds of MB.

    `num_layers` is 5 in the files that were released; fewer are written and read faster.
    """
    folder.mkdir(parents=True, exist_ok=True)
    numbers = 0.03 * torch.randn(2**20, generator=torch.Generator().manual_seed(0))
    for name, size in {"coarse": 4, "mid": 4, "fine": 8}.items():
        shapes = block_shapes(size, 512, noise_fc=name != "mid", num_layers=num_layers)
        counts = {key: math.prod(shape) for key, shape in shapes.items()}
        state = {key: numbers.repeat(-(-counts[key] // len(numbers)))[: counts[key]].reshape(shape).clone() for key, shape in shapes.items()}
        torch.save(state, folder / f"{name}former_.pth")
    return folder


def write_wide_sound_encoder(path: Path) -> Path:
    """A sound encoder of ours for 16 latents of 512."""
    config = dataclasses.replace(TINY.sound_encoder, num_ws=16, w_dim=512)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        save_sound_encoder(path, build_sound_encoder(config), config, TINY.mel)
    return path


def write_image_encoder(path: Path, kind: str = "Encoder4Editing", num_ws: int = 8, widths: Sequence[int] = SMALL_WIDTHS) -> Path:
    """An encoder of pictures of 32 px, into latents as wide as the last of `widths`."""
    torch.save(image_encoder_file(kind, num_ws, widths, 1), path)
    return path
