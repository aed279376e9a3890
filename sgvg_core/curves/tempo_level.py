"""Which of half, the same and twice a tempo the beats are at: by how strong what begins on the beats and between them is."""

import numpy as np

from .tempo import HIGHEST_BPM

_REACH = 4
"""Windows either way within which what begins at a moment is looked for."""
_FEWEST = 6
_CALM_BPM, _SLOW_BPM, _FAST_BPM = 100.0, 66.0, 130.0
_LOUD_BETWEEN, _LIKE = 0.25, 0.8
_HEARD_BETWEEN = 0.4
_STRONG, _FEW_STRONG = 0.2, 0.4
_BAR, _RETURNS = 4, 0.7
"""Accents whose correlation over a bar of four beats is so high return with it: then the beats are at the level of their bar."""


def level_factor(beats: np.ndarray, bpm: float, onsets: np.ndarray, loud: np.ndarray) -> float:
    """By what a tempo is to be multiplied, 0.5, 1 or 2, so that its beats are those that people tap.

    `beats` are the windows of the beats found at `bpm`; `onsets` and `loud` are envelopes [T] of `BeatEnvelopes`. Twice: below 100 BPM,
    where each beat is as strong as the next and something loud is between all of them, such as a kick on each beat and a snare between; and
    below 66 BPM, where anything begins between them. Half: from 130 BPM on, where hardly two of five beats are strong, such as hats in
    eighths over a slow drum; unless what's strong returns after four beats, as a syncopated bass drum does.
    """
    inner = beats[1:-1]
    if len(inner) < _FEWEST:
        return 1.0
    between = np.round((inner[1:] + inner[:-1]) / 2).astype(int)
    strong, strong_between = _near(loud, inner), _near(loud, between)
    typical = float(np.median(strong))
    if bpm * 2 <= HIGHEST_BPM:
        first, second = sorted((float(strong[::2].mean()), float(strong[1::2].mean())))
        answered = bpm < _CALM_BPM and first > _LIKE * second and np.quantile(strong_between, 0.25) > _LOUD_BETWEEN * typical
        slow = bpm < _SLOW_BPM and np.quantile(_near(onsets, between), 0.25) > _HEARD_BETWEEN * np.median(_near(onsets, inner))
        if answered or slow:
            return 2.0
    few = float((strong > _STRONG * np.quantile(strong, 0.95)).mean()) < _FEW_STRONG
    return 0.5 if bpm >= _FAST_BPM and few and not _returns(strong) else 1.0


def _returns(strong: np.ndarray) -> bool:
    """Whether how strong the beats are [B] is the same again after a bar of four."""
    if len(strong) < 3 * _BAR or min(strong[_BAR:].std(), strong[:-_BAR].std()) <= 0:
        return False
    return bool(np.corrcoef(strong[_BAR:], strong[:-_BAR])[0, 1] > _RETURNS)


def _near(envelope: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The largest value of an envelope around each place."""
    around = np.clip(places[:, None] + np.arange(-_REACH, _REACH + 1), 0, len(envelope) - 1)
    return envelope[around].max(1)
