"""StyleGAN3's generator (configurations T and R) under the names of its authors, in plain torch: no compiler is needed."""

import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from ..config import check_choice
from ..config.stylegan3_schedule import FIRST_STOPBAND, LAST_STOPBAND_REL, sampling_bands
from ..devices import exact_float32
from ..shapes import check_shape
from .alias_free import AliasFreeLayer, FourierInput, check_transform
from .mapping import MappingNetwork
from .noise import NOISE_MODES

_NUM_FLOAT16_SIZES = 4
"""float16 serves layers of the largest sampling rates only, as in StyleGAN2."""


class AliasFreeSynthesis(nn.Module):
    """Latents ws [N, num_ws, w_dim] -> images [N, img_channels, H, W], about -1..1, float32. Latent 0 places, the others paint.

    Arguments as in `StyleGAN3Config`.
    """

    def __init__(
        self,
        w_dim: int,
        img_resolution: int,
        img_channels: int,
        channels: Sequence[int],
        *,
        num_critical: int = 2,
        first_cutoff: float = 2.0,
        first_stopband: float = FIRST_STOPBAND,
        last_stopband_rel: float = LAST_STOPBAND_REL,
        margin_size: int = 10,
        output_scale: float = 0.25,
        conv_kernel: int = 3,
        filter_size: int = 6,
        lrelu_upsampling: int = 2,
        use_radial_filters: bool = False,
        conv_clamp: float | None = 256.0,
    ) -> None:
        super().__init__()
        self.w_dim, self.img_resolution, self.img_channels, self.output_scale = w_dim, img_resolution, img_channels, output_scale
        num_layers = len(channels)
        self.num_ws = num_layers + 2
        bands = sampling_bands(
            img_resolution,
            num_layers,
            num_critical=num_critical,
            first_cutoff=first_cutoff,
            first_stopband=first_stopband,
            last_stopband_rel=last_stopband_rel,
            margin_size=margin_size,
        )
        self.input = FourierInput(w_dim, channels[0], bands[0])
        self.layer_names = []
        widths = (*channels, img_channels)
        for index, band in enumerate(bands):
            before = max(index - 1, 0)
            layer = AliasFreeLayer(
                widths[before],
                widths[index],
                w_dim,
                bands[before],
                band,
                is_image=index == num_layers,
                is_critical=index >= num_layers - num_critical,
                kernel=conv_kernel,
                filter_size=filter_size,
                upsampling=lrelu_upsampling,
                radial=use_radial_filters,
                clamp=conv_clamp,
            )
            self.layer_names.append(f"L{index}_{band.size}_{widths[index]}")
            setattr(self, self.layer_names[-1], layer)

    @property
    def layers(self) -> list[AliasFreeLayer]:
        """All layers in their order; the last makes the picture."""
        return [getattr(self, name) for name in self.layer_names]

    def forward(
        self,
        ws: torch.Tensor,
        noise_mode: str = "const",
        noise_strength: float | torch.Tensor = 1.0,
        noise_seed: int = 0,
        noise_index: int = 0,
        noise: Sequence[torch.Tensor] | None = None,
        dtype: torch.dtype = torch.float32,
        transform: torch.Tensor | None = None,
        placement: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Images [N, img_channels, H, W], float32, of latents ws [N, num_ws, w_dim].

        This generator has no noise: the arguments about it are those of StyleGAN2, so that callers needn't know which they have, and do
        nothing. `dtype` is that of the features; where float16 or bfloat16 don't give finite pictures, the batch is computed again in
        float32, with a warning, unless gradients are recorded. `transform` [3, 3] or [N, 3, 3] says where each point of the picture is
        taken from, and `placement` [4] or [N, 4] replaces what latent 0 says: both from `pose`. Raises ShapeError, ConfigError.
        """
        check_shape("ws", ws, "N num_ws w_dim", num_ws=self.num_ws, w_dim=self.w_dim)
        check_choice("noise_mode", noise_mode, NOISE_MODES)
        check_transform(transform, len(ws))
        if placement is not None and tuple(placement.shape) != (4,):
            check_shape("placement", placement, "N 4", N=len(ws))
        make = self._in_blocks if self._takes_blocks((ws, transform, placement), dtype) else self._images
        with exact_float32(ws.device):
            images = make(ws.float(), dtype, transform, placement)
            if dtype == torch.float32 or images.requires_grad or images.isfinite().all():
                return images
            warnings.warn(f"{str(dtype).removeprefix('torch.')} left its range in the synthesis network; using float32", RuntimeWarning, stacklevel=2)
            return make(ws.float(), torch.float32, transform, placement)

    def _images(self, ws: torch.Tensor, dtype: torch.dtype, transform: torch.Tensor | None, placement: torch.Tensor | None) -> torch.Tensor:
        x = self.input(ws[:, 0], transform, placement)
        for layer, w in zip(self.layers, ws.unbind(1)[1:], strict=True):
            x = layer(x, w, dtype if dtype != torch.float16 or self._takes_float16(layer) else torch.float32)
        return x.float() * self.output_scale

    def _takes_blocks(self, inputs: Sequence[torch.Tensor | None], dtype: torch.dtype) -> bool:
        """Whether the way without gradients serves: the one for the CPU."""
        tensors = [*self.parameters(), *(tensor for tensor in inputs if tensor is not None)]
        recorded = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)
        plain = all(tensor.device.type == "cpu" and tensor.dtype == torch.float32 for tensor in self.parameters())
        return dtype != torch.float16 and plain and not recorded

    @torch.no_grad()
    def _in_blocks(self, ws: torch.Tensor, dtype: torch.dtype, transform: torch.Tensor | None, placement: torch.Tensor | None) -> torch.Tensor:
        """Picture after picture, so that none depends on the batch it's in."""
        images = ws.new_empty(len(ws), self.img_channels, self.img_resolution, self.img_resolution)
        for item, own in enumerate(ws):
            moved = transform if transform is None or transform.ndim == 2 else transform[item]
            placed = placement if placement is None or placement.ndim == 1 else placement[item]
            x = self.input(own[:1], moved, placed)[0]
            for layer, w in zip(self.layers, own[1:], strict=True):
                x = layer.in_blocks(x, w, dtype)
            torch.mul(x, self.output_scale, out=images[item])
        return images

    def _takes_float16(self, layer: AliasFreeLayer) -> bool:
        return layer.band.rate << _NUM_FLOAT16_SIZES > self.img_resolution


class StyleGAN3Generator(nn.Module):
    """Codes z to latents ws (`mapping`), latents to pictures (`synthesis`).

    The arguments are the fields of `config.synthesis.StyleGAN3Config`; `channels` holds the width of each layer but the last. Parameters and buffers
    have the names of NVIDIA's networks (`synthesis.L0_36_512.affine.weight`), without the constant filters.
    """

    smaller_sizes: tuple[int, ...] = ()
    """As of `StyleGAN2Generator`: there's no picture before the last layer."""

    def __init__(
        self,
        img_resolution: int,
        channels: Sequence[int],
        z_dim: int = 512,
        c_dim: int = 0,
        w_dim: int = 512,
        img_channels: int = 3,
        mapping_layers: int = 2,
        mapping_lr_multiplier: float = 0.01,
        **synthesis: Any,
    ) -> None:
        super().__init__()
        self.z_dim, self.c_dim, self.w_dim = z_dim, c_dim, w_dim
        self.img_resolution, self.img_channels = img_resolution, img_channels
        self.synthesis = AliasFreeSynthesis(w_dim, img_resolution, img_channels, channels, **synthesis)
        self.num_ws = self.synthesis.num_ws
        self.mapping = MappingNetwork(z_dim, c_dim, w_dim, self.num_ws, num_layers=mapping_layers, lr_multiplier=mapping_lr_multiplier)

    @property
    def img_size(self) -> tuple[int, int]:
        """Height and width of the pictures."""
        return self.img_resolution, self.img_resolution

    @property
    def w_avg(self) -> torch.Tensor:
        """The mean latent [w_dim]: the point that truncation draws to."""
        return self.mapping.w_avg

    @property
    def code_features(self) -> None:
        """None: only StyleGAN2 generators of this program have fixed features of z."""
        return None

    def filters(self) -> dict[str, torch.Tensor]:
        """The filters of all layers under NVIDIA's names, as their files hold them: [taps] or [taps, taps]; none where it does nothing."""
        found = {}
        for name, layer in zip(self.synthesis.layer_names, self.synthesis.layers, strict=True):
            if layer.activation is not None:
                found[f"synthesis.{name}.up_filter"] = layer.activation.up_filter
                found[f"synthesis.{name}.down_filter"] = layer.activation.down_filter
        return {name: taps for name, taps in found.items() if taps.numel() > 1}

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
