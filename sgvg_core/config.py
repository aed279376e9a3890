"""Configurations: frozen, refusing unknown keys, within limits before anything is built from them.

They come from file headers, so they're read as hostile input: every number has a range. A module takes plain arguments with the
same names; only `assembly` unpacks a configuration into one.
"""

import dataclasses
import functools
import json
import re
import types
import typing
from typing import Any, TypeVar

from .bands import FIRST_STOPBAND, LAST_STOPBAND_REL, Band, sampling_bands
from .errors import ConfigError, shown

T = TypeVar("T")


def from_dict(cls: type[T], data: Any, where: str) -> T:
    """A configuration from plain data; `where` names the file or argument in errors. Raises ConfigError."""
    if not isinstance(data, dict):
        raise ConfigError(f"{where}: got {type(data).__name__}, expected an object with the settings of {cls.__name__}")
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    unknown = sorted(set(data) - set(fields))
    if unknown:
        raise ConfigError(f"{where}: unknown setting {shown(', '.join(map(repr, unknown)), 300)}; known are {', '.join(sorted(fields))}")
    hints = _type_hints(typing.cast(Any, cls))
    values = {name: _typed(value, hints[name], f"{where}: {name}") for name, value in data.items()}
    try:
        return cls(**values)
    except TypeError as error:
        missing = sorted(name for name, field in fields.items() if name not in data and field.default is dataclasses.MISSING)
        raise ConfigError(f"{where}: missing setting {', '.join(missing)}") from error


@functools.cache
def _type_hints(cls: type) -> dict[str, Any]:
    """The types of a configuration's settings; resolving them takes longer than all checks of a small one."""
    return typing.get_type_hints(cls)


def _typed(value: Any, wanted: Any, where: str) -> Any:
    """`value` as the annotated type `wanted`: lists become tuples, objects become nested configurations."""
    origin = typing.get_origin(wanted)
    if origin in (types.UnionType, typing.Union):
        options = typing.get_args(wanted)
        if value is None and type(None) in options:
            return None
        return _typed(value, next(option for option in options if option is not type(None)), where)
    if origin is tuple and isinstance(value, list | tuple):
        inner = typing.get_args(wanted)
        many = len(inner) == 2 and inner[1] is Ellipsis
        if not many and len(value) != len(inner):
            raise ConfigError(f"{where}: got {len(value)} values, expected {len(inner)}")
        return tuple(_typed(item, inner[0] if many else inner[i], f"{where}[{i}]") for i, item in enumerate(value))
    if dataclasses.is_dataclass(wanted):
        return from_dict(typing.cast(type, wanted), value, where)
    plain: Any = {int: int, float: (int, float), str: str, bool: bool}.get(wanted)
    if plain is None or not isinstance(value, plain) or (isinstance(value, bool) and wanted is not bool):
        raise ConfigError(f"{where}: got {shown(repr(value))}, expected {getattr(wanted, '__name__', wanted)}")
    try:
        return float(value) if wanted is float else value
    except OverflowError as error:
        raise ConfigError(f"{where}: got {shown(value)}, too large for any setting") from error


def to_json(config: Any) -> str:
    """A configuration as JSON with sorted keys, the form in which it's stored."""
    return json.dumps(dataclasses.asdict(config), sort_keys=True)


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Raise ConfigError unless low <= value <= high (so NaN is refused too)."""
    if not low <= value <= high:
        raise ConfigError(f"{name}: got {shown(value)}, expected {low} to {high}")


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Raise ConfigError unless `value` is one of `choices`."""
    if value not in choices:
        raise ConfigError(f"{name}: got {shown(repr(value))}, expected {', '.join(choices)}")


MEL_EDGES = ("silence", "mirror")


@dataclasses.dataclass(frozen=True)
class MelConfig:
    """How sound becomes a picture. The defaults are the paper's released settings: 44,100 Hz, 256 mels, 10 s resized to 256 x 256."""

    sample_rate: int = 44_100
    n_fft: int = 2048
    hop: int = 512
    n_mels: int = 256
    segment_seconds: float = 10.03
    """Length of the window that one segment hears."""
    picture_mels: int = 256
    picture_frames: int = 256
    """Size to which a segment's log-mel picture is resized (bilinear, no antialiasing)."""
    edges: str = "silence"
    """What a window hears beyond the ends of a sound: silence, or the sound played backwards ("mirror")."""

    def __post_init__(self) -> None:
        check_choice("mel edges", self.edges, MEL_EDGES)
        check_range("mel sample_rate", self.sample_rate, 4_000, 192_000)
        check_range("mel n_fft", self.n_fft, 64, 16_384)
        check_range("mel hop", self.hop, 16, self.n_fft)
        check_range("mel n_mels", self.n_mels, 8, 512)
        check_range("mel segment_seconds", self.segment_seconds, 0.05, 60)
        check_range("mel picture_mels", self.picture_mels, 8, 1024)
        check_range("mel picture_frames", self.picture_frames, 8, 4096)


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
    mapping_lr_multiplier: float = 0.01
    embed_features: int | None = None
    architecture: str = "skip"
    conv_clamp: float | None = None
    code_features: CodeFeaturesConfig | None = None
    mapping_features: int | None = None
    """Width of the mapping network's inner layers; None: that of w."""
    const_size: tuple[int, int] = (4, 4)

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
        for extent in self.const_size:
            check_range("generator const_size", extent, 1, 64)
        if self.conv_clamp is not None:
            check_range("generator conv_clamp", self.conv_clamp, 1e-3, 1e6)
        if self.code_features is not None and self.code_features.num_read > self.z_dim:
            raise ConfigError(f"generator z_dim: got {self.z_dim}, expected at least {self.code_features.num_read}, which its code features read")
        check_range("generator number of parameters", self.num_parameters, 1, MAX_GENERATOR_PARAMETERS)
        for index, width in enumerate(self.channels):
            pixels = (self.const_size[0] << index) * (self.const_size[1] << index)
            check_range(f"generator features at {4 << index} px", width * pixels, 1, MAX_GENERATOR_FEATURES)

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

    The sampling schedule's settings are those of `bands.sampling_bands`.
    """

    img_resolution: int
    channels: tuple[int, ...]
    z_dim: int = 512
    c_dim: int = 0
    w_dim: int = 512
    img_channels: int = 3
    mapping_layers: int = 2
    mapping_lr_multiplier: float = 0.01
    num_critical: int = 2
    """Layers at the end that are sampled critically, the last not counted."""
    first_cutoff: float = 2.0
    first_stopband: float = FIRST_STOPBAND
    last_stopband_rel: float = LAST_STOPBAND_REL
    margin_size: int = 10
    output_scale: float = 0.25
    conv_kernel: int = 3
    filter_size: int = 6
    """Taps of a filter for each sample of the lower rate."""
    lrelu_upsampling: int = 2
    use_radial_filters: bool = False
    conv_clamp: float | None = 256.0

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
    conv_clamp: float | None = None
    mapping_layers: int = 8
    """Layers of the labels' mapping network behind its first, linear one."""
    mapping_lr_multiplier: float = 0.01
    embed_features: int | None = None
    mapping_features: int | None = None
    mbstd_group_size: int | None = 4
    """Among how many pictures statistics are taken; None: the whole batch."""
    mbstd_num_channels: int = 1
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
        for extent in self.final_size:
            check_range("discriminator final_size", extent, 1, 64)
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


MAX_PART_PARAMETERS = 1_000_000_000
"""Numbers in the weights of any part but a generator or discriminator: 4 GB in float32. A file must hold as many besides."""


def _backbone_parameters(depths: tuple[int, ...], widths: tuple[int, ...]) -> int:
    """About how many numbers a residual backbone holds."""
    steps = zip(depths, (widths[0], *widths[:-1]), widths, strict=True)
    return sum(9 * after * (before + (2 * depth - 1) * after) for depth, before, after in steps)


def _texture_parameters(width: int, num_out: int) -> int:
    """About how many numbers the layers on a sound's texture hold."""
    return width * (256 + width + num_out)


@dataclasses.dataclass(frozen=True)
class SoundInversionConfig:
    """The sound inversion encoder E_a. The defaults are the paper's size: IR-SE-50, 256 x 256 pictures, 16 latents of 512."""

    num_ws: int = 16
    w_dim: int = 512
    picture_size: int = 256
    depths: tuple[int, int, int, int] = (3, 4, 14, 3)
    widths: tuple[int, int, int, int] = (64, 128, 256, 512)
    pyramid_width: int = 512
    bounds: tuple[int, int] = (3, 6)
    """Latents [0, a) read the coarsest map, [a, b) the middle one, the rest the finest."""
    segment_rate: float = 10.0
    """Windows a second at which E_a runs; offsets between them are interpolated."""
    stem_stride: int = 1
    """2 halves the picture in the first convolution: a quarter of the work (the paper's is 1)."""
    texture: int = 0
    """Units that hear the texture of a window beside the convolutions; 0: none, as in the paper."""
    texture_reach: float = 0.0
    """Seconds before and after a window from which its texture is averaged: what sounds changes more slowly than how strongly it does."""

    @property
    def reach(self) -> int:
        """Windows before and after one from which its texture is averaged."""
        return round(self.texture_reach * self.segment_rate) if self.texture else 0

    def __post_init__(self) -> None:
        check_range("sound inversion num_ws", self.num_ws, 3, 64)
        check_range("sound inversion w_dim", self.w_dim, 1, 2048)
        check_range("sound inversion picture_size", self.picture_size, 32, 1024)
        for depth in self.depths:
            check_range("sound inversion depths", depth, 1, 64)
        for width in (*self.widths, self.pyramid_width):
            check_range("sound inversion widths", width, 4, 2048)
        if not 0 < self.bounds[0] < self.bounds[1] < self.num_ws:
            raise ConfigError(f"sound inversion bounds: got {self.bounds}, expected 0 < a < b < {self.num_ws}")
        check_range("sound inversion segment_rate", self.segment_rate, 0.1, 120)
        check_range("sound inversion stem_stride", self.stem_stride, 1, 2)
        check_range("sound inversion texture", self.texture, 0, 4096)
        check_range("sound inversion texture_reach", self.texture_reach, 0, 10)
        check_range("sound inversion number of parameters", self.num_parameters, 1, MAX_PART_PARAMETERS)

    @property
    def num_parameters(self) -> int:
        """About how many numbers its weights hold (without biases)."""
        width = self.pyramid_width
        heads = self.num_ws * width * (9 * width * self.picture_size.bit_length() + self.w_dim)
        return _backbone_parameters(self.depths, self.widths) + heads + sum(self.widths) * width + _texture_parameters(self.texture, 3 * width)


@dataclasses.dataclass(frozen=True)
class WalkerConfig:
    """The recurrent walker: three blocks over the coarse, mid and fine latents (paper Eq. 4 and 5)."""

    num_ws: int
    w_dim: int
    bounds: tuple[int, int] = (3, 6)
    hidden: int = 512
    num_layers: int = 1
    walk_rate: float = 12.0
    """Steps a second at which the walker was trained."""

    def __post_init__(self) -> None:
        check_range("walker num_ws", self.num_ws, 3, 64)
        check_range("walker w_dim", self.w_dim, 1, 2048)
        if not 0 < self.bounds[0] < self.bounds[1] < self.num_ws:
            raise ConfigError(f"walker bounds: got {self.bounds}, expected 0 < a < b < {self.num_ws}")
        check_range("walker hidden", self.hidden, 1, 4096)
        check_range("walker num_layers", self.num_layers, 1, 16)
        check_range("walker walk_rate", self.walk_rate, 0.5, 120)
        check_range("walker number of parameters", self.num_parameters, 1, MAX_PART_PARAMETERS)

    @property
    def num_parameters(self) -> int:
        """About how many numbers its weights hold (without biases): two layers in, the recurrence and two layers out in each of three blocks."""
        latents = (2 * self.num_ws + 6) * self.w_dim * self.hidden
        return latents + 3 * (3 + 6 * self.num_layers) * self.hidden**2


@dataclasses.dataclass(frozen=True)
class JudgeConfig:
    """The judge of pictures: its input size, the widths of its stages and the kinds it knows."""

    picture_size: int = 64
    widths: tuple[int, ...] = (24, 48, 96, 128)
    labels: tuple[str, ...] = (
        "thunderstorm",
        "waterfall burbling",
        "volcano eruption",
        "squishing water",
        "wind noise",
        "fire crackling",
        "raining",
        "underwater bubbling",
        "splashing water",
    )

    def __post_init__(self) -> None:
        check_range("judge picture_size", self.picture_size, 16, 512)
        check_range("judge number of stages", len(self.widths), 1, 8)
        for width in self.widths:
            check_range("judge widths", width, 8, 1024)
            if width % 8:
                raise ConfigError(f"judge widths: got {width}, expected a multiple of 8, the number of groups that are normalised together")
        check_range("judge number of labels", len(self.labels), 1, 1000)
        check_range("judge number of parameters", self.num_parameters, 1, MAX_PART_PARAMETERS)

    @property
    def num_parameters(self) -> int:
        """About how many numbers its weights hold (without biases)."""
        return _pairs_of_convolutions(3, self.widths) + 2 * self.widths[-1] * (64 + len(self.labels)) + 64 * len(self.labels)


def _pairs_of_convolutions(num_in: int, widths: tuple[int, ...]) -> int:
    """About how many numbers stages of two 3 x 3 convolutions hold."""
    return sum(9 * width * (before + width) for before, width in zip((num_in, *widths[:-1]), widths, strict=True))


@dataclasses.dataclass(frozen=True)
class CriticConfig:
    """The two discriminators of Eq. 7 and 8: D_V sees short clips, D_I single frames, both small and of patches."""

    picture_size: int = 64
    """Frames are reduced to this before they're judged."""
    num_frames: int = 6
    """Frames of a clip (released code: 6)."""
    image_widths: tuple[int, ...] = (32, 64, 128)
    video_widths: tuple[int, ...] = (32, 64, 128)

    def __post_init__(self) -> None:
        check_range("critic picture_size", self.picture_size, 16, 512)
        check_range("critic num_frames", self.num_frames, 2, 64)
        for name in ("image_widths", "video_widths"):
            widths = getattr(self, name)
            check_range(f"critic number of {name}", len(widths), 1, 6)
            for width in widths:
                check_range(f"critic {name}", width, 4, 1024)
            if self.picture_size >> len(widths) < 4:
                raise ConfigError(f"critic {name}: got {len(widths)} halvings, expected so few that 4 of {self.picture_size} pixels stay")


def _bundled_mel() -> MelConfig:
    return MelConfig(
        sample_rate=22_050, n_fft=1024, hop=256, n_mels=64, segment_seconds=0.75, picture_mels=64, picture_frames=64, edges="mirror"
    )


NORMS = ("batch", "item")


@dataclasses.dataclass(frozen=True)
class JointSpaceConfig:
    """The joint space of pictures, words and sounds (F_v, F_t, F_a). The defaults are the bundled size, about 0.5 M parameters a tower."""

    embed_dim: int = 128
    image_size: int = 64
    image_width: int = 10
    image_layers: tuple[int, int, int, int] = (1, 1, 1, 1)
    text_width: int = 96
    text_heads: int = 4
    text_layers: int = 3
    context_length: int = 32
    sound_widths: tuple[int, ...] = (16, 32, 64, 128)
    sound_statistics: int = 0
    """Units of the layers on what the bands of a window do, beside the convolutions (0: none)."""
    mel: MelConfig = dataclasses.field(default_factory=_bundled_mel)
    """How a window of sound becomes the picture that F_a takes."""
    merges: tuple[tuple[int, int], ...] = ()
    """The merges of the byte-level BPE, best first: see `embedding.bpe`."""
    words: tuple[str, ...] = ()
    """The words of the captions that the text tower learned from; other words are encoded too, but mean nothing to it."""
    labels: tuple[str, ...] = ()
    """The labels among which a sound is named when nobody gives others."""
    sound_silent: float = 0.5
    """Share of windows that F_a's texture answers alone while it learns; its convolutions count for the rest afterwards. Less than half where
    they're frozen, or learned from many places."""
    temperature: float = 1.0
    """What scores of sounds are divided by when they're made probabilities of the labels, so that these are as often right as they say."""
    sure_from: float = 0.0
    """A sound none of whose labels has this probability is named "not sure" (0: every sound is one of the labels)."""
    picture_norm: str = "batch"
    """What F_v's layers are normalised over while it learns: "batch", or "item", each picture by itself (several processes need that)."""
    sound_norm: str = "batch"
    """The same of F_a."""

    def __post_init__(self) -> None:
        check_choice("joint space picture_norm", self.picture_norm, NORMS)
        check_choice("joint space sound_norm", self.sound_norm, NORMS)
        check_range("joint space embed_dim", self.embed_dim, 8, 2048)
        check_range("joint space image_size", self.image_size, 32, 512)
        if self.image_size % 32:
            raise ConfigError(f"joint space image_size: got {self.image_size}, expected a multiple of 32")
        check_range("joint space image_width", self.image_width, 2, 256)
        for layers in (*self.image_layers, self.text_layers):
            check_range("joint space layers", layers, 1, 64)
        check_range("joint space text_heads", self.text_heads, 1, 64)
        check_range("joint space text_width", self.text_width, self.text_heads, 2048)
        if self.text_width % self.text_heads:
            raise ConfigError(f"joint space text_width: got {self.text_width}, expected a multiple of text_heads ({self.text_heads})")
        check_range("joint space context_length", self.context_length, 4, 512)
        check_range("joint space number of sound_widths", len(self.sound_widths), 1, 8)
        for width in self.sound_widths:
            check_range("joint space sound_widths", width, 4, 2048)
        check_range("joint space sound_statistics", self.sound_statistics, 0, 4096)
        check_range("joint space number of merges", len(self.merges), 0, 50_000)
        check_range("joint space number of words", len(self.words), 0, 100_000)
        check_range("joint space number of labels", len(self.labels), 0, 1_000)
        check_range("joint space sound_silent", self.sound_silent, 0, 1)
        check_range("joint space temperature", self.temperature, 0.05, 20)
        check_range("joint space sure_from", self.sure_from, 0, 1)
        for index, pair in enumerate(self.merges):
            for token in pair:
                check_range(f"joint space merges[{index}]", token, 1, 256 + index)
        check_range("joint space number of parameters", self.num_parameters, 1, MAX_PART_PARAMETERS)

    @property
    def num_parameters(self) -> int:
        """About how many numbers the weights of its three towers hold (without biases)."""
        pictures = sum(17 * layers * (self.image_width << stage) ** 2 for stage, layers in enumerate(self.image_layers))
        pooled = 32 * self.image_width
        pictures += pooled * (4 * pooled + self.embed_dim + (self.image_size // 32) ** 2)
        words = self.text_width * (12 * self.text_width * self.text_layers + 512 + len(self.merges) + self.context_length + self.embed_dim)
        return pictures + words + _sound_tower_parameters(self.sound_widths, self.mel.picture_mels, self.sound_statistics, self.embed_dim)


def _sound_tower_parameters(widths: tuple[int, ...], num_mels: int, statistics: int, embed_dim: int) -> int:
    """About how many numbers a sound tower holds."""
    rows = (num_mels >> len(widths)) + 1
    return _pairs_of_convolutions(1, widths) + 2 * rows * widths[-1] * embed_dim + _texture_parameters(statistics, embed_dim)


@dataclasses.dataclass(frozen=True)
class SoundTowerConfig:
    """F_a taught into the space of a CLIP model of somebody else's, whose own weights stay where they are."""

    clip_model: str
    """The model as open_clip knows it ("ViT-B-32"), or the name of its folder."""
    clip_weights: str
    """A pretrained tag, or the name of the file of weights."""
    embed_dim: int
    widths: tuple[int, ...] = (16, 32, 64, 128)
    statistics: int = 128
    norm: str = "item"
    mel: MelConfig = dataclasses.field(default_factory=_bundled_mel)
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("clip_model", "clip_weights"):
            if not re.fullmatch(r"[\w.+-]{0,200}", getattr(self, name)):  # a name alone: it may lead to no other folder, nor to the network
                raise ConfigError(f"sound tower {name}: got {getattr(self, name)!r}, expected a plain name")
        check_range("sound tower embed_dim", self.embed_dim, 8, 4096)
        check_range("sound tower number of widths", len(self.widths), 1, 8)
        for width in self.widths:
            check_range("sound tower widths", width, 4, 2048)
        check_range("sound tower statistics", self.statistics, 0, 4096)
        check_choice("sound tower norm", self.norm, NORMS)
        check_range("sound tower number of labels", len(self.labels), 0, 1_000)
        check_range("sound tower number of parameters", self.num_parameters, 1, MAX_PART_PARAMETERS)

    @property
    def num_parameters(self) -> int:
        """About how many numbers its weights hold (without biases)."""
        return _sound_tower_parameters(self.widths, self.mel.picture_mels, self.statistics, self.embed_dim)


def _check_backbone(name: str, depths: tuple[int, ...], widths: tuple[int, ...]) -> None:
    for depth in depths:
        check_range(f"{name} depths", depth, 1, 64)
    for width in widths:
        check_range(f"{name} widths", width, 4, 2048)


@dataclasses.dataclass(frozen=True)
class ReleasedSoundConfig:
    """The sound inversion encoder of the paper's released code: IR-SE-50, a pyramid and one head a latent. Defaults are its sizes."""

    heads: str = "map"
    """"map": convolutions down to a point; such an encoder answers latents. "transformer": it answers offsets from the mean latent."""
    num_ws: int = 16
    w_dim: int = 512
    picture_size: int = 256
    depths: tuple[int, int, int, int] = (3, 4, 14, 3)
    widths: tuple[int, int, int, int] = (64, 128, 256, 512)
    squeeze: int = 16
    bounds: tuple[int, int] = (3, 7)
    """Latents [0, a) read the coarsest map, [a, b) the middle one, the rest the finest."""
    transformer_layers: int = 2
    transformer_width: int = 2048
    segment_rate: float = 1.0
    """Windows a second at which it runs when the sound is to enter at every step; the released way hears the whole clip once."""
    family: str = "stylegan3"
    """The kind of generator whose latents these are, as `layer_map` knows it."""
    img_resolution: int = 256
    """The size of that generator."""

    def __post_init__(self) -> None:
        check_choice("released sound heads", self.heads, ("map", "transformer"))
        check_range("released sound num_ws", self.num_ws, 3, 64)
        check_range("released sound w_dim", self.w_dim, 8, 2048)
        check_choice("released sound picture_size", str(self.picture_size), tuple(str(16 << power) for power in range(1, 7)))
        _check_backbone("released sound", self.depths, self.widths)
        if self.widths[3] != self.w_dim:
            raise ConfigError(f"released sound widths: got {self.widths[3]} last, expected w_dim ({self.w_dim})")
        check_range("released sound squeeze", self.squeeze, 1, 256)
        if not 0 < self.bounds[0] < self.bounds[1] < self.num_ws:
            raise ConfigError(f"released sound bounds: got {self.bounds}, expected 0 < a < b < {self.num_ws}")
        check_range("released sound transformer_layers", self.transformer_layers, 1, 32)
        check_range("released sound transformer_width", self.transformer_width, 1, 16_384)
        if self.heads == "transformer" and self.w_dim % 8:
            raise ConfigError(f"released sound w_dim: got {self.w_dim}, expected a multiple of 8, the number of the transformer's heads")
        check_range("released sound segment_rate", self.segment_rate, 0.01, 120)
        check_range("released sound number of parameters", self.num_parameters, 1, MAX_PART_PARAMETERS)

    @property
    def num_parameters(self) -> int:
        """About how many numbers its weights hold."""
        map_head = 9 * self.w_dim**2 * self.picture_size.bit_length()
        transformer_head = self.transformer_layers * (4 * self.w_dim**2 + 2 * self.w_dim * self.transformer_width)
        return _backbone_parameters(self.depths, self.widths) + self.num_ws * (map_head if self.heads == "map" else transformer_head)


@dataclasses.dataclass(frozen=True)
class ReleasedBlockConfig:
    """One recurrent block of the paper's released code: a bidirectional GRU over the latents of a group, a step at a time."""

    num_group: int
    """How many latents it moves: 4 (coarse, mid) or 8 (fine)."""
    w_dim: int = 512
    hidden: int = 512
    num_layers: int = 5
    noise_fc: bool = True
    """Whether the hidden state passes a linear layer before each step (`audio_noise_fc`)."""

    def __post_init__(self) -> None:
        check_range("released block num_group", self.num_group, 1, 64)
        check_range("released block w_dim", self.w_dim, 1, 2048)
        check_range("released block hidden", self.hidden, 1, 2048)
        check_range("released block num_layers", self.num_layers, 1, 16)
        check_range("released block number of parameters", self.num_parameters, 1, MAX_PART_PARAMETERS)

    @property
    def num_parameters(self) -> int:
        """About how many numbers its weights hold."""
        size, hidden = self.num_group * self.w_dim, self.hidden
        recurrent = 6 * hidden * (size + hidden + (self.num_layers - 1) * 3 * hidden)
        return recurrent + 2 * hidden * size + (2 * self.num_layers * hidden) ** 2 * self.noise_fc


@dataclasses.dataclass(frozen=True)
class ReleasedWalkerConfig:
    """The three released recurrent blocks together. The defaults are the released groups: latents 0-3, 4-7 and 8-15."""

    coarse: ReleasedBlockConfig = ReleasedBlockConfig(4)
    mid: ReleasedBlockConfig = ReleasedBlockConfig(4)
    fine: ReleasedBlockConfig = ReleasedBlockConfig(8)
    walk_rate: float = 10.0
    """Steps a second: the generation script makes a step a picture and shows each for 100 ms."""
    family: str = "stylegan3"
    img_resolution: int = 256

    def __post_init__(self) -> None:
        check_range("released walker walk_rate", self.walk_rate, 0.5, 120)
        blocks = (self.coarse, self.mid, self.fine)
        check_range("released walker number of parameters", sum(block.num_parameters for block in blocks), 1, MAX_PART_PARAMETERS)
        if len({self.coarse.w_dim, self.mid.w_dim, self.fine.w_dim}) > 1:
            raise ConfigError(f"released walker w_dim: got {self.coarse.w_dim}, {self.mid.w_dim} and {self.fine.w_dim}, expected one for all blocks")

    @property
    def num_ws(self) -> int:
        """How many latents the three blocks move."""
        return self.coarse.num_group + self.mid.num_group + self.fine.num_group


@dataclasses.dataclass(frozen=True)
class ReleasedSoundTowerConfig:
    """F_a of Lee et al. (CVPR 2022): a convolution to three channels, then a ResNet-18."""

    embed_dim: int = 512
    depths: tuple[int, int, int, int] = (2, 2, 2, 2)
    widths: tuple[int, int, int, int] = (64, 128, 256, 512)

    def __post_init__(self) -> None:
        check_range("released sound tower embed_dim", self.embed_dim, 8, 4096)
        _check_backbone("released sound tower", self.depths, self.widths)
        check_range("released sound tower number of parameters", _backbone_parameters(self.depths, self.widths), 1, MAX_PART_PARAMETERS)


@dataclasses.dataclass(frozen=True)
class ImageEncoderConfig:
    """An encoder from pictures to W+: pSp, e4e or ReStyle. The defaults are pSp's for a generator of 1024 px."""

    unit: str = "irse"
    """"irse": IR-SE-50 and its like. "resnet": ResNet-34 and its like."""
    heads: str = "styles"
    """"styles": a head a latent. "w": one latent for all. "w_plus": all latents from one linear layer."""
    pyramid: bool = True
    """Whether mid and fine latents read finer maps (pSp, e4e), or all the coarsest one (ReStyle)."""
    deltas: bool = False
    """Whether latents are offsets from the first one (e4e), or each for itself (pSp)."""
    in_channels: int = 3
    """3, or 6 for encoders that see the picture beside what they made of it so far (ReStyle)."""
    num_ws: int = 18
    w_dim: int = 512
    picture_size: int = 256
    depths: tuple[int, int, int, int] = (3, 4, 14, 3)
    widths: tuple[int, int, int, int] = (64, 128, 256, 512)
    squeeze: int = 16
    bounds: tuple[int, int] = (3, 7)
    adds_mean: bool = True
    """Whether its answers are offsets from the stored mean latent."""

    def __post_init__(self) -> None:
        check_choice("image encoder unit", self.unit, ("irse", "resnet"))
        check_choice("image encoder heads", self.heads, ("styles", "w", "w_plus"))
        check_range("image encoder in_channels", self.in_channels, 1, 64)
        check_range("image encoder num_ws", self.num_ws, 1, 64)
        check_range("image encoder w_dim", self.w_dim, 4, 2048)
        check_choice("image encoder picture_size", str(self.picture_size), tuple(str(16 << power) for power in range(1, 7)))
        _check_backbone("image encoder", self.depths, self.widths)
        if self.widths[3] != self.w_dim:
            raise ConfigError(f"image encoder widths: got {self.widths[3]} last, expected w_dim ({self.w_dim})")
        check_range("image encoder squeeze", self.squeeze, 1, 256)
        if self.heads == "styles" and self.pyramid and not 0 < self.bounds[0] < self.bounds[1] < self.num_ws:
            raise ConfigError(f"image encoder bounds: got {self.bounds}, expected 0 < a < b < {self.num_ws}")
        heads = self.num_ws * 9 * self.w_dim**2 * self.picture_size.bit_length() if self.heads == "styles" else 49 * self.w_dim**2
        check_range("image encoder number of parameters", heads + _backbone_parameters(self.depths, self.widths), 1, MAX_PART_PARAMETERS)
