"""StyleGAN2's generator under the names of its authors."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from ..config import CodeFeaturesConfig
from .code_features import CodeFeatures
from .mapping import MappingNetwork
from .network import SynthesisNetwork


class StyleGAN2Generator(nn.Module):
    """Codes z to latents ws (`mapping`), latents to pictures (`synthesis`).

    The arguments are the fields of `config.synthesis.GeneratorConfig`; `channels` holds one width a resolution from 4 px up. Parameters and
    buffers have the names of NVIDIA's networks (`synthesis.b8.conv0.affine.weight`), without the constant `resample_filter`s.
    """

    def __init__(
        self,
        img_resolution: int,
        channels: Sequence[int],
        z_dim: int = 512,
        c_dim: int = 0,
        w_dim: int = 512,
        img_channels: int = 3,
        mapping_layers: int = 8,
        mapping_lr_multiplier: float = 0.01,
        embed_features: int | None = None,
        architecture: str = "skip",
        conv_clamp: float | None = None,
        code_features: CodeFeaturesConfig | None = None,
        mapping_features: int | None = None,
        const_size: tuple[int, int] = (4, 4),
        smaller_sizes: Sequence[int] = (),
    ) -> None:
        super().__init__()
        self.z_dim, self.c_dim, self.w_dim = z_dim, c_dim, w_dim
        self.img_resolution, self.img_channels = img_resolution, img_channels
        self.synthesis = SynthesisNetwork(
            w_dim, img_resolution, img_channels, channels, architecture=architecture, conv_clamp=conv_clamp, const_size=const_size
        )
        self.img_size = self.synthesis.img_size
        """Height and width of the pictures."""
        self.smaller_sizes = tuple(smaller_sizes)
        """Resolutions whose pictures take the first blocks alone."""
        self.num_ws = self.synthesis.num_ws
        self.mapping = MappingNetwork(
            z_dim,
            c_dim,
            w_dim,
            self.num_ws,
            num_layers=mapping_layers,
            lr_multiplier=mapping_lr_multiplier,
            embed_features=embed_features,
            layer_features=mapping_features,
            code_features=code_features,
        )

    @property
    def w_avg(self) -> torch.Tensor:
        """The mean latent [w_dim]: the point that truncation draws to."""
        return self.mapping.w_avg

    @property
    def code_features(self) -> CodeFeatures | None:
        """The fixed features that the mapping makes of z first, if this generator has any."""
        return self.mapping.features

    def forward(
        self,
        z: torch.Tensor,
        c: torch.Tensor | None = None,
        truncation_psi: float = 1.0,
        truncation_cutoff: int | None = None,
        **synthesis: Any,
    ) -> torch.Tensor:
        """Images [N, img_channels, H, W] of codes z [N, z_dim]; further arguments go to `synthesis`."""
        return self.synthesis(self.mapping(z, c, truncation_psi, truncation_cutoff), **synthesis)
