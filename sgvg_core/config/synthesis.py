"""Settings of StyleGAN2 and StyleGAN3 generators."""

import dataclasses

from ..errors import ConfigError
from .checks import check_choice, check_range
from .stylegan3_schedule import FIRST_STOPBAND, LAST_STOPBAND_REL, Band, sampling_bands


@dataclasses.dataclass(frozen=True)
class CodeFeaturesConfig:
    """Fixed features of z before the mapping network, for a generator taught by a renderer.

    z is read in order as: `num_classes` scores, `num_choices` scores, `num_values` values, a pair whose angle is the phase; the
    rest is free. See `synthesis.code_features`.
    """

    num_classes: int = 9
    num_choices: int = 4
    num_values: int = 7
    num_harmonics: int = 4
    """Waves of the phase, 1 to this number a turn; a value has octaves of waves up to it."""
    margin: float = 0.35
    """Codes whose two best class scores (or choice scores) are closer than this are drawn again."""

    def __post_init__(self) -> None:
        check_range("code features num_classes", self.num_classes, 1, 256)
        check_range("code features num_choices", self.num_choices, 1, 64)
        check_range("code features num_values", self.num_values, 0, 256)
        check_range("code features num_harmonics", self.num_harmonics, 1, 32)
        check_range("code features margin", self.margin, 0, 2)

    @property
    def num_read(self) -> int:
        """How many numbers of z mean something."""
        return self.num_classes + self.num_choices + self.num_values + 2

    @property
    def octaves(self) -> tuple[int, ...]:
        """The waves of a value: 1, 2, 4, ... up to `num_harmonics` quarter turns."""
        return tuple(2**octave for octave in range(self.num_harmonics.bit_length()))

    @property
    def num_features(self) -> int:
        """How many features they make of it."""
        soft = self.num_classes * (1 + self.num_choices)
        return soft + self.num_values * (1 + 2 * len(self.octaves)) + 2 * self.num_harmonics


MAX_GENERATOR_PARAMETERS = 500_000_000
MAX_GENERATOR_FEATURES = 2**28
"""Numbers in the features of one layer and picture: 1 GB in float32."""


@dataclasses.dataclass(frozen=True)
class GeneratorConfig:
    """A StyleGAN2 generator. `channels` holds one width a resolution, from 4 px up to `img_resolution`.

    `const_size` is the height and width of the learned constant. Where it isn't 4 x 4, pictures have `img_resolution` / 4 times that
    size, and the resolutions are names only.
    """

    img_resolution: int
    channels: tuple[int, ...]
    z_dim: int = 512
    c_dim: int = 0
    w_dim: int = 512
    img_channels: int = 3
    mapping_layers: int = 8
    """Layers of the mapping network."""
    mapping_lr_multiplier: float = 0.01
    """Scales the mapping network's weights, and so its learning rate."""
    embed_features: int | None = None
    """How many numbers a label's embedding has; None: w_dim."""
    architecture: str = "skip"
    """"skip": every block adds to the picture. "resnet": blocks have shortcuts, the last one paints. "orig": neither."""
    conv_clamp: float | None = None
    """Values that a convolution gives are held in -conv_clamp..conv_clamp; None: they aren't."""
    code_features: CodeFeaturesConfig | None = None
    mapping_features: int | None = None
    """Width of the mapping network's inner layers; None: that of w."""
    const_size: tuple[int, int] = (4, 4)
    smaller_sizes: tuple[int, ...] = ()
    """Resolutions at which what the first blocks have painted is the picture, so that smaller pictures leave the other blocks out. Only of
    generators that were trained for it; elsewhere a picture isn't whole before the last block."""

    def __post_init__(self) -> None:
        check_range("generator img_resolution", self.img_resolution, 4, 2048)
        if self.img_resolution & (self.img_resolution - 1):
            raise ConfigError(f"generator img_resolution: got {self.img_resolution}, expected a power of two")
        if len(self.channels) != self.img_resolution.bit_length() - 2:
            raise ConfigError(f"generator channels: got {len(self.channels)} widths, expected {self.img_resolution.bit_length() - 2}, "
                              f"one for each resolution from 4 to {self.img_resolution}")
        for width in self.channels:
            check_range("generator channels", width, 1, 2048)
        check_range("generator z_dim", self.z_dim, 1, 2048)
        check_range("generator c_dim", self.c_dim, 0, 10_000)
        check_range("generator w_dim", self.w_dim, 1, 2048)
        check_range("generator img_channels", self.img_channels, 1, 4)
        check_range("generator mapping_layers", self.mapping_layers, 1, 16)
        check_range("generator mapping_lr_multiplier", self.mapping_lr_multiplier, 1e-4, 10)
        check_choice("generator architecture", self.architecture, ("skip", "resnet", "orig"))
        for name in ("embed_features", "mapping_features"):
            if getattr(self, name) is not None:
                check_range(f"generator {name}", getattr(self, name), 1, 2048)
        for size_of_image in self.const_size:
            check_range("generator const_size", size_of_image, 1, 64)
        for size in self.smaller_sizes:
            if self.architecture != "skip" or size not in [4 << index for index in range(len(self.channels) - 1)]:
                raise ConfigError(f"generator smaller_sizes: got {size}, expected resolutions of its blocks but the last, and architecture skip")
        if self.conv_clamp is not None:
            check_range("generator conv_clamp", self.conv_clamp, 1e-3, 1e6)
        if self.code_features is not None and self.code_features.num_read > self.z_dim:
            raise ConfigError(f"generator z_dim: got {self.z_dim}, expected at least {self.code_features.num_read}, which its code features read")
        check_range("generator number of parameters", self.num_parameters, 1, MAX_GENERATOR_PARAMETERS)
        for index, width in enumerate(self.channels):
            pixels = (self.const_size[0] << index) * (self.const_size[1] << index)
            check_range(f"generator features at {4 << index} px", width * pixels, 1, MAX_GENERATOR_FEATURES)

    def up_to(self, size: int) -> "GeneratorConfig":
        """The same with its blocks up to this resolution alone."""
        smaller = tuple(own for own in self.smaller_sizes if own < size)
        return dataclasses.replace(self, img_resolution=size, channels=self.channels[: size.bit_length() - 2], smaller_sizes=smaller)

    @property
    def num_parameters(self) -> int:
        """About how many numbers its weights hold (without biases): known before anything is built."""
        steps = zip((0, *self.channels[:-1]), self.channels, strict=True)
        convs = sum(9 * width * (width + before) + self.w_dim * (2 * width + before) for before, width in steps)
        label = (self.embed_features or self.w_dim) if self.c_dim else 0
        first = self.z_dim if self.code_features is None else self.code_features.num_features
        inner = self.mapping_features or self.w_dim
        return convs + self.w_dim * (first + label) + inner * self.w_dim * (self.mapping_layers - 1) + self.c_dim * label


@dataclasses.dataclass(frozen=True)
class StyleGAN3Config:
    """A StyleGAN3 generator. `channels` holds the width of each layer but the last; T has 3 x 3 kernels, R 1 x 1 and radial filters.

    The sampling schedule's settings are those of `config.stylegan3_schedule.sampling_bands`.
    """

    img_resolution: int
    channels: tuple[int, ...]
    z_dim: int = 512
    c_dim: int = 0
    w_dim: int = 512
    img_channels: int = 3
    mapping_layers: int = 2
    """Layers of the mapping network."""
    mapping_lr_multiplier: float = 0.01
    """Scales the mapping network's weights, and so its learning rate."""
    num_critical: int = 2
    """Layers at the end that are sampled critically, the last not counted."""
    first_cutoff: float = 2.0
    first_stopband: float = FIRST_STOPBAND
    last_stopband_rel: float = LAST_STOPBAND_REL
    margin_size: int = 10
    output_scale: float = 0.25
    """What the last layer's values are multiplied by."""
    conv_kernel: int = 3
    """Points a side of a convolution."""
    filter_size: int = 6
    """Taps of a filter for each sample of the lower rate."""
    lrelu_upsampling: int = 2
    """How many times the rate is raised for the nonlinearity."""
    use_radial_filters: bool = False
    """Whether filters are round, but in critically sampled layers."""
    conv_clamp: float | None = 256.0
    """Values that a convolution gives are held in -conv_clamp..conv_clamp; None: they aren't."""

    def __post_init__(self) -> None:
        check_range("generator img_resolution", self.img_resolution, 16, 2048)
        if self.img_resolution & (self.img_resolution - 1):
            raise ConfigError(f"generator img_resolution: got {self.img_resolution}, expected a power of two")
        check_range("generator number of layers", len(self.channels), 2, 64)
        for width in self.channels:
            check_range("generator channels", width, 1, 4096)
        check_range("generator z_dim", self.z_dim, 1, 2048)
        check_range("generator c_dim", self.c_dim, 0, 10_000)
        check_range("generator w_dim", self.w_dim, 1, 2048)
        check_range("generator img_channels", self.img_channels, 1, 4)
        check_range("generator mapping_layers", self.mapping_layers, 1, 16)
        check_range("generator mapping_lr_multiplier", self.mapping_lr_multiplier, 1e-4, 10)
        check_range("generator num_critical", self.num_critical, 0, len(self.channels) - 1)
        check_range("generator first_cutoff", self.first_cutoff, 1, self.img_resolution / 2)
        check_range("generator first_stopband", self.first_stopband, self.first_cutoff, self.img_resolution)
        check_range("generator last_stopband_rel", self.last_stopband_rel, 1, 4)
        check_range("generator margin_size", self.margin_size, 0, 64)
        check_range("generator output_scale", self.output_scale, 1e-4, 1e4)
        check_range("generator conv_kernel", self.conv_kernel, 1, 7)
        check_range("generator filter_size", self.filter_size, 1, 16)
        check_range("generator lrelu_upsampling", self.lrelu_upsampling, 1, 4)
        if self.conv_clamp is not None:
            check_range("generator conv_clamp", self.conv_clamp, 1e-3, 1e6)
        check_range("generator number of parameters", self.num_parameters, 1, MAX_GENERATOR_PARAMETERS)
        bands = self.bands
        for width, before, band in zip(self.channels, (bands[0], *bands), bands, strict=False):
            check_range(f"generator features at {band.size} px", width * band.size**2, 1, MAX_GENERATOR_FEATURES)
            check_range(f"generator step from {before.rate} to {band.rate} samples (more layers make it smaller)", band.rate // before.rate, 1, 8)

    @property
    def bands(self) -> tuple[Band, ...]:
        """The sampling schedule: a band a layer, the last included."""
        return sampling_bands(
            self.img_resolution,
            len(self.channels),
            num_critical=self.num_critical,
            first_cutoff=self.first_cutoff,
            first_stopband=self.first_stopband,
            last_stopband_rel=self.last_stopband_rel,
            margin_size=self.margin_size,
        )

    @property
    def num_ws(self) -> int:
        """Latents of a picture: one for the input, one a layer."""
        return len(self.channels) + 2

    @property
    def num_parameters(self) -> int:
        """About how many numbers its weights hold (without biases)."""
        before = (self.channels[0], *self.channels)
        convs = sum(below * (self.w_dim + self.conv_kernel**2 * width) for below, width in zip(before, self.channels, strict=False))
        ends = self.channels[0] ** 2 + self.channels[-1] * (self.w_dim + self.img_channels)
        label = self.w_dim if self.c_dim else 0
        return convs + ends + self.w_dim * (self.z_dim + label + self.w_dim * (self.mapping_layers - 1)) + self.c_dim * label
