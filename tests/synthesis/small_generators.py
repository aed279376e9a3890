"""A StyleGAN2 small enough for any test, with noise that is heard."""

import dataclasses

import torch

from sgvg_core.config import GeneratorConfig
from sgvg_core.synthesis import StyleGAN2Generator

SMALL = GeneratorConfig(img_resolution=32, channels=(16, 12, 8, 6), z_dim=10, w_dim=14, mapping_layers=2, mapping_lr_multiplier=1.0)


def build(config: GeneratorConfig = SMALL, seed: int = 0) -> StyleGAN2Generator:
    """A generator in which nothing is zero."""
    torch.manual_seed(seed)
    generator = StyleGAN2Generator(**{field.name: getattr(config, field.name) for field in dataclasses.fields(config)}).eval()
    with torch.no_grad():
        for name, tensor in generator.state_dict().items():
            if name.endswith(("bias", "noise_strength", "w_avg")):
                tensor.add_(torch.randn_like(tensor), alpha=0.3)
    return generator


def latents(generator: StyleGAN2Generator, num_items: int = 3, seed: int = 5) -> torch.Tensor:
    return torch.randn(num_items, generator.num_ws, generator.w_dim, generator=torch.Generator().manual_seed(seed))


def slow_images(generator: StyleGAN2Generator, ws: torch.Tensor, **noise: object) -> torch.Tensor:
    """By the way that records gradients."""
    return generator.requires_grad_(True).synthesis(ws, **noise).detach()  # type: ignore[arg-type]
