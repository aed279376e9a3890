"""StyleGAN2's discriminator, with the names and the numbers of NVIDIA's networks: does a picture look real, to a GAN that was trained?

"Analyzing and Improving the Image Quality of StyleGAN" (Karras et al. 2020, figure 7); conditioning by projection as in "Training
Generative Adversarial Networks with Limited Data" (Karras et al. 2020b).
"""

import math
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from ..errors import ShapeError
from ..kernels.bias_act import SLOPE
from ..kernels.upfirdn2d import downsample2d, filter_taps, upfirdn2d
from ..shapes import check_shape
from ..synthesis.layers import EqualisedLinear, unit_mean_square


class CriticConv(nn.Module):
    """A convolution with equalised learning rate, bias and leaky ReLU, of `kernel` 1 or 3 points a side; `down` halves the size.

    `plain` leaves out bias and leaky ReLU. What comes out is held in -clamp..clamp; with None it isn't held.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, *, down: bool = False, clamp: float | None = None, plain: bool = False
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel, kernel))
        self.bias = None if plain else nn.Parameter(torch.zeros(out_channels))
        self.kernel, self.down, self.clamp = kernel, down, clamp
        self.weight_gain = 1 / math.sqrt(in_channels * kernel**2)

    def forward(self, x: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
        """[N, C, H, W] -> [N, C', H, W] or, halved, [N, C', H / 2, W / 2]. A plain layer is linear, without bias."""
        # The leaky ReLU lets positive factors through, so all gains are part of the weights: no pass over the features for them.
        gain = gain if self.bias is None else gain * math.sqrt(2)
        weight = (self.weight * (self.weight_gain * gain)).to(x.dtype)
        bias = None if self.bias is None else (self.bias * gain).to(x.dtype)
        if self.down and self.kernel == 1:
            x = F.conv2d(downsample2d(x), weight, bias)
        elif self.down:
            x = F.conv2d(upfirdn2d(x, filter_taps(x), padding=2), weight, bias, stride=2)
        else:
            x = F.conv2d(x, weight, bias, padding=self.kernel // 2)
        if self.bias is None:
            return x
        x = F.leaky_relu_(x, SLOPE)  # in place: its gradient needs only the result, that of the convolution doesn't need it
        limit = None if self.clamp is None else self.clamp * gain / math.sqrt(2)
        return x if limit is None else x.clamp(-limit, limit)


class CriticBlock(nn.Module):
    """All layers of one resolution: features [N, channels, H, W] -> [N, out_channels, H / 2, W / 2].

    The first block (`is_first`) reads the picture; with `architecture` "skip" each block does, with "resnet" each has a shortcut, "orig" has
    neither. `clamp` is that of its convolutions; None holds nothing.
    """

    def __init__(
        self, img_channels: int, channels: int, out_channels: int, *, is_first: bool, architecture: str, clamp: float | None
    ) -> None:
        super().__init__()
        self.architecture = architecture
        if is_first or architecture == "skip":
            self.fromrgb = CriticConv(img_channels, channels, 1, clamp=clamp)
        self.conv0 = CriticConv(channels, channels, 3, clamp=clamp)
        self.conv1 = CriticConv(channels, out_channels, 3, down=True, clamp=clamp)
        if architecture == "resnet":
            self.skip = CriticConv(channels, out_channels, 1, down=True, plain=True)

    def forward(self, x: torch.Tensor | None, image: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Features and picture of this size -> both of half the size; the picture only where a later block reads it."""
        if image is not None:
            own = self.fromrgb(image)
            x = own if x is None else x + own
            image = downsample2d(image) if self.architecture == "skip" else None
        if x is None:
            raise ShapeError("the first block of a discriminator got neither features nor a picture")
        if self.architecture != "resnet":
            return self.conv1(self.conv0(x)), image
        return self.skip(x, math.sqrt(0.5)) + self.conv1(self.conv0(x), math.sqrt(0.5)), image


class CriticEnd(nn.Module):
    """The last block: features [N, channels, h, w] of `size` (h, w) and statistics over the batch -> answers [N, num_out].

    `num_statistics` maps say how far the items of a group of `group_size` differ (Karras et al. 2018, section 3); None: the batch is one group;
    0 statistics leave them out. `architecture` and `clamp` are those of `CriticBlock`; without a clamp (None) nothing is held.
    """

    def __init__(
        self,
        img_channels: int,
        channels: int,
        num_out: int,
        size: tuple[int, int],
        *,
        architecture: str,
        clamp: float | None,
        group_size: int | None,
        num_statistics: int,
    ) -> None:
        super().__init__()
        self.group_size, self.num_statistics = group_size, num_statistics
        if architecture == "skip":
            self.fromrgb = CriticConv(img_channels, channels, 1)
        self.conv = CriticConv(channels + num_statistics, channels, 3, clamp=clamp)
        self.fc = EqualisedLinear(channels * size[0] * size[1], channels, activate=True)
        self.out = EqualisedLinear(channels, num_out)

    def forward(self, x: torch.Tensor | None, image: torch.Tensor | None) -> torch.Tensor:
        """[N, C, h, w] -> [N, num_out]."""
        if image is not None:
            own = self.fromrgb(image)
            x = own if x is None else x + own
        if x is None:
            raise ShapeError("the last block of a discriminator got neither features nor a picture")
        if self.num_statistics:
            x = torch.cat([x, self._spread(x.float()).to(x.dtype)], 1)
        return self.out(self.fc(self.conv(x).float().flatten(1)))

    def _spread(self, x: torch.Tensor) -> torch.Tensor:
        """How unlike the pictures of a group are: one number for each group of channels, as maps [N, num_statistics, h, w]."""
        group = len(x) if self.group_size is None else min(self.group_size, len(x))
        if len(x) % group:
            raise ShapeError(f"got a batch of {len(x)} pictures, expected a multiple of {group}, among which this discriminator takes statistics")
        grouped = x.reshape(group, -1, self.num_statistics, x.shape[1] // self.num_statistics, *x.shape[2:])
        deviation = (grouped.var(0, unbiased=False) + 1e-8).sqrt().mean((2, 3, 4))  # [N / group, num_statistics]
        return deviation[:, :, None, None].repeat(group, 1, *x.shape[2:])


class LabelMapping(nn.Module):
    """Labels c [N, c_dim] -> [N, cmap_dim]: an embedding of `embed_features`, then `num_layers` layers of `layer_features`.

    Either width is `cmap_dim` where it's None. `lr_multiplier` scales the layers' weights and so their learning rate.
    """

    def __init__(
        self, c_dim: int, cmap_dim: int, *, num_layers: int, lr_multiplier: float, embed_features: int | None, layer_features: int | None
    ) -> None:
        super().__init__()
        self.num_layers = num_layers
        first = embed_features or cmap_dim
        widths = [first, *[layer_features or cmap_dim] * (num_layers - 1), cmap_dim]
        self.embed = EqualisedLinear(c_dim, first)
        for index in range(num_layers):
            setattr(self, f"fc{index}", EqualisedLinear(widths[index], widths[index + 1], lr_multiplier=lr_multiplier, activate=True))

    def forward(self, c: torch.Tensor) -> torch.Tensor:
        """[N, c_dim] -> [N, cmap_dim]."""
        x = unit_mean_square(self.embed(c.float()))
        for index in range(self.num_layers):
            x = getattr(self, f"fc{index}")(x)
        return x


class StyleGAN2Discriminator(nn.Module):
    """Images [N, img_channels, H, W] in -1..1 (and labels) -> answers [N, 1]: higher is more real.

    The arguments are the fields of `config.critics.DiscriminatorConfig`; `channels` holds one width a resolution from 4 px up.
    """

    def __init__(
        self,
        img_resolution: int,
        channels: Sequence[int],
        img_channels: int = 3,
        c_dim: int = 0,
        cmap_dim: int = 0,
        architecture: str = "resnet",
        conv_clamp: float | None = None,
        mapping_layers: int = 8,
        mapping_lr_multiplier: float = 0.01,
        embed_features: int | None = None,
        mapping_features: int | None = None,
        mbstd_group_size: int | None = 4,
        mbstd_num_channels: int = 1,
        final_size: tuple[int, int] = (4, 4),
    ) -> None:
        super().__init__()
        self.img_resolution, self.img_channels, self.c_dim, self.cmap_dim = img_resolution, img_channels, c_dim, cmap_dim
        self.img_size = img_resolution * final_size[0] // 4, img_resolution * final_size[1] // 4
        self.block_resolutions = [4 << index for index in range(len(channels) - 1, 0, -1)]
        for index in range(len(channels) - 1, 0, -1):
            is_first = index == len(channels) - 1
            block = CriticBlock(
                img_channels, channels[index], channels[index - 1], is_first=is_first, architecture=architecture, clamp=conv_clamp
            )
            setattr(self, f"b{4 << index}", block)
        if c_dim > 0:
            self.mapping = LabelMapping(
                c_dim,
                cmap_dim,
                num_layers=mapping_layers,
                lr_multiplier=mapping_lr_multiplier,
                embed_features=embed_features,
                layer_features=mapping_features,
            )
        self.b4 = CriticEnd(
            img_channels,
            channels[0],
            cmap_dim if c_dim > 0 else 1,
            final_size,
            architecture=architecture,
            clamp=conv_clamp,
            group_size=mbstd_group_size,
            num_statistics=mbstd_num_channels,
        )

    def forward(self, images: torch.Tensor, c: torch.Tensor | None = None, dtype: torch.dtype = torch.float32) -> torch.Tensor:
        """Answers [N, 1] of images [N, img_channels, H, W]; labels c [N, c_dim] if it was made for labels. Raises ShapeError.

        Where it takes statistics over the batch (all known ones do), an answer depends on the other pictures in the batch. `dtype` is that of
        the convolutions' features.
        """
        check_shape("pictures", images, "N C H W", C=self.img_channels, H=self.img_size[0], W=self.img_size[1])
        x: torch.Tensor | None = None
        image: torch.Tensor | None = images.to(dtype)
        for resolution in self.block_resolutions:
            x, image = getattr(self, f"b{resolution}")(x, image)
        answers = self.b4(x, image)
        if self.c_dim == 0:
            return answers
        if c is None:
            raise ShapeError(f"c: got nothing, expected labels [N={len(images)}, c_dim={self.c_dim}]; this discriminator is conditional")
        check_shape("c", c, "N c_dim", N=len(images), c_dim=self.c_dim)
        return (answers * self.mapping(c)).sum(1, keepdim=True) / math.sqrt(self.cmap_dim)
