"""How a generator's mapped codes lie, and the directions that follow from it."""

import re
import weakref

import torch

from ..errors import ConfigError, shown
from ..motion import LatentSpread, measure_spread
from ..synthesis import Generator
from .seeded_start import draw_z, random_start

_NUM_CODES = 1000
_DIRECTION = re.compile(r"\s*(pca|seed)[\s:]*(\d{1,10})\s*", re.IGNORECASE)
_kept: "weakref.WeakKeyDictionary[torch.nn.Module, LatentSpread]" = weakref.WeakKeyDictionary()


@torch.no_grad()
def spread_of(generator: Generator) -> LatentSpread:
    """The spread of a generator's mapped codes (after GANSpace, Härkönen et al. 2020), measured once."""
    if generator not in _kept:
        device = generator.w_avg.device
        firsts = range(0, _NUM_CODES, 100)
        parts = [generator.mapping(draw_z(generator, 0, 100, first).to(device), _labels(generator, first))[:, 0] for first in firsts]
        _kept[generator] = measure_spread(torch.cat(parts).float().cpu())
    return _kept[generator]


def _labels(generator: Generator, first: int) -> torch.Tensor | None:
    from .class_labels import labels_of_codes

    return labels_of_codes(generator, None, 0, range(first, first + 100))


def direction_of(generator: Generator, said: str, start_ws: torch.Tensor) -> torch.Tensor:
    """A direction [L, D] by its name, which is `said`.

    "pca N" is a standard deviation along principal axis N of the mapped codes (from 0), the same for all latents; "seed N" the way from
    `start_ws` [1, L, D] to the first code of seed N. Raises ConfigError.
    """
    match = _DIRECTION.fullmatch(said)
    if match is None:
        raise ConfigError(f"direction: got {shown(said, 40)!r}, expected pca and a number (pca 0), or seed and a number (seed 7)")
    number = int(match[2])
    if match[1].lower() == "seed":
        return (random_start(generator, number) - start_ws.float().cpu())[0]
    spread = spread_of(generator)
    if number >= len(spread.axes):
        raise ConfigError(f"direction: got pca {number}, expected 0 to {len(spread.axes) - 1}, the principal axes of this generator")
    return (spread.axes[number] * spread.scales[number]).expand(generator.num_ws, -1).clone()
