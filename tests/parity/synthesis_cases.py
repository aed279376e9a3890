"""Networks to compare with NVIDIA's: their sizes, and weights that a formula makes, the same everywhere without a random generator."""

import dataclasses
import math
import zlib

import numpy as np
import torch


@dataclasses.dataclass(frozen=True)
class Case:
    """One network and one way to call it. `base` and `widest` are NVIDIA's channel_base and channel_max."""

    resolution: int = 16
    base: int = 128
    widest: int = 12
    z_dim: int = 10
    c_dim: int = 0
    w_dim: int = 9
    img_channels: int = 3
    mapping_layers: int = 2
    architecture: str = "skip"
    clamp: float | None = None
    psi: float = 1.0
    cutoff: int | None = None
    noise: str = "const"
    """const, none, or given: maps of their own for each item."""
    noise_strength: float = 1.0
    num_items: int = 2

    @property
    def channels(self) -> tuple[int, ...]:
        return tuple(min(self.base >> power, self.widest) for power in range(2, self.resolution.bit_length()))


RECORDED = {
    "skip": Case(psi=0.7),
    "resnet": Case(architecture="resnet", num_items=1),
    "orig, labels, given noise": Case(architecture="orig", c_dim=3, noise="given", num_items=1),
}
"""Small enough for their pictures to be kept as numbers."""

LIVE = RECORDED | {
    "4 px": Case(resolution=4),
    "8 px, grey, no noise": Case(resolution=8, img_channels=1, noise="none"),
    "64 px, 8 mapping layers, 4 channels": Case(resolution=64, base=1024, widest=64, mapping_layers=8, img_channels=4, w_dim=33, z_dim=17),
    "128 px, cutoff": Case(resolution=128, base=2048, widest=96, w_dim=64, z_dim=64, psi=0.5, cutoff=4, num_items=3),
    "128 px resnet, labels": Case(resolution=128, base=1024, widest=32, architecture="resnet", c_dim=7, psi=-0.5, mapping_layers=8),
    "128 px orig": Case(resolution=128, base=1024, widest=32, architecture="orig", noise="given", noise_strength=0.5),
    "256 px, the plan of a real network": Case(resolution=256, base=16384, widest=512, z_dim=512, w_dim=512, mapping_layers=8, psi=0.7, num_items=1),
    "clamp": Case(resolution=32, base=512, widest=32, clamp=1.5),
    "clamp, resnet": Case(resolution=32, base=512, widest=32, clamp=1.5, architecture="resnet"),
}


def numbers(name: str, *shape: int) -> torch.Tensor:
    """Numbers of mean 0 and variance 1 that depend on `name` alone, float32."""
    index = np.arange(1, math.prod(shape) + 1, dtype=np.float64)
    waves = np.sin(index * 12.9898 + zlib.crc32(name.encode()) % 9973) * 43758.5453
    return torch.from_numpy(((waves - np.floor(waves) - 0.5) * math.sqrt(12)).astype(np.float32)).reshape(shape)


def weights(shapes: dict[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    """A state dict for networks of NVIDIA's names: nothing is zero, so that nothing can hide."""
    return {name: _weight(name, shape) for name, shape in shapes.items()}


def _weight(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    lr_multiplier = 0.01 if name.startswith("mapping.fc") else 1.0
    values = numbers(name, *shape)
    if name.endswith("affine.bias"):
        return 1 + 0.3 * values
    if name.endswith(("bias", "noise_strength", "w_avg")):
        return 0.3 * values / lr_multiplier
    return values / lr_multiplier


def codes(case: Case) -> tuple[torch.Tensor, torch.Tensor | None]:
    """z and c of a case."""
    return numbers("z", case.num_items, case.z_dim), numbers("c", case.num_items, case.c_dim) if case.c_dim else None


def given_noise(case: Case, sizes: list[int]) -> list[torch.Tensor]:
    """Maps [N, 1, H, W] for layers of the given sizes."""
    return [numbers(f"noise {layer}", case.num_items, 1, size, size) for layer, size in enumerate(sizes)]
