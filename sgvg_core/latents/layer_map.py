"""Latents of one generator as latents of another: by what each latent draws, not by its number.

A StyleGAN has one latent a layer, and a layer works at one fineness. `LatentAxis` says how fine, in octaves: log2 of the finest detail
that a layer can draw, counted in samples across the picture (2 octaves are 4 samples, 8 octaves are 256).

- StyleGAN2 of 2^k px has 2k - 2 latents: latent 0 feeds the convolution at 4 px, 1 and 2 the two at 8 px, 3 and 4 those at 16 px, and so
  on up to 2^k px; the last one feeds the layer of colours alone. The first convolution of a block works on what the coarser block left
  over, so it is half an octave below the block's own resolution: latent i is at 2 + i / 2 octaves.
  (Karras et al. 2020, arXiv 1912.04958: `num_ws` of the synthesis network.)
- StyleGAN3 has 16 latents at every size: the first places the input's waves, then 14 layers follow, the last one feeds the layer of
  colours. Each layer has a sampling rate, a power of two with room above its cutoff frequency; the cutoffs themselves grow evenly from 2
  to half the picture's size at layer 12 and stay there. What a layer can draw is twice its cutoff, which is taken here: the rates repeat
  (16, 16, 16, 32, 32, 64, ... at 256 px) and would put layers of unlike fineness together.
  (Karras et al. 2021, arXiv 2106.12423, Appendix C: geometric progression of cutoffs, two critically sampled layers.)

`layer_map` gives each latent of the target what is at the same octave in the source, interpolated between two neighbours. The last
latents, those of the colours, answer each other. So the coarse latents of a 16-latent sound encoder move the coarse latents of a
generator of 14 or 18, where cutting off the tail would put coarse layers out of step and leave fine ones without any.
"""

import dataclasses
import functools
import math

import torch

from ..config.stylegan3_schedule import sampling_bands
from ..errors import ConfigError
from ..shapes import check_shape

FAMILIES = ("stylegan2", "stylegan3")
_FEWEST_OF_STYLEGAN3 = 6


@dataclasses.dataclass(frozen=True)
class LatentAxis:
    """What the latents of a generator stand for. Raises ConfigError for a family, size or number of latents that can't be."""

    family: str
    img_resolution: int
    num_ws: int

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise ConfigError(f"latent axis: got family {self.family!r}, expected {' or '.join(FAMILIES)}")
        if not 4 <= self.img_resolution <= 8192 or self.img_resolution & (self.img_resolution - 1):
            raise ConfigError(f"latent axis: got {self.img_resolution} px, expected a power of two from 4 to 8192")
        wanted = 2 * self.img_resolution.bit_length() - 4
        if self.family == "stylegan2" and self.num_ws != wanted:
            raise ConfigError(f"latent axis: got {self.num_ws} latents, expected {wanted}, those of a StyleGAN2 of {self.img_resolution} px")
        if self.family == "stylegan3" and not _FEWEST_OF_STYLEGAN3 <= self.num_ws <= 64:
            raise ConfigError(f"latent axis: got {self.num_ws} latents of a StyleGAN3, expected {_FEWEST_OF_STYLEGAN3} to 64 (16 usually)")

    @classmethod
    def of_stylegan2(cls, num_ws: int) -> "LatentAxis":
        """The StyleGAN2 with this number of latents: 14 are 256 px, 16 are 512 px, 18 are 1024 px. Raises ConfigError for an odd number."""
        if num_ws < 2 or num_ws % 2:
            raise ConfigError(f"latent axis: got {num_ws} latents, expected an even number: a StyleGAN2 of 2^k px has 2k - 2")
        return cls("stylegan2", 2 ** ((num_ws + 2) // 2), num_ws)

    @property
    def octaves(self) -> tuple[float, ...]:
        """How fine each latent draws, ascending: log2 of samples across the picture; the last one is the picture's own."""
        top = math.log2(self.img_resolution)
        if self.family == "stylegan2":
            return (*(2 + latent / 2 for latent in range(self.num_ws - 1)), top)
        bands = sampling_bands(self.img_resolution, self.num_ws - 2)  # without the input's latent and the colours'
        rising = [math.log2(2 * band.cutoff) for band in bands[:-1]]
        return (rising[0] - 1, *rising, top)  # the input only places its waves: coarser than any layer

    @property
    def resolutions(self) -> tuple[float, ...]:
        """The same in samples across the picture."""
        return tuple(2**octave for octave in self.octaves)


@functools.lru_cache(maxsize=64)
def layer_map(source: LatentAxis, target: LatentAxis) -> torch.Tensor:
    """The matrix [L_target, L_source] that makes latents of `target` out of those of `source`; rows sum to one.

    Equal axes give the identity. Don't change what comes back: it's kept.
    """
    if source == target:
        return torch.eye(source.num_ws)
    matrix = torch.zeros(target.num_ws, source.num_ws)
    places = _told_apart(source.octaves[:-1])
    for latent, octave in enumerate(_told_apart(target.octaves[:-1])):
        above = next((i for i, place in enumerate(places) if place >= octave), len(places) - 1)
        below = max(above - 1, 0)
        gap = places[above] - places[below]
        share = min(max((octave - places[below]) / gap, 0.0), 1.0) if gap > 0 else 1.0
        matrix[latent, above] += share
        matrix[latent, below] += 1 - share
    matrix[-1, -1] = 1.0
    return matrix


def _told_apart(octaves: tuple[float, ...]) -> list[float]:
    """Equal octaves a hair apart in their order, so that layers of one fineness are matched in order."""
    return [octave + 1e-4 * rank for rank, octave in enumerate(octaves)]


def map_latents(ws: torch.Tensor, matrix: torch.Tensor) -> torch.Tensor:
    """Latents or offsets [N, L_source, D] through a `layer_map` [L_target, L_source]: [N, L_target, D].

    `ws` may lie on any device; `matrix` is moved there.
    """
    check_shape("ws", ws, "N L D", L=matrix.shape[1])
    return torch.einsum("ts,nsd->ntd", matrix.to(ws), ws)


def map_slices(slices: dict[str, slice], matrix: torch.Tensor) -> dict[str, slice]:
    """Groups of source latents (`slices`) as groups of target latents: each target latent goes where most of it comes from. Raises ConfigError.

    `matrix` is a `layer_map` [L_target, L_source].
    """
    origin = [int(row.argmax()) for row in matrix]
    mapped, begin = {}, 0
    for name, part in slices.items():
        end = sum(place < part.stop for place in origin)
        if end <= begin:
            raise ConfigError(f"layer adapter: no latent of a generator with {len(origin)} belongs to group {name}; use a generator of 64 px or more")
        mapped[name] = slice(begin, end)
        begin = end
    return mapped
