"""Checkpoints to compare with the code that made them: sizes and settings. Weights are made by a formula (`foreign_networks.filled`)."""

import dataclasses
from typing import Any

import torch
from released_files import numbers


@dataclasses.dataclass(frozen=True)
class Converted:
    """rosinality's generator; without `widths` those of its own for `multiplier`."""

    size: int = 16
    style_dim: int = 11
    num_mapping: int = 2
    widths: tuple[int, ...] | None = None
    multiplier: int = 2


RECORDED_CONVERTED = {"16 px": Converted(widths=(12, 10, 7))}
LIVE_CONVERTED = RECORDED_CONVERTED | {
    "32 px, 8 mapping layers": Converted(size=32, num_mapping=8, style_dim=64),
    "64 px, multiplier 1": Converted(size=64, multiplier=1, style_dim=48),
    "128 px, 4 mapping layers": Converted(size=128, num_mapping=4, style_dim=32),
    "256 px, multiplier 1": Converted(size=256, multiplier=1, style_dim=512, num_mapping=8),
    "1024 px, narrow": Converted(size=1024, widths=(16, 16, 16, 16, 12, 12, 8, 8, 4), style_dim=32),
}


@dataclasses.dataclass(frozen=True)
class TensorFlow:
    """A tuple (G, D, Gs) of TensorFlow networks."""

    widths: tuple[int, ...] = (12, 10, 7)
    z_dim: int = 10
    w_dim: int = 9
    c_dim: int = 0
    num_mapping: int = 2
    architecture: str = "skip"
    critic: str = "resnet"
    num_channels: int = 3

    @property
    def size(self) -> int:
        return 2 << len(self.widths)

    def settings(self, critic: bool) -> dict[str, Any]:
        """As the networks themselves keep them. Widths follow from fmap_base and fmap_max in NVIDIA's code, so they must fit."""
        common = {"resolution": self.size, "num_channels": self.num_channels, "label_size": self.c_dim, "fmap_base": self.widths[-1] * self.size // 2}
        common |= {"fmap_max": self.widths[0]}
        if critic:
            return common | {"architecture": "orig" if self.critic == "grown" else self.critic, "mbstd_group_size": 4}
        return common | {"latent_size": self.z_dim, "dlatent_size": self.w_dim, "architecture": self.architecture, "mapping_layers": self.num_mapping}


RECORDED_TENSORFLOW = {
    "skip": TensorFlow(widths=(12, 12, 6)),
    "resnet": TensorFlow(widths=(12, 12, 6), architecture="resnet", critic="skip"),
}
LIVE_TENSORFLOW = RECORDED_TENSORFLOW | {
    "labels, 8 mapping layers": TensorFlow(widths=(16, 16, 16, 8), c_dim=4, num_mapping=8, num_channels=1),
    "orig": TensorFlow(widths=(16, 16, 16, 16, 8), architecture="orig", critic="orig"),
    "256 px": TensorFlow(widths=(32, 32, 32, 32, 16, 8, 4), z_dim=64, w_dim=48, num_mapping=8),
    "grown critic": TensorFlow(widths=(16, 16, 16, 8), architecture="orig", critic="grown"),
}


@dataclasses.dataclass(frozen=True)
class Nvidia:
    """A generator and its discriminator as NVIDIA's training pickles them. `base` and `widest` are their channel_base and channel_max."""

    size: int = 16
    base: int = 96
    widest: int = 12
    z_dim: int = 10
    c_dim: int = 0
    w_dim: int = 9
    channels: int = 3
    architecture: str = "skip"
    clamp: float | None = None
    mapping: tuple[tuple[str, Any], ...] = (("num_layers", 2),)
    critic: tuple[tuple[str, Any], ...] = ()
    uses_noise: bool = True
    psi: float = 0.6
    cutoff: int | None = None


RECORDED_NVIDIA = {
    "labels": Nvidia(c_dim=3, cutoff=3, mapping=(("num_layers", 3), ("embed_features", 6), ("layer_features", 7), ("lr_multiplier", 0.1)),
                     critic=(("cmap_dim", 5), ("mapping_kwargs", {"num_layers": 2, "layer_features": 7}), ("conv_clamp", 1.5))),
    "resnet": Nvidia(architecture="resnet", channels=1, clamp=1.5, critic=(("architecture", "skip"),)),
}
LIVE_NVIDIA = RECORDED_NVIDIA | {
    "skip 32 px, 8 mapping layers": Nvidia(32, 512, 32, 64, 0, 48, mapping=(("num_layers", 8),), cutoff=4),
    "orig 64 px, 4 channels": Nvidia(64, 512, 32, architecture="orig", channels=4,
                                     critic=(("architecture", "orig"), ("epilogue_kwargs", {"mbstd_group_size": None, "mbstd_num_channels": 4}))),
    "256 px, half channels": Nvidia(256, 2048, 64, 512, 0, 512, critic=(("block_kwargs", {"freeze_layers": 3}),)),
    "1024 px, narrow": Nvidia(1024, 4096, 16, 32, 0, 32),
    "no noise, no statistics": Nvidia(32, uses_noise=False, critic=(("epilogue_kwargs", {"mbstd_num_channels": 0}),)),
}


def codes(name: str, *shape: int) -> torch.Tensor:
    """Codes, labels or pictures of a case."""
    return numbers(f"codes {name}", *shape)
