"""Settings of sound inversion encoders: ours and the released one."""

import dataclasses

from ..errors import ConfigError
from .checks import MAX_PART_PARAMETERS, backbone_parameters, check_backbone, check_choice, check_range, texture_parameters


@dataclasses.dataclass(frozen=True)
class SoundInversionConfig:
    """The sound inversion encoder E_a. The defaults are the paper's size: IR-SE-50, 256 x 256 pictures, 16 latents of 512."""

    num_ws: int = 16
    w_dim: int = 512
    log_mel_size: int = 256
    """Side of a window's log-mel spectrogram."""
    depths: tuple[int, int, int, int] = (3, 4, 14, 3)
    """Number of units of each of the four stages."""
    widths: tuple[int, int, int, int] = (64, 128, 256, 512)
    """Channels of each of the four stages."""
    pyramid_width: int = 512
    """Channels of the pyramid's maps."""
    bounds: tuple[int, int] = (3, 6)
    """Latents [0, a) read the coarsest map, [a, b) the middle one, the rest the finest."""
    segment_rate: float = 10.0
    """Windows a second at which E_a runs; offsets between them are interpolated."""
    stem_stride: int = 1
    """2 halves the picture in the first convolution: a quarter of the work (the paper's is 1)."""
    texture: int = 0
    """Units that hear the texture of a window, in addition to the convolutions; 0: none, as in the paper."""
    texture_reach: float = 0.0
    """Seconds before and after a window from which its texture is averaged: what sounds changes more slowly than how strongly it does."""
    smoothing_seconds: float = 0.0
    """Standard deviation in time of the bilateral filter over the offsets of consecutive windows; 0: none, as in the paper."""
    smoothing_range: float = 0.06
    """Its standard deviation in offsets, by the root mean square: what differs by a few times as much is a jump and stays one."""

    @property
    def reach(self) -> int:
        """Windows before and after one from which its texture is averaged."""
        return round(self.texture_reach * self.segment_rate) if self.texture else 0

    def __post_init__(self) -> None:
        check_range("sound inversion num_ws", self.num_ws, 3, 64)
        check_range("sound inversion w_dim", self.w_dim, 1, 2048)
        check_range("sound inversion log_mel_size", self.log_mel_size, 32, 1024)
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
        check_range("sound inversion smoothing_seconds", self.smoothing_seconds, 0, 10)
        check_range("sound inversion smoothing_range", self.smoothing_range, 1e-6, 1e6)
        check_range("sound inversion number of parameters", self.num_parameters, 1, MAX_PART_PARAMETERS)

    @property
    def num_parameters(self) -> int:
        """About how many numbers its weights hold (without biases)."""
        width = self.pyramid_width
        heads = self.num_ws * width * (9 * width * self.log_mel_size.bit_length() + self.w_dim)
        return backbone_parameters(self.depths, self.widths) + heads + sum(self.widths) * width + texture_parameters(self.texture, 3 * width)


@dataclasses.dataclass(frozen=True)
class ReleasedSoundConfig:
    """The sound inversion encoder of the paper's released code: IR-SE-50, a pyramid and one head a latent. Defaults are its sizes."""

    heads: str = "map"
    """"map": convolutions down to a point; such an encoder answers latents. "transformer": it answers offsets from the mean latent."""
    num_ws: int = 16
    w_dim: int = 512
    log_mel_size: int = 256
    """Side of a window's log-mel spectrogram."""
    depths: tuple[int, int, int, int] = (3, 4, 14, 3)
    """Number of units of each of the four stages."""
    widths: tuple[int, int, int, int] = (64, 128, 256, 512)
    """Channels of each of the four stages."""
    squeeze: int = 16
    """Divides the width of a unit into that of its squeeze-excite."""
    bounds: tuple[int, int] = (3, 7)
    """Latents [0, a) read the coarsest map, [a, b) the middle one, the rest the finest."""
    transformer_layers: int = 2
    """Layers of each head's transformer."""
    transformer_width: int = 2048
    """Units of the linear layers in it."""
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
        check_choice("released sound log_mel_size", str(self.log_mel_size), tuple(str(16 << power) for power in range(1, 7)))
        check_backbone("released sound", self.depths, self.widths)
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
        map_head = 9 * self.w_dim**2 * self.log_mel_size.bit_length()
        transformer_head = self.transformer_layers * (4 * self.w_dim**2 + 2 * self.w_dim * self.transformer_width)
        return backbone_parameters(self.depths, self.widths) + self.num_ws * (map_head if self.heads == "map" else transformer_head)
