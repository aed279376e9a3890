"""Settings of image encoders: pSp, e4e, ReStyle."""

import dataclasses

from ..errors import ConfigError
from .checks import MAX_PART_PARAMETERS, backbone_parameters, check_backbone, check_choice, check_range


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
    """3, or 6 for encoders that see the picture and what they made of it so far (ReStyle)."""
    num_ws: int = 18
    w_dim: int = 512
    image_size: int = 256
    """Side in pixels to which a picture is fitted."""
    depths: tuple[int, int, int, int] = (3, 4, 14, 3)
    """Number of units of each of the four stages."""
    widths: tuple[int, int, int, int] = (64, 128, 256, 512)
    """Channels of each of the four stages."""
    squeeze: int = 16
    """Divides the width of an "irse" unit into that of its squeeze-excite."""
    bounds: tuple[int, int] = (3, 7)
    """Latents [0, a) read the coarsest map, [a, b) the middle one, the rest the finest."""
    adds_mean: bool = True
    """Whether its answers are offsets from the stored mean latent."""

    def __post_init__(self) -> None:
        check_choice("image encoder unit", self.unit, ("irse", "resnet"))
        check_choice("image encoder heads", self.heads, ("styles", "w", "w_plus"))
        check_range("image encoder in_channels", self.in_channels, 1, 64)
        check_range("image encoder num_ws", self.num_ws, 1, 64)
        check_range("image encoder w_dim", self.w_dim, 4, 2048)
        check_choice("image encoder image_size", str(self.image_size), tuple(str(16 << power) for power in range(1, 7)))
        check_backbone("image encoder", self.depths, self.widths)
        if self.widths[3] != self.w_dim:
            raise ConfigError(f"image encoder widths: got {self.widths[3]} last, expected w_dim ({self.w_dim})")
        check_range("image encoder squeeze", self.squeeze, 1, 256)
        if self.heads == "styles" and self.pyramid and not 0 < self.bounds[0] < self.bounds[1] < self.num_ws:
            raise ConfigError(f"image encoder bounds: got {self.bounds}, expected 0 < a < b < {self.num_ws}")
        heads = self.num_ws * 9 * self.w_dim**2 * self.image_size.bit_length() if self.heads == "styles" else 49 * self.w_dim**2
        check_range("image encoder number of parameters", heads + backbone_parameters(self.depths, self.widths), 1, MAX_PART_PARAMETERS)
