"""How strong the lasting tones are, and how strong the knocks, by medians over time and over frequency."""

from collections.abc import Iterable, Iterator

import numpy as np
import torch

from .gathered import Gathered
from .spectra import Stft

PARTS_STFT = Stft(22050, 2048, 512)
_REACH = 15
"""Medians over 31 windows, and over 31 bins."""
_AT_ONCE = 128


def harmonic_percussive(chunks: Iterable[torch.Tensor], *, margin: float = 1.0, stft: Stft = PARTS_STFT) -> tuple[np.ndarray, np.ndarray]:
    """Mean squares of the harmonic and the percussive part, each [T], of a sound in chunks [n].

    Fitzgerald 2010: medians of the magnitudes over 31 windows and over 31 bins, parted by soft masks of power 2. Driedger 2014:
    `margin` above 1 leaves out what is neither clearly the one nor the other.
    """
    harmonic, percussive = Gathered(), Gathered()
    for magnitude, tone, knock in _medians(stft.powers(chunks)):
        harmonic.add(_masked(magnitude, tone, knock * margin))
        percussive.add(_masked(magnitude, knock, tone * margin))
    scale = np.float32(stft.to_mean_square)
    return harmonic.rows * scale, percussive.rows * scale


def _masked(magnitude: torch.Tensor, wanted: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Power [n] that a soft mask of power 2 leaves."""
    power = wanted.square()
    mask = power / (power + other.square()).clamp(min=1e-20)
    return (magnitude * mask).square().sum(1)


def _medians(powers: Iterable[torch.Tensor]) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Magnitudes [n, bins] with their medians over time and over frequency; mirrored beyond the ends, as librosa does."""
    for padded in _with_neighbours(powers):
        magnitude = padded[_REACH:len(padded) - _REACH]
        sides = torch.cat([magnitude[:, :_REACH].flip(1), magnitude, magnitude[:, -_REACH:].flip(1)], dim=1)
        yield magnitude, _median(padded, 0), _median(sides, 1)


def _median(values: torch.Tensor, axis: int) -> torch.Tensor:
    """Medians over 31 neighbours along an axis; numpy parts them several times faster than torch."""
    windows = np.lib.stride_tricks.sliding_window_view(values.numpy(), 2 * _REACH + 1, axis=axis)
    return torch.from_numpy(np.partition(windows, _REACH, axis=-1)[..., _REACH])


def _with_neighbours(powers: Iterable[torch.Tensor]) -> Iterator[torch.Tensor]:
    """Magnitudes in pieces of up to `_AT_ONCE` windows, with `_REACH` more on either side."""
    waiting, begun = torch.zeros(0, 0), False
    for power in powers:
        waiting = power.sqrt() if not len(waiting) else torch.cat([waiting, power.sqrt()])
        if not begun and len(waiting) > _REACH:
            waiting, begun = torch.cat([waiting[:_REACH].flip(0), waiting]), True
        while begun and len(waiting) >= _AT_ONCE + 2 * _REACH:
            yield waiting[:_AT_ONCE + 2 * _REACH]
            waiting = waiting[_AT_ONCE:]
    if not len(waiting):
        return
    if not begun:  # a sound of a few windows: the first and last are held
        yield torch.cat([waiting[:1].expand(_REACH, -1), waiting, waiting[-1:].expand(_REACH, -1)])
    elif len(waiting) > _REACH:
        yield torch.cat([waiting, waiting[-_REACH:].flip(0)])
