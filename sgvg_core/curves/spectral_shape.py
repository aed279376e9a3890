"""Where the power lies: bands, centroid, rolloff, flatness and flux, a number a window."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import torch

from ..errors import ConfigError
from .gathered import Gathered
from .spectra import Stft


class Band(NamedTuple):
    """A band's name and edges in Hz, `low` <= f < `high`."""

    name: str
    low: float
    high: float


BANDS = (Band("bass", 20, 150), Band("low_mid", 150, 500), Band("mid", 500, 2000), Band("high", 2000, 6000), Band("air", 6000, 16000),
         Band("treble", 2000, 16000))
"""The named bands; treble is high and air together."""

BAND_STFT = Stft(44100, 4096, 512)
SHAPE_STFT = Stft(44100, 2048, 512)
SHAPES = ("centroid", "rolloff", "flatness", "flux")
_ROLLOFF = 0.85
_SMALLEST = 1e-10


def check_bands(bands: Sequence[Band]) -> None:
    """Raise ConfigError unless every band has 0 <= low < high <= half of the rate that bands are measured at."""
    top = BAND_STFT.sample_rate / 2
    for band in bands:
        if not 0 <= band.low < band.high <= top:
            raise ConfigError(f"band {band.name}: got {band.low:g} to {band.high:g} Hz, expected 0 <= low < high <= {top:g}")


def band_powers(chunks: Iterable[torch.Tensor], bands: Sequence[Band] = BANDS, stft: Stft = BAND_STFT) -> np.ndarray:
    """Mean square of what lies in each band [bands, T] of a sound in chunks [n].

    Each bin's energy counts where its reassigned frequency lies, so a tone falls into one band alone, however near to an edge.
    """
    check_bands(bands)
    edges = torch.tensor(sorted({edge for band in bands for edge in (band.low, band.high)}), dtype=torch.float32)
    cells = Gathered(len(edges) + 1)
    for power, hertz in stft.reassigned(chunks):
        place = torch.bucketize(hertz, edges, right=True)
        parts = torch.zeros(len(power), len(edges) + 1).scatter_add_(1, place, power)
        cells.add(parts * stft.to_mean_square)
    spans = [(int((edges < band.low).sum()) + 1, int((edges < band.high).sum()) + 1) for band in bands]
    held = torch.from_numpy(cells.rows)
    return torch.stack([held[:, low:high].sum(1) for low, high in spans]).numpy()


def spectral_shape(chunks: Iterable[torch.Tensor], stft: Stft = SHAPE_STFT) -> dict[str, np.ndarray]:
    """Centroid (Hz), rolloff (Hz), flatness (0..1) and flux (0..1) [T] of a sound in chunks [n]; all 0 in silence.

    On the power spectrum p over frequencies f: centroid sum(f p) / sum(p); rolloff the lowest f with 85 % of the power at or below it;
    flatness the geometric over the arithmetic mean of p (from 1e-10 up); flux sum(max(0, q[t] - q[t - 1])) with q = p / sum(p).
    """
    found = {name: Gathered() for name in SHAPES}
    past: torch.Tensor | None = None
    for power in stft.powers(chunks):
        power = power.double()
        total = power.sum(1, keepdim=True)
        heard = total[:, 0] > _SMALLEST
        share = power / total.clamp(min=1e-30)
        before = torch.cat([share[:1] if past is None else past, share[:-1]])
        values = {
            "centroid": share @ stft.hertz.double(),
            "rolloff": stft.hertz.double()[(share.cumsum(1) < _ROLLOFF).sum(1).clamp(max=power.shape[1] - 1)],
            "flatness": power.clamp(min=_SMALLEST).log().mean(1).exp() / power.clamp(min=_SMALLEST).mean(1),
            "flux": (share - before).clamp(min=0).sum(1),
        }
        for name, value in values.items():
            found[name].add(torch.where(heard, value, 0))
        past = torch.where(heard[-1:, None], share[-1:], 0)
    return {name: values.rows for name, values in found.items()}
