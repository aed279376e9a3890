"""Small files as people own them, for ComfyUI's model folders, in the layouts of their authors; nobody's code is needed to write them."""

from pathlib import Path
from typing import Any

import torch
from foreign_networks import converted_shapes, filled, persistent, write_pickle
from released_files import SMALL_WIDTHS, block_shapes, image_encoder_file, sound_encoder_shapes
from released_files import filled as released

from sgvg_core.assembly import build_generator, save_generator
from sgvg_core.config import StyleGAN3Config

D = SMALL_WIDTHS[3]
STYLEGAN3 = StyleGAN3Config(img_resolution=16, channels=(8, 8, 8, 6, 6, 6), z_dim=16, w_dim=D)
"""8 latents: half as many as the released parts."""


def stylegan3(seed: int = 0) -> Any:
    """A generator with random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        generator = build_generator(STYLEGAN3).eval().requires_grad_(False)
        generator.w_avg.copy_(0.3 * torch.randn(D))
        generator.synthesis.layers[-1].weight.mul_(8)  # contrast
        generator.synthesis.input.affine.weight.copy_(0.1 * torch.randn_like(generator.synthesis.input.affine.weight))
    return generator


def write_stylegan3_pickle(path: Path, seed: int = 0) -> Path:
    """A snapshot of NVIDIA's StyleGAN3 training, with G_ema."""
    generator = stylegan3(seed)
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


def write_image_encoder(path: Path, kind: str = "Encoder4Editing", num_ws: int = 8) -> Path:
    """An encoder of pictures of 32 px."""
    torch.save(image_encoder_file(kind, num_ws, SMALL_WIDTHS, 1), path)
    return path
