"""The layers of the alias-free generator: Fourier features at its start, then modulated convolutions (Karras et al. 2021).

A picture's width is the unit of length, its centre the origin; x points right, y down.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

from ..config.stylegan3_schedule import Band
from ..kernels.filtered_lrelu import FilteredLeakyReLU
from ..shapes import check_shape
from .filters import radial_lowpass, separable_lowpass
from .layers import EqualisedLinear


class FourierInput(nn.Module):
    """Waves in the plane, [N, channels, size, size], placed as the first latent says (appendix C.2 and F).

    `transform` [3, 3] belongs to the weights: where a point of the picture is taken from.
    """

    transform: torch.Tensor
    freqs: torch.Tensor
    phases: torch.Tensor

    def __init__(self, w_dim: int, channels: int, band: Band) -> None:
        super().__init__()
        self.channels, self.band = channels, band
        self.weight = nn.Parameter(torch.randn(channels, channels))
        self.affine = EqualisedLinear(w_dim, 4)
        with torch.no_grad():
            self.affine.weight.zero_()
            self.affine.bias.copy_(torch.tensor([1.0, 0.0, 0.0, 0.0]))
        directions = F.normalize(torch.randn(channels, 2), dim=1)
        self.register_buffer("transform", torch.eye(3))
        self.register_buffer("freqs", directions * torch.rand(channels, 1).sqrt() * band.cutoff)  # evenly over the disc
        self.register_buffer("phases", torch.rand(channels) - 0.5)

    def forward(self, w: torch.Tensor, transform: torch.Tensor | None = None, placement: torch.Tensor | None = None) -> torch.Tensor:
        """Features of latents w [N, D]. `transform` [3, 3] or [N, 3, 3] comes on top of the stored one.

        `placement` [4] or [N, 4] replaces what the latents say: cosine and sine of a turn (of any length), then a shift in x and y.
        """
        matrices = self._learned(self.affine(w) if placement is None else placement.to(w).expand(len(w), 4)) @ self.transform
        if transform is not None:
            matrices = matrices @ transform.to(w)
        freqs = self.freqs @ matrices[:, :2, :2]  # [N, C, 2]
        phases = self.phases + (self.freqs @ matrices[:, :2, 2:]).squeeze(2)  # [N, C]
        # Waves that the transform makes too short for the sampling rate fade out.
        margin = self.band.rate / 2 - self.band.cutoff
        amplitudes = (1 - (freqs.norm(dim=2) - self.band.cutoff) / margin).clamp(0, 1)
        size = self.band.size
        line = (torch.arange(size, device=w.device, dtype=w.dtype) + 0.5 - size / 2) / self.band.rate
        points = torch.stack([line.expand(size, size), line[:, None].expand(size, size)], 2).flatten(0, 1)  # [size * size, 2], (x, y)
        waves = points @ freqs.transpose(1, 2)  # [N, size * size, C]
        waves = torch.sin((waves + phases[:, None]) * (2 * math.pi)) * amplitudes[:, None]
        features = (self.weight / math.sqrt(self.channels)) @ waves.transpose(1, 2)  # [N, C, size * size]
        return features.unflatten(2, (size, size))

    @staticmethod
    def _learned(answer: torch.Tensor) -> torch.Tensor:
        """The turn and the shift [N, 4] as matrices [N, 3, 3]: shift first, then turn."""
        cos, sin, x, y = (answer / answer[:, :2].norm(dim=1, keepdim=True)).unbind(1)
        matrices = torch.eye(3, device=answer.device, dtype=answer.dtype).repeat(len(answer), 1, 1)
        matrices[:, 0, 0], matrices[:, 0, 1] = cos, -sin
        matrices[:, 1, 0], matrices[:, 1, 1] = sin, cos
        matrices[:, 0, 2] = -(cos * x - sin * y)
        matrices[:, 1, 2] = -(sin * x + cos * y)
        return matrices


class AliasFreeLayer(nn.Module):
    """A modulated convolution and the filtered nonlinearity; the last layer (`is_image`) is 1 x 1 and linear.

    `before` and `band` are the signal that comes in and that goes out. `kernel` is the convolution's points a side. The nonlinearity runs at
    `upsampling` times the higher of both rates; its filters have `filter_size` taps for each sample of the lower rate and are round where
    `radial`, but not in critically sampled layers (`is_critical`). `clamp` holds what comes out in -clamp..clamp; None doesn't.
    """

    magnitude_ema: torch.Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        w_dim: int,
        before: Band,
        band: Band,
        *,
        is_image: bool,
        is_critical: bool,
        kernel: int,
        filter_size: int,
        upsampling: int,
        radial: bool,
        clamp: float | None,
    ) -> None:
        super().__init__()
        self.in_channels, self.out_channels, self.before, self.band, self.clamp = in_channels, out_channels, before, band, clamp
        self.kernel = 1 if is_image else kernel
        self.affine = EqualisedLinear(w_dim, in_channels, bias=1.0)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, self.kernel, self.kernel))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.register_buffer("magnitude_ema", torch.ones([]))
        self.activation = None if is_image else self._activation(filter_size, upsampling, radial and not is_critical)

    def _activation(self, filter_size: int, upsampling: int, radial: bool) -> FilteredLeakyReLU:
        before, band = self.before, self.band
        rate = max(before.rate, band.rate) * upsampling
        up, down = rate // before.rate, rate // band.rate
        one = torch.ones(1, dtype=torch.float64)
        up_filter = separable_lowpass(filter_size * up, before.cutoff, 2 * before.half_width, rate) if up > 1 else one
        lowpass = radial_lowpass if radial else separable_lowpass
        down_filter = lowpass(filter_size * down, band.cutoff, 2 * band.half_width, rate) if down > 1 else one
        in_size = before.size + self.kernel - 1
        return FilteredLeakyReLU(in_size, band.size, up, down=down, up_filter=up_filter, down_filter=down_filter, clamp=self.clamp)

    def forward(self, x: torch.Tensor, w: torch.Tensor, dtype: torch.dtype = torch.float32) -> torch.Tensor:
        """Features [N, C, H, W] and latents [N, D] -> [N, C', H', W'], of number type `dtype`; with gradients, on any device."""
        style, scale = self.modulation(w)
        weight: torch.Tensor = self.weight
        if dtype != torch.float32:  # keeps the sums in range; the scale undoes it
            gain = 1 / (weight.float().square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
            weight, scale = weight * gain, scale / gain.flatten()
        y = F.conv2d(x.to(dtype) * style.to(dtype)[:, :, None, None], weight.to(dtype), padding=self.kernel - 1)
        y = torch.addcmul(self.bias.to(dtype)[:, None, None], y, scale.to(dtype)[:, :, None, None])
        if self.activation is not None:
            return self.activation(y)
        return y if self.clamp is None else y.clamp(-self.clamp, self.clamp)

    @torch.no_grad()
    def in_blocks(self, x: torch.Tensor, w: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        """The same for one image [C, H, W], which it overwrites, and one latent [D], on the CPU -> [C', H', W'] in float32.

        `dtype` is the number type of the convolution.

        `x` is the picture, `w` the latent.
        """
        style, scale = self.modulation(w[None])
        x.mul_(style[0, :, None, None])
        y = F.conv2d(x[None].to(dtype), self.weight.to(dtype), padding=self.kernel - 1)[0]
        if self.activation is not None:
            return self.activation.in_blocks(y, scale[0], self.bias)
        y = torch.addcmul(self.bias[:, None, None], y, scale[0, :, None, None])
        return y if self.clamp is None else y.clamp_(-self.clamp, self.clamp)

    def modulation(self, w: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What latents [N, D] multiply the input [N, C] and the output [N, C'] of the convolution by.

        Scaling both sides instead of the weights is the same by linearity, and lets a batch share one convolution. The input is brought to
        unit magnitude by its mean square while training, `magnitude_ema` (appendix D.4 of the paper).
        """
        style, gain = self.affine(w), self.magnitude_ema.rsqrt()
        if self.activation is None:
            return style * (gain / math.sqrt(self.in_channels)), torch.ones_like(style[:, :1]).expand(-1, self.out_channels)
        style = style * style.square().mean(1, keepdim=True).rsqrt()
        power = torch.linalg.vector_norm(self.weight, dim=(2, 3)).square()  # [C', C]
        unit = (power.sum(1) / (self.in_channels * self.kernel**2)).rsqrt()  # the weights of an output at unit variance
        scale = (style.square() @ (power * unit.square()[:, None]).t() + 1e-8).rsqrt() * unit
        return style * gain, scale


def check_transform(transform: torch.Tensor | None, num_items: int) -> None:
    """Raise ShapeError unless `transform` is None, [3, 3] or [N, 3, 3]. `num_items` is N."""
    if transform is not None and tuple(transform.shape) != (3, 3):
        check_shape("transform", transform, "N 3 3", N=num_items)
