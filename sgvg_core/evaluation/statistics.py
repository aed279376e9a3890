"""The numbers behind the tables: correlation at the best lag, bootstrapped intervals, fine detail, Frechet distance, inception score."""

import dataclasses
from collections.abc import Callable

import numpy as np
import torch
from torch.nn import functional as F

from ..curves.lags import lag_correlations, nearest_best


def best_lag_correlation(read: np.ndarray, true: np.ndarray, max_lag: int) -> tuple[float, int]:
    """The largest Pearson correlation of two curves [T] when the first comes up to `max_lag` frames late or early, and that lag.

    A curve that doesn't move correlates with nothing: 0.

    `read` is moved against `true`; a positive lag means that it comes late.
    """
    found = lag_correlations(read, true, max_lag, still=1e-6)
    best = nearest_best(found)
    return (0.0, 0) if best is None else (float(found[best + max_lag]), best)


def bootstrap(values: np.ndarray, statistic: str, seed: int = 0, num_draws: int = 1000) -> tuple[float, float]:
    """The 95 % interval of the "mean" or "median" of values [N], by drawing clips with replacement.

    `statistic` is "mean" or "median", and `num_draws` the number of resamplings (Efron 1979).
    """
    rng = np.random.default_rng(seed)
    draws = values[rng.integers(len(values), size=(num_draws, len(values)))]
    result = draws.mean(1) if statistic == "mean" else np.median(draws, 1)
    return float(np.percentile(result, 2.5)), float(np.percentile(result, 97.5))


@dataclasses.dataclass(frozen=True)
class Difference:
    """How much more one method has than another, with its 95 % interval."""

    value: float
    """The difference of their figures."""
    low: float
    """Lower end of the interval."""
    high: float
    """Upper end of the interval."""

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies wholly on one side of 0."""
        return self.low > 0 or self.high < 0


Statistic = Callable[[np.ndarray], float]
"""From the values of some clips, [n, ...], to one number."""


def drawn_clips(num_clips: int, num_draws: int, seed: int) -> np.ndarray:
    """Which clips each draw of a bootstrap takes, int [num_draws, num_clips]: the same for the same numbers, so draws are paired."""
    return np.random.default_rng(seed).integers(num_clips, size=(num_draws, num_clips))


def interval_of(draws: np.ndarray, value: float, *, centred: bool) -> tuple[float, float]:
    """The 95 % interval of a statistic whose value over all clips is `value`, from its values in each draw [D].

    Distances and scores of whole sets are biased by clips that a draw takes twice; `centred` takes the draws' spread around their own
    mean for the spread around `value`.
    """
    low, high = np.percentile(draws - draws.mean() + value if centred else draws, [2.5, 97.5])
    return float(low), float(high)


def paired_bootstrap(ours: np.ndarray, other: np.ndarray, statistic: Statistic, seed: int = 0, num_draws: int = 1000) -> Difference:
    """`statistic` of `ours` less that of `other`, values [N, ...] of the same N clips: each draw takes the same clips on both sides.

    What makes a clip hard is hard for both, so this interval is narrower than two separate ones would suggest.

    `num_draws` is the number of resamplings.
    """
    draws = drawn_clips(len(ours), num_draws, seed)
    found = (np.array([statistic(values[draw]) for draw in draws]) for values in (ours, other))
    more = next(found) - next(found)
    value = statistic(ours) - statistic(other)
    return Difference(value, *interval_of(more, value, centred=False))


def inception_score(probabilities: np.ndarray) -> float:
    """exp of the mean KL divergence of the videos' class probabilities [N, K] from their mean (Salimans et al. 2016): 1 .. K.

    1 where all videos look alike (or none looks like anything); K where each is surely one class and all classes come equally often.
    """
    p = np.clip(probabilities.astype(np.float64), 1e-16, None)
    p /= p.sum(1, keepdims=True)
    return float(np.exp((p * (np.log(p) - np.log(p.mean(0)))).sum(1).mean()))


def fine_detail(frames: torch.Tensor) -> float:
    """Mean absolute Laplacian of the grey of frames uint8 [N, H, W, 3], in 0..255."""
    grey = frames.float().mean(-1)[:, None]
    kernel = torch.tensor([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]])[None, None]
    return F.conv2d(grey, kernel).abs().mean().item()


class FrechetDistance:
    """Frechet distance of sets of features [N, E] from one set [M, E], each taken as a Gaussian (Heusel et al. 2017); see `frechet_distance`."""

    def __init__(self, wanted: np.ndarray) -> None:
        self._mean, self._cov = wanted.mean(0), np.atleast_2d(np.cov(wanted, rowvar=False))
        values, vectors = np.linalg.eigh(self._cov)
        self._root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T

    def __call__(self, ours: np.ndarray) -> float:
        mean = ours.mean(0)
        # With ours less its mean X: tr sqrt(X'X B) is the sum of the singular values of X sqrt(B), real and non-negative whatever rounding does.
        centred = (ours - mean) / np.sqrt(len(ours) - 1)
        crossed = centred @ self._root
        small = crossed @ crossed.T if len(ours) < crossed.shape[1] else crossed.T @ crossed
        cross = np.sqrt(np.clip(np.linalg.eigvalsh(small), 0, None)).sum()
        apart = mean - self._mean
        return float(apart @ apart + np.square(centred).sum() + np.trace(self._cov) - 2 * cross)


def frechet_distance(ours: np.ndarray, wanted: np.ndarray) -> float:
    """Frechet distance of two sets of features [N, E] as Gaussians: |m1 - m2|^2 + tr(C1 + C2 - 2 sqrt(C1 C2)).

    `ours` and `wanted` may hold different numbers of items; the same E. After Heusel et al. 2017, Eq. 6.
    """
    return FrechetDistance(wanted.astype(np.float64))(ours.astype(np.float64))


def seconds_until_right(right: np.ndarray, fps: float, hold_seconds: float = 0.5) -> float:
    """When the frames [T] begin to be right and stay so for half a second; infinite if they never do.

    `right` [T] is bool; it must hold for `hold_seconds`.
    """
    hold = max(1, round(hold_seconds * fps))
    for first in range(len(right)):
        if right[first : first + hold].all():
            return first / fps
    return float("inf")
