"""The sampling schedule of an alias-free generator: cutoff, sampling rate and size of every layer.

"Alias-Free Generative Adversarial Networks", Karras et al. 2021, appendix C.1 and figure 4. Frequencies and rates are in cycles and
samples a picture width.
"""

import dataclasses
import math
from collections.abc import Sequence

FIRST_STOPBAND = 2**2.1
LAST_STOPBAND_REL = 2**0.3


@dataclasses.dataclass(frozen=True)
class Band:
    """The signal that a layer puts out."""

    cutoff: float
    """Highest frequency that is kept, cycles a picture width."""
    half_width: float
    """Half of the transition from keeping to stopping, cycles a picture width."""
    rate: int
    """Samples a picture width."""
    size: int
    """Samples a side, the margin beyond the picture included."""


def sampling_bands(
    img_resolution: int,
    num_layers: int,
    *,
    num_critical: int = 2,
    first_cutoff: float = 2.0,
    first_stopband: float = FIRST_STOPBAND,
    last_stopband_rel: float = LAST_STOPBAND_REL,
    margin_size: int = 10,
) -> tuple[Band, ...]:
    """The bands of `num_layers` layers and the one that makes the picture, `num_layers` + 1 in all.

    Cutoffs and stopbands grow geometrically until the last `num_critical` layers, which are sampled critically (cutoff at half their
    rate). Expects 0 <= num_critical < num_layers, and a resolution that is a power of two.

    `img_resolution` is in pixels; the first layer passes `first_cutoff` and stops at `first_stopband` cycles a picture; the last stops at
    `last_stopband_rel` times its cutoff. `margin_size` pixels lie around each map.
    """
    last_cutoff = img_resolution / 2
    last_stopband = last_cutoff * last_stopband_rel
    bands = []
    for index in range(num_layers + 1):
        share = min(index / (num_layers - num_critical), 1.0)
        cutoff = first_cutoff * (last_cutoff / first_cutoff) ** share
        stopband = first_stopband * (last_stopband / first_stopband) ** share
        rate = 2 ** math.ceil(math.log2(min(2 * stopband, img_resolution)))
        size = rate + 2 * margin_size if index < num_layers - 1 else img_resolution
        bands.append(Band(cutoff, max(stopband, rate / 2) - cutoff, rate, size))
    return tuple(bands)


def layer_widths(bands: Sequence[Band], channel_base: int, channel_max: int) -> tuple[int, ...]:
    """Channels of each layer but the last: inversely proportional to its cutoff, at most `channel_max` (appendix C.1).

    `channel_base` is the number of channels times the cutoff.
    """
    return tuple(round(min(channel_base / 2 / band.cutoff, channel_max)) for band in bands[:-1])
