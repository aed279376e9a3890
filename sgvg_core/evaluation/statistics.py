"""The numbers behind the table: correlation at the best lag, bootstrapped intervals, fine detail, Frechet distance."""

import numpy as np
import torch
from torch.nn import functional as F


def best_lag_correlation(read: np.ndarray, true: np.ndarray, max_lag: int) -> tuple[float, int]:
    """The largest Pearson correlation of two curves [T] when the first comes up to `max_lag` frames late or early, and that lag.

    A curve that doesn't move correlates with nothing: 0.
    """
    best, best_lag = 0.0, 0
    found = False
    for lag in sorted(range(-max_lag, max_lag + 1), key=abs):
        late, early = read[max(0, lag) :], true[max(0, -lag) :]
        num = min(len(late), len(early))
        late, early = late[:num], early[:num]
        if num < 3 or late.std() < 1e-6 or early.std() < 1e-6:
            continue
        value = float(np.corrcoef(late, early)[0, 1])
        if not found or value > best:
            best, best_lag, found = value, lag, True
    return best, best_lag


def bootstrap(values: np.ndarray, statistic: str, seed: int = 0, num_draws: int = 1000) -> tuple[float, float]:
    """The 95 % interval of the "mean" or "median" of values [N], by drawing clips with replacement."""
    rng = np.random.default_rng(seed)
    draws = values[rng.integers(len(values), size=(num_draws, len(values)))]
    result = draws.mean(1) if statistic == "mean" else np.median(draws, 1)
    return float(np.percentile(result, 2.5)), float(np.percentile(result, 97.5))


def fine_detail(frames: torch.Tensor) -> float:
    """Mean absolute Laplacian of the grey of frames uint8 [N, H, W, 3], in 0..255."""
    grey = frames.float().mean(-1)[:, None]
    kernel = torch.tensor([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]])[None, None]
    return F.conv2d(grey, kernel).abs().mean().item()


def frechet_distance(ours: np.ndarray, wanted: np.ndarray) -> float:
    """Frechet distance of two sets of features [N, E] as Gaussians (Heusel et al. 2017)."""
    mean = ours.mean(0) - wanted.mean(0)
    ours_cov, wanted_cov = np.cov(ours, rowvar=False), np.cov(wanted, rowvar=False)
    # tr sqrt(A B) through the symmetric sqrt(A) B sqrt(A): real and non-negative whatever rounding does
    values, vectors = np.linalg.eigh(ours_cov)
    root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    cross = np.sqrt(np.clip(np.linalg.eigvalsh(root @ wanted_cov @ root), 0, None)).sum()
    return float(mean @ mean + np.trace(ours_cov) + np.trace(wanted_cov) - 2 * cross)


def seconds_until_right(right: np.ndarray, fps: float, hold_seconds: float = 0.5) -> float:
    """When the frames [T] begin to be right and stay so for half a second; infinite if they never do."""
    hold = max(1, round(hold_seconds * fps))
    for first in range(len(right)):
        if right[first : first + hold].all():
            return first / fps
    return float("inf")
