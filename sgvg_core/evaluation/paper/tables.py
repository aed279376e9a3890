"""The paper's tables out of what was seen: Table 2 (FVD, IS), Table 3a (t<->v, a<->v), the judge's, and the ablations.

Every figure has a 95 % interval by bootstrap over clips; every row says by how much ours differs from it, drawing the same clips on both
sides. Figures of a network of our own bear its name and have tables of their own: they're on another scale than the published ones.
"""

import dataclasses
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ...errors import ConfigError
from ...progress import Progress, silent
from ...randomness import generator_for
from ..statistics import (
    Difference,
    FrechetDistance,
    Statistic,
    best_lag_correlation,
    drawn_clips,
    inception_score,
    interval_of,
)
from .measure import MOMENTS, REAL, REAL_AGAIN, Measured

SHUFFLED = "shuffled"
"""Key of the floor: our films held against other clips' sounds and labels."""
_SHUFFLED_NAME = "ours under other sounds (floor)"
_MAX_LAG_SECONDS = 0.3
_DRAWS, _DRAWS_OF_SETS = 1000, 100


@dataclasses.dataclass(frozen=True)
class Metric:
    """A column: values a clip, and the statistic over clips."""

    name: str
    better: int
    """1 where more is better, -1 where less is, 0 where neither."""
    values: Callable[[str, np.ndarray], np.ndarray | None]
    """From a method's key, and for each film the clip whose sound and label it's held against, to values [n, ...]; None: not measured."""
    statistic: Statistic
    of_sets: bool = False
    """Whether the statistic is of the clips as a set (a distance of distributions), not of each clip."""

    @property
    def num_draws(self) -> int:
        """Draws of its bootstrap."""
        return _DRAWS_OF_SETS if self.of_sets else _DRAWS

    @property
    def title(self) -> str:
        """The name with an arrow to the better side."""
        return self.name + {1: " ↑", -1: " ↓", 0: ""}[self.better]


@dataclasses.dataclass(frozen=True)
class Cell:
    """A figure with its 95 % interval, and how much more ours has (None in our own row)."""

    value: float
    """The figure."""
    low: float
    """Lower end of the interval."""
    high: float
    """Upper end of the interval."""
    ours_more: Difference | None = None
    """Ours less this one; None in our own row."""


@dataclasses.dataclass(frozen=True)
class Row:
    """A method's figures by the names of the columns; None where one isn't measured."""

    key: str
    """The method's name in files."""
    name: str
    cells: dict[str, Cell | None]


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of measured figures."""

    key: str
    """Its name in files and options."""
    title: str
    """The line above it."""
    metrics: tuple[Metric, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    """What the reader must know of it, a line each."""
    of: str = "films"
    """What the rows are."""

    def to_dict(self) -> dict[str, Any]:
        """The same as plain data, for JSON."""
        columns = [{"name": metric.name, "better": {1: "more", -1: "less", 0: None}[metric.better]} for metric in self.metrics]
        rows = [{"key": row.key, "name": row.name, **{name: _plain(cell) for name, cell in row.cells.items()}} for row in self.rows]
        return {"title": self.title, "columns": columns, "rows": rows, "notes": list(self.notes)}


def _plain(cell: Cell | None) -> dict[str, Any] | None:
    if cell is None:
        return None
    plain = _rounded(cell)
    if cell.ours_more is not None:
        plain["ours_more"] = {**_rounded(cell.ours_more), "excludes_zero": cell.ours_more.excludes_zero}
    return plain


def _rounded(figure: Cell | Difference) -> dict[str, Any]:
    return {"value": round(figure.value, 5), "interval": [round(figure.low, 5), round(figure.high, 5)]}


class Tables:
    """All tables that can be made of what was seen.

    Raises ConfigError for fewer than two clips.
    """

    def __init__(self, measured: Measured, judge_labels: Sequence[str] = (), seed: int = 0, progress: Progress = silent) -> None:
        """`judge_labels` are the judge's kinds in its order; empty: no class agreement."""
        if len(measured.source.clips) < 2:
            raise ConfigError(f"clips: got {len(measured.source.clips)}, expected at least 2 (a distance of distributions needs more than one)")
        self.measured, self.judge_labels, self.seed, self.progress = measured, tuple(judge_labels), seed, progress
        self._draws: dict[tuple[str, str], np.ndarray] = {}

    # ---- the tables

    def table2(self, network: str, keys: Sequence[str]) -> Table:
        """FVD and IS by the named network.

        `network` is a key of the instruments, `keys` are those of the methods in the order of the rows.
        """
        own = network != "I3D"
        metrics = (self._fvd(network), self._inception(network), self._diversity, self._movement)
        notes = [
            f"{len(self._clips)} clips, windows of 16 frames at {float(self.measured.source.fps):g} a second. "
            "The ceiling's FVD is that of other real clips.",
            f"{network} is a network of this project: these figures can't be compared with published FVD and IS."
            if own
            else "Published FVD and IS are of other clips, and of an I3D that was fine-tuned on them: not to be compared with these.",
        ]
        title = f"Table 2 by {network}" if own else "Table 2 (I3D, the weights that were given)"
        return self._table(f"table2 {network}", title, [metric for metric in metrics if metric], [REAL, *keys], tuple(notes))

    def table3a(self, keys: Sequence[str]) -> Table:
        """Semantic consistency: cosines in the joint space of the mean of a film's frames with the label's words and with the sound. Raises
        ConfigError where the model has no joint space. `keys` are the methods.
        """
        if not self._joint:
            raise ConfigError("table 3: the model has no joint space of pictures with sounds or words, so there are no cosines; train or add one")
        notes = (
            "Mean cosines in this model's own joint space: another space has another scale. "
            "In time: the correlation of what changes in the film with what changes in the sound.",
        )
        return self._table("table3a", "Table 3a, semantic consistency", self._joint, [REAL, *keys, SHUFFLED], notes)

    def judged(self, keys: Sequence[str]) -> Table | None:
        """Class agreement and envelope correlation by the judge; None without one that knows these labels."""
        metrics = self._judged
        if not metrics:
            return None
        notes = ("The judge saw rendered pictures only, and no loss ever used it.",)
        return self._table("judge", "By the judge", metrics, [REAL, *keys, SHUFFLED], notes)

    def ablations(self, network: str, keys: Sequence[str]) -> Table:
        """Every part of the method left out in turn.

        `network` is a key of the instruments, `keys` are those of the models in the order of the rows.
        """
        metrics = [*self._judged, *self._joint, self._fvd(network), self._movement]
        return self._table("ablations", "Ablations", [metric for metric in metrics if metric], keys, (f"FVD by {network}.",))

    # ---- the columns

    @property
    def _clips(self) -> Any:
        return self.measured.source.clips

    @cached_property
    def _movement(self) -> Metric:
        return Metric("change a frame", 0, lambda key, _: self.measured.stacked(key, "change"), _mean)

    @cached_property
    def _diversity(self) -> Metric | None:
        if "embeddings" not in self.measured.records["ours"][0]:
            return None
        return Metric("diversity (joint-space)", 0, lambda key, _: self.measured.embedded(key), mean_distance, True)

    def _fvd(self, network: str) -> Metric:
        field = f"features {network}"
        distance = FrechetDistance(np.concatenate([record[field] for record in self.measured.records[REAL]]).astype(np.float64))

        def values(key: str, order: np.ndarray) -> np.ndarray | None:
            return self._windows(REAL_AGAIN if key == REAL else key, field)

        return Metric(f"FVD-{network}", -1, values, lambda some: distance(np.concatenate(list(some)).astype(np.float64)), True)

    def _inception(self, network: str) -> Metric:
        field = f"classes {network}"
        return Metric(f"IS-{network}", 1, lambda key, _: self._windows(key, field), lambda some: inception_score(np.concatenate(list(some))), True)

    def _windows(self, key: str, field: str) -> np.ndarray | None:
        """What was seen in each clip's windows, an array of N arrays [W, F]."""
        records = self.measured.records[key]
        if len(records) < len(self._clips):
            return None
        stacked = np.empty(len(records), object)
        stacked[:] = [record[field] for record in records]
        return stacked

    @cached_property
    def _joint(self) -> list[Metric]:
        """The cosines that this joint space has."""
        words = [self._words] if self.measured.texts is not None else []
        return [*words, self._sounds, self._moments] if self.measured.sounds is not None else words

    @cached_property
    def _sounds(self) -> Metric:
        return Metric("a<->v", 1, lambda key, order: self._cosines(key, self.measured.sounds[order]), _mean)  # type: ignore[index]

    @cached_property
    def _moments(self) -> Metric:
        def values(key: str, order: np.ndarray) -> np.ndarray:
            analysed: list[np.ndarray] = self.measured.moments or []
            pairs = zip(self.measured.records[key], order, strict=True)
            return np.array([moment_match(record["embeddings"], analysed[other], float(self.measured.source.fps)) for record, other in pairs])

        return Metric("a<->v in time", 1, values, _mean)

    @cached_property
    def _words(self) -> Metric:
        labelled = np.array([clip.label is not None for clip in self._clips])

        def values(key: str, order: np.ndarray) -> np.ndarray | None:
            known = labelled & labelled[order]
            return self._cosines(key, self.measured.texts[order])[known] if known.any() else None  # type: ignore[index]

        return Metric("t<->v", 1, values, _mean)

    def _cosines(self, key: str, wanted: np.ndarray) -> np.ndarray:
        """Cosine of each film's mean embedding with `wanted` [N, E], [N]."""
        films = self.measured.embedded(key)
        return (films * wanted).sum(1) / np.linalg.norm(films, axis=1).clip(1e-12)

    @cached_property
    def _judged(self) -> list[Metric]:
        labels = [clip.label for clip in self._clips]
        if not self.judge_labels or not set(labels) <= set(self.judge_labels):
            return []
        kinds = np.array([self.judge_labels.index(label) for label in labels if label])

        def right(key: str, order: np.ndarray) -> np.ndarray:
            return (self.measured.stacked(key, "kind").argmax(1) == kinds[order]).astype(float)

        metrics = [Metric("class agreement", 1, right, _mean)]
        if all(clip.envelope is not None for clip in self._clips):
            metrics.append(Metric("envelope correlation (median)", 1, self._correlations, _median))
        return metrics

    def _correlations(self, key: str, order: np.ndarray) -> np.ndarray:
        lag = int(_MAX_LAG_SECONDS * self.measured.source.fps)
        found = []
        for record, other in zip(self.measured.records[key], order, strict=True):
            read, true = record["strength"], self._clips[other].envelope
            num = min(len(read), len(true))
            found.append(best_lag_correlation(read[:num], true[:num], lag)[0])
        return np.array(found)

    # ---- rows and cells

    def _table(self, key: str, title: str, metrics: Sequence[Metric], keys: Sequence[str], notes: tuple[str, ...]) -> Table:
        rows = []
        for row_key in keys:
            cells = {metric.name: self._cell(metric, row_key) for metric in metrics}
            rows.append(Row(row_key, {SHUFFLED: _SHUFFLED_NAME}.get(row_key) or self.measured.names[row_key], cells))
        return Table(key, title, tuple(metrics), tuple(rows), notes)

    def _cell(self, metric: Metric, key: str) -> Cell | None:
        found = self._values(metric, key)
        if found is None:
            return None
        draws = self._drawn(metric, key)
        value, more, ours = metric.statistic(found), None, self._values(metric, "ours")
        if key != "ours" and ours is not None and len(ours) == len(found):
            apart = metric.statistic(ours) - value
            more = Difference(apart, *interval_of(self._drawn(metric, "ours") - draws, apart, centred=metric.of_sets))
        return Cell(value, *interval_of(draws, value, centred=metric.of_sets), more)

    def _values(self, metric: Metric, key: str) -> np.ndarray | None:
        if key != SHUFFLED:
            return metric.values(key, np.arange(len(self._clips)))
        return metric.values("ours", other_clips([clip.label for clip in self._clips], self.seed))

    def _drawn(self, metric: Metric, key: str) -> np.ndarray:
        """The statistic in each draw, [D]; the clips of draw d are the same for every method."""
        if (metric.name, key) not in self._draws:
            values = self._values(metric, key)
            found = []
            for done, draw in enumerate(drawn_clips(len(values), metric.num_draws, self.seed)):  # type: ignore[arg-type]
                found.append(metric.statistic(values[draw]))  # type: ignore[index]
                if metric.of_sets:
                    self.progress(done + 1, metric.num_draws, f"intervals of {metric.name}")
            self._draws[metric.name, key] = np.array(found)
        return self._draws[metric.name, key]


def _mean(values: np.ndarray) -> float:
    return float(values.mean())


def _median(values: np.ndarray) -> float:
    return float(np.median(values))


def moment_match(frames: np.ndarray, sound: np.ndarray, fps: float) -> float:
    """Whether a film changes as its sound does: F_v of frames [T, E] against F_a of moments [S, E], each less its mean over time, as one
    correlation in -1 .. 1. What is the same throughout, and so the scene as such, counts for nothing; 0 where either side stands still.
    """
    at = np.minimum(np.floor(np.arange(len(frames)) / fps * float(MOMENTS) + 0.5).astype(int), len(sound) - 1)
    shown = np.unique(at)
    seen = np.stack([frames[at == moment].astype(np.float64).mean(0) for moment in shown])
    seen, analysed = seen - seen.mean(0), sound[shown] - sound[shown].mean(0)
    size = np.linalg.norm(seen) * np.linalg.norm(analysed)
    return float((seen * analysed).sum() / size) if size > 1e-9 else 0.0


def mean_distance(embeddings: np.ndarray) -> float:
    """Mean of 1 - cosine over all pairs of different rows of embeddings [N, E]: 0 where all films look alike."""
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True).clip(1e-12)
    num = len(unit)
    return float(1 - (np.square(unit.sum(0)).sum() - num) / (num * (num - 1)))


def other_clips(labels: Sequence[str | None], seed: int) -> np.ndarray:
    """For each clip the number of another one, of another label where there is one, int [N]. `labels` are theirs; None: unknown."""
    found = []
    for index, label in enumerate(labels):
        others = [k for k, other in enumerate(labels) if k != index]
        unlike = [k for k in others if labels[k] != label] or others
        found.append(unlike[int(generator_for(seed, "other clip", index).initial_seed() % len(unlike))])
    return np.array(found)
