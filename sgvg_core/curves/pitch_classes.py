"""Chroma: the share of the power in each of the twelve pitch classes, with the tuning estimated; CENS."""

import dataclasses
import math
from collections.abc import Iterable

import numpy as np
import torch

from .gathered import Gathered
from .spectra import Stft

PITCH_CLASSES = ("c", "cs", "d", "ds", "e", "f", "fs", "g", "gs", "a", "as", "b")
"""C first; s stands for sharp."""
CHROMA_STFT = Stft(22050, 8192, 1024)
_LOWEST, _HIGHEST, _A4 = 50.0, 5000.0, 440.0
_CELLS = 5
"""Cells a semitone, in which the power waits until the tuning is known."""
_SILENCE = 1e-9
_CENS_STEPS = (0.05, 0.1, 0.2, 0.4)
_CENS_SECONDS = 2.0


@dataclasses.dataclass(frozen=True)
class Chroma:
    """Power in cells of a fifth of a semitone, and how far the sound is tuned off A = 440 Hz."""

    cells: np.ndarray
    """[T, 60]."""
    tuning: float
    """Semitones in -0.5..0.5."""

    def shares(self) -> np.ndarray:
        """The share of each pitch class [T, 12], C first; a row sums to 1, or to 0 in silence."""
        place = (np.arange(self.cells.shape[1]) + 0.5) / _CELLS - 0.5 - self.tuning
        classes = np.round(place).astype(int) % len(PITCH_CLASSES)
        power = np.zeros((len(self.cells), len(PITCH_CLASSES)))
        for cell, pitch_class in enumerate(classes):
            power[:, pitch_class] += self.cells[:, cell]
        total = power.sum(1, keepdims=True)
        return np.where(total > _SILENCE, power / np.maximum(total, _SILENCE), 0).astype(np.float32)


def measure_chroma(chunks: Iterable[torch.Tensor], stft: Stft = CHROMA_STFT) -> Chroma:
    """The chroma of a sound in chunks [n]; each bin's energy counts at its reassigned frequency, from 50 to 5000 Hz."""
    num_cells = _CELLS * len(PITCH_CLASSES)
    cells, turning = Gathered(num_cells), 0j
    for power, hertz in stft.reassigned(chunks):
        power = torch.where((hertz >= _LOWEST) & (hertz <= _HIGHEST), power, 0)
        pitch = 12 * (hertz.clamp(min=_LOWEST) / _A4).log2() + 9
        deviation = 2 * math.pi * (pitch - pitch.round())
        turning += complex(float((power * deviation.cos()).sum()), float((power * deviation.sin()).sum()))
        cell = ((pitch + 0.5) * _CELLS).floor().long() % num_cells
        cells.add(torch.zeros(len(power), num_cells).scatter_add_(1, cell, power) * stft.to_mean_square)
    tuning = math.atan2(turning.imag, turning.real) / (2 * math.pi) if abs(turning) > 0 else 0.0
    return Chroma(cells.rows, tuning)


def cens(shares: np.ndarray, frames_a_second: float) -> np.ndarray:
    """Chroma energy normalised statistics [T, 12] of `shares`: in four steps, smoothed over 2 s, unit length.

    Muller and Ewert, Chroma Toolbox, 2011: each share counts a quarter for each of 0.05, 0.1, 0.2 and 0.4 that it exceeds.

    `frames_a_second` is the rate of the rows.
    """
    stepped = sum((shares > step).astype(np.float64) / len(_CENS_STEPS) for step in _CENS_STEPS)
    window = np.hanning(max(3, round(_CENS_SECONDS * frames_a_second) + 2))
    smooth = np.stack([np.convolve(column, window / window.sum(), mode="same")[:len(shares)] if len(shares) >= len(window)
                       else np.convolve(column, window / window.sum())[len(window) // 2:][:len(shares)] for column in np.asarray(stepped).T], 1)
    length = np.linalg.norm(smooth, axis=1, keepdims=True)
    return np.where(length > 1e-9, smooth / np.maximum(length, 1e-9), 0).astype(np.float32)
