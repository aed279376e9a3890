"""Settings of discriminators."""

import dataclasses

from ..errors import ConfigError
from .checks import check_choice, check_range
from .synthesis import MAX_GENERATOR_FEATURES, MAX_GENERATOR_PARAMETERS


@dataclasses.dataclass(frozen=True)
class DiscriminatorConfig:
    """StyleGAN2's discriminator. `channels` holds one width a resolution, from 4 px up to `img_resolution`, as the generator's."""

    img_resolution: int
    channels: tuple[int, ...]
    img_channels: int = 3
    c_dim: int = 0
    cmap_dim: int = 0
    """How many numbers a label becomes; 0 without labels."""
    architecture: str = "resnet"
    """"resnet": blocks with shortcuts. "skip": every block reads the picture. "orig": neither (StyleGAN2, figure 7)."""
    conv_clamp: float | None = None
    """Values that a convolution gives are held in -conv_clamp..conv_clamp; None: they aren't."""
    mapping_layers: int = 8
    """Layers of the labels' mapping network behind its first, linear one."""
    mapping_lr_multiplier: float = 0.01
    """Scales the weights of the labels' mapping network, and so its learning rate."""
    embed_features: int | None = None
    """How many numbers a label's embedding has; None: `cmap_dim`."""
    mapping_features: int | None = None
    """Width of the labels' mapping network; None: `cmap_dim`."""
    mbstd_group_size: int | None = 4
    """Among how many pictures statistics are taken; None: the whole batch."""
    mbstd_num_channels: int = 1
    """How many maps of statistics are added; 0: none."""
    final_size: tuple[int, int] = (4, 4)
    """Height and width of the last features; pictures have `img_resolution` / 4 times that."""

    def __post_init__(self) -> None:
        check_range("discriminator img_resolution", self.img_resolution, 8, 2048)
        if self.img_resolution != 2 << len(self.channels):
            raise ConfigError(f"discriminator channels: got {len(self.channels)} widths for {self.img_resolution} px, "
                              "expected one for each resolution 4, 8, 16, ... up to it")
        for width in self.channels:
            check_range("discriminator channels", width, 1, 2048)
        check_range("discriminator img_channels", self.img_channels, 1, 64)
        check_range("discriminator c_dim", self.c_dim, 0, 10_000)
        check_range("discriminator cmap_dim", self.cmap_dim, 1 if self.c_dim else 0, 4096 if self.c_dim else 0)
        check_choice("discriminator architecture", self.architecture, ("skip", "resnet", "orig"))
        check_range("discriminator mapping_layers", self.mapping_layers, 0, 16)
        check_range("discriminator mapping_lr_multiplier", self.mapping_lr_multiplier, 1e-4, 10)
        for name, low, high in (("conv_clamp", 1e-3, 1e6), ("embed_features", 1, 4096), ("mapping_features", 1, 4096), ("mbstd_group_size", 1, 4096)):
            if getattr(self, name) is not None:
                check_range(f"discriminator {name}", getattr(self, name), low, high)
        check_range("discriminator mbstd_num_channels", self.mbstd_num_channels, 0, self.channels[0])
        if self.mbstd_num_channels and self.channels[0] % self.mbstd_num_channels:
            raise ConfigError(f"discriminator mbstd_num_channels: got {self.mbstd_num_channels}, expected a divisor of {self.channels[0]}")
        for size_of_image in self.final_size:
            check_range("discriminator final_size", size_of_image, 1, 64)
        check_range("discriminator number of parameters", self.num_parameters, 1, MAX_GENERATOR_PARAMETERS)
        for index, width in enumerate(self.channels):
            pixels = (self.final_size[0] << index) * (self.final_size[1] << index)
            check_range(f"discriminator features at {4 << index} px", width * pixels, 1, MAX_GENERATOR_FEATURES)

    @property
    def num_parameters(self) -> int:
        """About how many numbers its weights hold (without biases)."""
        convs = sum(width * (9 * width + 10 * below) for width, below in zip(self.channels[1:], self.channels, strict=False))
        end = self.channels[0] ** 2 * (9 + self.final_size[0] * self.final_size[1])
        inner = max(self.embed_features or 0, self.mapping_features or 0, self.cmap_dim)
        return convs + end + (self.c_dim + self.mapping_layers * inner) * inner


@dataclasses.dataclass(frozen=True)
class CriticConfig:
    """The two discriminators of Eq. 7 and 8: D_V sees short clips, D_I single frames, both small and of patches."""

    image_size: int = 64
    """Frames are reduced to this before they're judged."""
    num_frames: int = 6
    """Frames of a clip (released code: 6)."""
    image_widths: tuple[int, ...] = (32, 64, 128)
    """Channels of D_I's layers; each halves the picture."""
    video_widths: tuple[int, ...] = (32, 64, 128)
    """Channels of D_V's layers; each halves the picture."""

    def __post_init__(self) -> None:
        check_range("critic image_size", self.image_size, 16, 512)
        check_range("critic num_frames", self.num_frames, 2, 64)
        for name in ("image_widths", "video_widths"):
            widths = getattr(self, name)
            check_range(f"critic number of {name}", len(widths), 1, 6)
            for width in widths:
                check_range(f"critic {name}", width, 4, 1024)
            if self.image_size >> len(widths) < 4:
                raise ConfigError(f"critic {name}: got {len(widths)} halvings, expected so few that 4 of {self.image_size} pixels stay")
