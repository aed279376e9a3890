"""StyleGAN3 networks to compare with NVIDIA's: their sizes, weights by formula, and how each is called."""

import dataclasses
import math

import torch
from synthesis_cases import numbers

from sgvg_core.config.stylegan3_schedule import FIRST_STOPBAND, LAST_STOPBAND_REL


@dataclasses.dataclass(frozen=True)
class Case3:
    """One network and one way to call it. `base` and `widest` are NVIDIA's channel_base and channel_max."""

    resolution: int = 16
    base: int = 96
    widest: int = 12
    radial: bool = False
    """Configuration R: 1 x 1 kernels and radial filters; else T."""
    layers: int = 14
    critical: int = 2
    z_dim: int = 10
    c_dim: int = 0
    w_dim: int = 9
    img_channels: int = 3
    mapping_layers: int = 2
    margin: int = 10
    clamp: float | None = 256.0
    filter_size: int = 6
    upsampling: int = 2
    first_cutoff: float = 2.0
    first_stopband: float = FIRST_STOPBAND
    last_stopband_rel: float = LAST_STOPBAND_REL
    output_scale: float = 0.25
    psi: float = 1.0
    cutoff: int | None = None
    moved: bool = False
    """With an input transform of its own."""
    anchor: str = "none"
    """"released": as the released sound-to-video code changes the input layer."""
    num_items: int = 2


RECORDED3 = {
    "T": Case3(psi=0.7),
    "R, labels, cutoff": Case3(radial=True, c_dim=3, psi=0.5, cutoff=4, num_items=1),
    "T, moved": Case3(moved=True, layers=6, num_items=1, img_channels=1),
    "R, anchored as released": Case3(radial=True, anchor="released", layers=8, num_items=1),
}
"""Small enough for their pictures to be kept as numbers."""

LIVE3 = RECORDED3 | {
    "T 32 px, 8 mapping layers": Case3(32, 512, 32, mapping_layers=8, w_dim=33, z_dim=17, psi=-0.5),
    "T 64 px, clamp": Case3(64, 1024, 32, clamp=0.4, w_dim=64, z_dim=64, psi=0.5, cutoff=6, num_items=3),
    "R 64 px, moved, labels": Case3(64, 2048, 48, radial=True, moved=True, c_dim=5, psi=0.7),
    "T 128 px": Case3(128, 1024, 24, psi=0.9),
    "R 128 px, 4 channels": Case3(128, 1024, 24, radial=True, img_channels=4, num_items=1),
    "T 64 px, other schedule": Case3(
        64, 512, 24, layers=10, critical=3, margin=6, filter_size=8, first_cutoff=3.0, first_stopband=6.0, last_stopband_rel=1.5, output_scale=0.5
    ),
    "R 64 px, few layers, 4 x up": Case3(64, 512, 24, radial=True, layers=4, critical=1),
    "T 32 px, odd filters, upsampling 4": Case3(32, 256, 12, layers=6, filter_size=5, upsampling=4),
    "R 32 px, no clamp, upsampling 1": Case3(32, 256, 12, radial=True, layers=6, upsampling=1, clamp=None),
    "T 256 px, the plan of a real network": Case3(256, 16384, 512, z_dim=512, w_dim=512, psi=0.7, num_items=1),
}

TRANSFORM = torch.tensor([[0.9, -0.5, 0.11], [0.4, 0.95, -0.07], [0.0, 0.0, 1.0]])
"""A turn, a scale and a shift, none of them round."""


def weights3(shapes: dict[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    """A state dict for networks of NVIDIA's names, without filters: nothing is zero, so that nothing can hide."""
    return {name: _weight(name, shape) for name, shape in shapes.items() if not name.endswith("_filter")}


def _weight(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    if name.endswith("transform"):
        return torch.eye(3)
    if name.endswith("input.affine.bias"):
        return torch.tensor([1.0, 0.0, 0.0, 0.0]) + 0.2 * numbers(name, 4)
    if name.endswith("input.affine.weight"):
        return 0.3 * numbers(name, *shape)
    if name.endswith("magnitude_ema"):
        return (1 + 0.4 * numbers(name, 1)).reshape(())
    if name.endswith("phases"):
        return 0.28 * numbers(name, *shape)
    lr_multiplier = 0.01 if name.startswith("mapping.fc") else 1.0
    values = numbers(name, *shape)
    if name.endswith("affine.bias"):
        return 1 + 0.3 * values
    if name.endswith(("bias", "w_avg")):
        return 0.3 * values / lr_multiplier
    return values / lr_multiplier


def codes3(case: Case3) -> tuple[torch.Tensor, torch.Tensor | None]:
    """z and c of a case."""
    return numbers("z", case.num_items, case.z_dim), numbers("c", case.num_items, case.c_dim) if case.c_dim else None


def magnitude(values: torch.Tensor) -> float:
    """Their range."""
    return (values.max() - values.min()).item() or math.inf
