"""The synthesis network of StyleGAN2: latents to pictures, resolution after resolution (Karras et al. 2020, figure 7)."""

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from ..devices import exact_float32
from ..errors import ConfigError
from ..kernels.synthesis_cpu import Strips
from ..kernels.upfirdn2d import channels_last, upsample2d
from ..shapes import check_shape
from .layers import DoublingSkip, ModulatedConv, ToRGB
from .noise import noise_maps

_NUM_FLOAT16_SIZES = 4
"""float16 serves the largest resolutions only; below, features are few and their range matters more (Karras et al. 2020b)."""


class SynthesisBlock(nn.Module):
    """All layers of one resolution. The first block has no `conv0` but a learned constant.

    `architecture` "skip": every block adds to the picture; else only the last one does (`is_last`), and with "resnet" each has a shortcut.
    `const_size` is the height and width of the constant at 4 px, so other shapes than squares are multiples of it. `clamp` holds what each
    convolution gives in -clamp..clamp; None doesn't.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        w_dim: int,
        resolution: int,
        img_channels: int,
        *,
        is_last: bool,
        architecture: str,
        clamp: float | None,
        const_size: tuple[int, int],
    ) -> None:
        super().__init__()
        self.is_first = in_channels == 0
        self.resolution, self.architecture = resolution, architecture
        size = resolution * const_size[0] // 4, resolution * const_size[1] // 4
        if self.is_first:
            self.const = nn.Parameter(torch.randn(out_channels, *size))
        else:
            self.conv0 = ModulatedConv(in_channels, out_channels, w_dim, size, up=True, clamp=clamp)
            if architecture == "resnet":
                self.skip = DoublingSkip(in_channels, out_channels)
        self.conv1 = ModulatedConv(out_channels, out_channels, w_dim, size, up=False, clamp=clamp)
        self.has_torgb = is_last or architecture == "skip"
        if self.has_torgb:
            self.torgb = ToRGB(out_channels, img_channels, w_dim, clamp=clamp)

    @property
    def convs(self) -> list[ModulatedConv]:
        """The modulated convolutions in their order."""
        return [self.conv1] if self.is_first else [self.conv0, self.conv1]

    def forward(
        self, x: torch.Tensor | None, image: torch.Tensor | None, ws: torch.Tensor, noise: Sequence[torch.Tensor | None], dtype: torch.dtype
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Features and picture of half the size -> those of this size. ws: [N, convs + 1, w_dim]; noise: one map a convolution."""
        if x is None:
            x = self.conv1(channels_last(self.const.to(dtype).expand(len(ws), -1, -1, -1)), ws[:, 0], noise[0])
        else:
            x = x.to(dtype)
            residual = self.architecture == "resnet"
            side = self.skip(x) if residual else None
            x = self.conv0(x, ws[:, 0], noise[0])
            x = self.conv1(x, ws[:, 1], noise[1], gain=math.sqrt(0.5) if residual else 1.0)
            x = x if side is None else side + x
        if image is not None:
            image = upsample2d(image)
        if self.has_torgb:
            own = self.torgb(x, ws[:, len(self.convs)])
            image = own if image is None else image + own
        return x, image


def _after_loading(network: nn.Module, _: Any) -> None:
    """What was prepared from the old weights goes; tensors of inference mode don't say that they changed."""
    if isinstance(network, SynthesisNetwork):
        network.release_buffers()


class SynthesisNetwork(nn.Module):
    """Latents ws [N, num_ws, w_dim] -> images [N, img_channels, H, W], about -1..1, float32.

    `channels` are the widths of the blocks, from 4 px on; the other arguments are those of `SynthesisBlock` (`conv_clamp` is its `clamp`).
    """

    def __init__(
        self,
        w_dim: int,
        img_resolution: int,
        img_channels: int,
        channels: Sequence[int],
        *,
        architecture: str = "skip",
        conv_clamp: float | None = None,
        const_size: tuple[int, int] = (4, 4),
    ) -> None:
        super().__init__()
        self.w_dim, self.img_resolution, self.img_channels = w_dim, img_resolution, img_channels
        self.img_size = img_resolution * const_size[0] // 4, img_resolution * const_size[1] // 4
        self.block_resolutions = [2**power for power in range(2, img_resolution.bit_length())]
        for index, resolution in enumerate(self.block_resolutions):
            is_last = resolution == img_resolution
            width_before = channels[index - 1] if index else 0
            block = SynthesisBlock(
                width_before,
                channels[index],
                w_dim,
                resolution,
                img_channels,
                is_last=is_last,
                architecture=architecture,
                clamp=conv_clamp,
                const_size=const_size,
            )
            setattr(self, f"b{resolution}", block)
        self.num_ws = sum(len(block.convs) for block in self.blocks) + 1
        self.strips = Strips()
        self.register_load_state_dict_post_hook(_after_loading)

    def release_buffers(self) -> None:
        """Free what is kept between pictures (prepared weights and buffers); it comes back when needed."""
        self.strips.release()

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> Any:
        self.release_buffers()
        return super()._apply(fn, recurse)

    @property
    def blocks(self) -> list[SynthesisBlock]:
        """The blocks, from 4 px up."""
        return [getattr(self, f"b{resolution}") for resolution in self.block_resolutions]

    @property
    def convs(self) -> list[ModulatedConv]:
        """All modulated convolutions in their order; each has a noise map."""
        return [conv for block in self.blocks for conv in block.convs]

    def forward(
        self,
        ws: torch.Tensor,
        noise_mode: str = "const",
        noise_strength: float | torch.Tensor = 1.0,
        noise_seed: int = 0,
        noise_index: int = 0,
        noise: Sequence[torch.Tensor] | None = None,
        dtype: torch.dtype = torch.float32,
        between: Callable[[torch.Tensor], torch.Tensor] | None = None,
        size: int | None = None,
    ) -> torch.Tensor:
        """Images [N, img_channels, H, W], float32, of latents ws [N, num_ws, w_dim].

        `noise_mode`: see `noise.noise_maps`; with "random", `noise_index` is the number of the first item, so that item k has the
        same noise in any batch. `noise_strength` is one number, or one an item, [N]. `dtype` is that of the features. `between` changes
        features and pictures [N, C, H, W] after each resolution (see `panorama`). `size` ends with the block of this resolution and what
        has been painted so far (None: with the last one). Where float16 or
        bfloat16 don't give finite pictures, the batch is computed again in float32, with a warning; not while gradients are recorded.
        Raises ShapeError, ConfigError.
        """
        check_shape("ws", ws, "N num_ws w_dim", num_ws=self.num_ws, w_dim=self.w_dim)
        blocks = self._blocks_up_to([size or self.img_resolution])
        consts = [conv.noise_const for block in blocks for conv in block.convs]
        if noise is not None and len(noise) == len(self.convs):
            noise = noise[: len(consts)]
        maps = noise_maps(noise_mode, consts, len(ws), strength=noise_strength, seed=noise_seed, first=noise_index, given=noise)
        with exact_float32(ws.device):
            if between is None and self._takes_strips((ws, *(noise or ())), dtype):
                return self._in_strips(ws.float(), maps, blocks[-1])
            images = self._painted(ws.float(), maps, dtype, blocks, between)[blocks[-1].resolution]
            if dtype == torch.float32 or images.requires_grad or images.isfinite().all():
                return images
            warnings.warn(f"{str(dtype).removeprefix('torch.')} left its range in the synthesis network; using float32", RuntimeWarning, stacklevel=2)
            return self._painted(ws.float(), maps, torch.float32, blocks, between)[blocks[-1].resolution]

    def _blocks_up_to(self, sizes: Sequence[int]) -> list[SynthesisBlock]:
        """The blocks that pictures of these resolutions need. Raises ConfigError where no block has one, or it paints nothing."""
        painting = [block.resolution for block in self.blocks if block.has_torgb]
        for size in sizes:
            if size not in painting:
                raise ConfigError(f"synthesis size: got {size}, expected one of {', '.join(map(str, painting))}")
        return [block for block in self.blocks if block.resolution <= max(sizes)]

    def pictures(self, ws: torch.Tensor, sizes: Sequence[int], dtype: torch.dtype = torch.float32) -> list[torch.Tensor]:
        """What has been painted of latents ws [N, num_ws, w_dim] at each of `sizes` (resolutions of blocks), in one pass, with the network's own
        noise: images [N, img_channels, H, W] in the order of `sizes`.

        `dtype` is that of the features. Raises ShapeError, ConfigError for a size at which nothing is painted.
        """
        check_shape("ws", ws, "N num_ws w_dim", num_ws=self.num_ws, w_dim=self.w_dim)
        blocks = self._blocks_up_to(sizes)
        maps = noise_maps("const", [conv.noise_const for block in blocks for conv in block.convs], len(ws))
        with exact_float32(ws.device):
            painted = self._painted(ws.float(), maps, dtype, blocks, None)
        return [painted[size] for size in sizes]

    def _painted(
        self,
        ws: torch.Tensor,
        maps: Sequence[torch.Tensor | None],
        dtype: torch.dtype,
        blocks: Sequence[SynthesisBlock],
        between: Callable[[torch.Tensor], torch.Tensor] | None,
    ) -> dict[int, torch.Tensor]:
        """What has been painted after each of `blocks` that paints, by its resolution."""
        painted = {}
        x = image = None
        start = 0
        for block in blocks:
            stop = start + len(block.convs)
            own = dtype if dtype != torch.float16 or self._takes_float16(block) else torch.float32
            x, image = block(x, image, ws[:, start : stop + 1], maps[start:stop], own)
            if between is not None:
                x, image = between(x), None if image is None else between(image)
            if image is not None:
                painted[block.resolution] = image
            start = stop
        return painted

    def _takes_strips(self, inputs: Sequence[torch.Tensor], dtype: torch.dtype) -> bool:
        """Whether the way without gradients serves: the one for float32 on the CPU."""
        parameters = list(self.parameters())
        recorded = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (*inputs, *parameters))
        plain = all(tensor.device.type == "cpu" and tensor.dtype == torch.float32 for tensor in parameters)
        return dtype == torch.float32 and plain and not recorded

    @torch.no_grad()
    def _in_strips(self, ws: torch.Tensor, maps: Sequence[torch.Tensor | None], last: SynthesisBlock) -> torch.Tensor:
        images = ws.new_empty(len(ws), self.img_channels, last.conv1.height, last.conv1.width)
        with self.strips.lock:
            self.strips.prepare(self, self.blocks)
            self.strips.images(ws, maps, images)
        return images

    def _takes_float16(self, block: SynthesisBlock) -> bool:
        return block.resolution > self.img_resolution >> _NUM_FLOAT16_SIZES
