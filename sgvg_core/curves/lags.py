"""Two series, the one moved against the other: how alike they are at each lag."""

import numpy as np

_FEWEST = 3


def lag_correlations(late: np.ndarray, early: np.ndarray, most: int, *, still: float = 1e-9) -> np.ndarray:
    """Pearson's correlation of two series, `late` [T] and `early` [U], for each lag from -`most` to `most`, [2 * most + 1].

    A positive lag means that `late` comes later. NaN where fewer than three values lie over each other, or where the standard deviation of either is
    at most `still`: what doesn't move is like nothing.
    """
    return np.array([_at(late[max(0, lag):], early[max(0, -lag):], still) for lag in range(-most, most + 1)])


def _at(late: np.ndarray, early: np.ndarray, still: float) -> float:
    count = min(len(late), len(early))
    if count < _FEWEST:
        return float("nan")
    late, early = (each[:count] - each[:count].mean() for each in (late, early))
    spreads = (float(np.sqrt((each**2).mean())) for each in (late, early))
    if min(spreads) <= still:
        return float("nan")
    return float((late * early).sum()) / float(np.sqrt((late**2).sum() * (early**2).sum()))


def nearest_best(correlations: np.ndarray) -> int | None:
    """The lag of the highest of `correlations` [2 * most + 1], those of `lag_correlations`; of equals (to a millionth) the nearest to 0.

    None where there's none.
    """
    most = len(correlations) // 2
    known = [lag for lag in sorted(range(-most, most + 1), key=abs) if np.isfinite(correlations[lag + most])]
    return max(known, key=lambda lag: round(float(correlations[lag + most]), 6), default=None)
