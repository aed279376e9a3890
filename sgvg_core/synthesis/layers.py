"""What the mapping and the synthesis network are made of.

Layers with an equalised learning rate ("Progressive Growing of GANs", Karras et al. 2018, section 4.1), modulated convolutions
("Analyzing and Improving the Image Quality of StyleGAN", Karras et al. 2020, section 2.2) and the doubling filter [1, 3, 3, 1].
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

from ..kernels.bias_act import SLOPE
from ..kernels.upfirdn2d import channels_last, resample_filter, upfirdn2d, upsample2d


def unit_mean_square(x: torch.Tensor) -> torch.Tensor:
    """Vectors [N, D] scaled to a mean square of one, in float32."""
    x = x.float()
    return x * (x.square().mean(1, keepdim=True) + 1e-8).rsqrt()


class EqualisedLinear(nn.Module):
    """A linear layer whose weights are stored at unit variance (over `lr_multiplier`) and scaled when they're used (Karras et al. 2018, section 4.1).

    `bias` is what the biases begin with; `activate` adds a leaky ReLU.
    """

    def __init__(self, in_features: int, out_features: int, *, lr_multiplier: float = 1.0, bias: float = 0.0, activate: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_features, in_features) / lr_multiplier)
        self.bias = nn.Parameter(torch.full((out_features,), float(bias)))
        self.weight_gain, self.bias_gain, self.activate = lr_multiplier / math.sqrt(in_features), lr_multiplier, activate

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[N, in_features] -> [N, out_features]."""
        x = F.linear(x, self.weight * self.weight_gain, self.bias * self.bias_gain)
        return F.leaky_relu(x, SLOPE) * math.sqrt(2) if self.activate else x


class ModulatedConv(nn.Module):
    """A 3 x 3 convolution steered by a latent, then noise, bias and leaky ReLU.

    `size` is the height and width of what comes out. Modulation and demodulation scale the input and the output instead of the weights
    (the same by linearity), so that a batch shares one convolution.

    `up` doubles the size first. `clamp` holds what comes out in -clamp..clamp; None doesn't.
    """

    noise_const: torch.Tensor
    resample_filter: torch.Tensor

    def __init__(
        self, in_channels: int, out_channels: int, w_dim: int, size: tuple[int, int], *, up: bool, clamp: float | None = None
    ) -> None:
        super().__init__()
        self.affine = EqualisedLinear(w_dim, in_channels, bias=1.0)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 3, 3))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.noise_strength = nn.Parameter(torch.zeros([]))
        self.register_buffer("noise_const", torch.randn(size))
        self.register_buffer("resample_filter", resample_filter() if up else None, persistent=False)
        self.in_channels, self.out_channels, self.up, self.clamp = in_channels, out_channels, up, clamp
        self.height, self.width = size
        self.weight_gain = 1 / math.sqrt(in_channels * 9)

    def forward(self, x: torch.Tensor, w: torch.Tensor, noise: torch.Tensor | None, gain: float = 1.0) -> torch.Tensor:
        """Features [N, C, H, W] and latents [N, D] -> [N, C', H', W']; `noise` is [H', W'] or [N, 1, H', W'], before its strength."""
        style, weight = self.affine(w), self.weight * self.weight_gain
        if x.dtype == torch.float16:  # keeps the products in range; demodulation undoes both scales
            style = style / style.abs().amax(1, keepdim=True)
            weight = weight / (weight.abs().amax((1, 2, 3), keepdim=True) * math.sqrt(self.in_channels * 9))
        # The leaky ReLU lets positive factors through, so its gain can be part of the scales before it.
        gain = gain * math.sqrt(2)
        demodulation = (style.square() @ weight.square().sum((2, 3)).t() + 1e-8).rsqrt() * gain
        x = self.convolve(x * style.to(x.dtype)[:, :, None, None], weight.to(x.dtype))
        x = torch.addcmul((self.bias * gain).to(x.dtype)[:, None, None], x, demodulation.to(x.dtype)[:, :, None, None])
        if noise is not None:  # by itself: added to the bias first, it would be a tensor as large as the features
            x = x.add_((noise * (self.noise_strength * gain)).to(x.dtype))
        x = F.leaky_relu_(x, SLOPE)  # in place: its gradient needs only the result, that of addcmul doesn't need it
        return x if self.clamp is None else x.clamp(-self.clamp * gain / math.sqrt(2), self.clamp * gain / math.sqrt(2))

    def convolve(self, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """The convolution with weights [C', C, 3, 3], at twice the size when this layer doubles.

        `x` are features [N, C, H, W]; `weight` is [C', C, 3, 3].
        """
        if not self.up:
            return F.conv2d(x, channels_last(weight), padding=1)
        x = F.conv_transpose2d(x, channels_last(weight.transpose(0, 1)), stride=2)  # [N, C', 2 H + 1, 2 W + 1]
        return upfirdn2d(x, self.resample_filter.to(x.dtype), padding=1)


class ToRGB(nn.Module):
    """Features to a picture: a modulated 1 x 1 convolution without demodulation. NVIDIA calls it torgb. `clamp` is that of `ModulatedConv`;
    None holds nothing.
    """

    def __init__(self, in_channels: int, img_channels: int, w_dim: int, *, clamp: float | None = None) -> None:
        super().__init__()
        self.affine = EqualisedLinear(w_dim, in_channels, bias=1.0)
        self.weight = nn.Parameter(torch.randn(img_channels, in_channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(img_channels))
        self.clamp, self.weight_gain = clamp, 1 / math.sqrt(in_channels)

    def forward(self, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        """Features [N, C, H, W] and latents [N, D] -> image [N, img_channels, H, W], float32."""
        style = self.affine(w) * self.weight_gain
        image = F.conv2d(x * style.to(x.dtype)[:, :, None, None], self.weight.to(x.dtype)).float() + self.bias[:, None, None]
        return image if self.clamp is None else image.clamp(-self.clamp, self.clamp)


class DoublingSkip(nn.Module):
    """The residual path of architecture "resnet": a 1 x 1 convolution at twice the size, without bias."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 1, 1))
        self.weight_gain = math.sqrt(0.5) / math.sqrt(in_channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features [N, C, H, W] -> [N, C', 2 H, 2 W], scaled by sqrt(1/2)."""
        return upsample2d(F.conv2d(x, (self.weight * self.weight_gain).to(x.dtype)))
