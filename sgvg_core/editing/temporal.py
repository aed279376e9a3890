"""How an edited film moves, compared with the one it was made from: coherence over time, change from frame to frame, flicker, lag.

TL and TG are the temporally local and global identity preservation of STIT (Tzaban et al. 2022, arXiv 2201.08361, section 4.2): the mean cosine
between features of neighbouring frames, and of all pairs of frames, over the same mean of the input. Their features are of faces; here they're
those of the bundled judge, which no edit optimises. Everything is summed frame by frame, so memory doesn't grow but for a few numbers a frame.
"""

from array import array
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from ..curves.lags import lag_correlations, nearest_best

Features = Callable[[torch.Tensor], torch.Tensor]
"""Images [N, 3, H, W] in -1..1 -> vectors [N, E]."""

_SMALL_SIDE = 64
_LONGEST_LAG_SECONDS = 0.5
_FEWEST_FRAMES = 8
_STILL = 1e-4
"""Mean change from frame to frame below which a film stands still."""


def judge_features() -> Features:
    """The features of the bundled judge. Raises CheckpointError where the pack is without it."""
    from ..assembly import BUNDLED, load_judge

    judge = load_judge(BUNDLED / "judge.safetensors")

    def features(images: torch.Tensor) -> torch.Tensor:
        return judge(images.float().cpu()).features

    return features


FIGURES = ("tl", "tg", "change_ratio", "flicker_ratio", "contrast_ratio", "lag_frames", "lag_seconds")
"""What a report holds."""


class _Film:
    """What is summed of one film."""

    def __init__(self) -> None:
        self.local, self.num_frames = 0.0, 0
        self.features_sum: torch.Tensor | None = None
        self.energy, self.flicker, self.contrast = array("d"), 0.0, 0.0
        self._last: list[torch.Tensor] = []
        self._last_features: torch.Tensor | None = None

    def add(self, image: torch.Tensor, features: torch.Tensor) -> None:
        """One frame: [3, h, w] and its features [E]."""
        unit = F.normalize(features.double(), dim=0)
        if self._last_features is not None:
            self.local += float(unit @ self._last_features)
        self.features_sum = unit if self.features_sum is None else self.features_sum + unit
        self.contrast += float(image.std())
        if self._last:
            self.energy.append(float((image - self._last[-1]).abs().mean()))
        if len(self._last) == 2:
            self.flicker += float((image - 2 * self._last[1] + self._last[0]).abs().mean())
        self._last, self._last_features = [*self._last[-1:], image], unit
        self.num_frames += 1

    @property
    def mean_local(self) -> float:
        """Mean cosine of neighbours."""
        return self.local / max(self.num_frames - 1, 1)

    @property
    def mean_global(self) -> float:
        """Mean cosine of all pairs: of unit vectors, (|sum|^2 - n) / (n (n - 1))."""
        if self.features_sum is None or self.num_frames < 2:
            return 1.0
        n = self.num_frames
        return (float(self.features_sum.square().sum()) - n) / (n * (n - 1))


class TemporalMeter:
    """Two films, frame by frame; `report` says how the second moves, compared with the first."""

    def __init__(self, features: Features) -> None:
        self._features, self._films = features, (_Film(), _Film())

    @torch.no_grad()
    def add(self, source: torch.Tensor, edited: torch.Tensor) -> None:
        """A frame of each, [3, H, W] in -1..1. `source` and `edited` are the frames, in order."""
        both = [F.adaptive_avg_pool2d(each.float().cpu(), _SMALL_SIDE) for each in (source, edited)]
        vectors = self._features(torch.stack(both))
        for film, image, vector in zip(self._films, both, vectors, strict=True):
            film.add(image, vector)

    def report(self, fps: float) -> dict[str, Any]:
        """The figures, by name; None where a film is too short or stands still.

        "tl", "tg": see the module. "change_ratio": mean change from frame to frame, edited over source. "flicker_ratio": the same of second
        differences, which a steady movement hardly has. "contrast_ratio": mean contrast, edited over source: by it a darker film changes less
        from frame to frame, though it moves as much. "lag_frames": by how many frames the edited film's movement comes later.
        """
        source, edited = self._films
        if source.num_frames < 2:
            return dict.fromkeys(FIGURES)
        moves = np.mean(source.energy) > _STILL
        lag = motion_lag(np.asarray(source.energy), np.asarray(edited.energy), max(1, round(_LONGEST_LAG_SECONDS * fps)))
        return {
            "tl": _over(edited.mean_local, source.mean_local),
            "tg": _over(edited.mean_global, source.mean_global),
            "change_ratio": round(float(np.mean(edited.energy) / np.mean(source.energy)), 4) if moves else None,
            "flicker_ratio": round(edited.flicker / source.flicker, 4) if moves and source.flicker else None,
            "contrast_ratio": round(edited.contrast / source.contrast, 4) if source.contrast else None,
            "lag_frames": lag,
            "lag_seconds": None if lag is None else round(lag / fps, 4),
        }


def _over(edited: float, source: float) -> float | None:
    return round(edited / source, 5) if source > 0 else None


def motion_lag(source: np.ndarray, edited: np.ndarray, longest: int) -> int | None:
    """By how many frames the second film's motion energy [T - 1] follows the first's: where their correlation is highest.

    Looked for up to `longest` frames both ways; of equals the nearest to 0. None where a film is short or moves evenly.

    `source` and `edited` are the motion energies of the two films.
    """
    if len(source) < _FEWEST_FRAMES or min(source.std(), edited.std()) < _STILL / 10:
        return None
    longest = min(longest, len(source) // 3)
    return nearest_best(lag_correlations(edited, source, longest))
