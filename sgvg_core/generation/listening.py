"""What the joint space hears: scores of texts for a sound, as a whole and over time."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import torch

from ..assembly import AnyJointSpace, SoundModel
from ..errors import ConfigError
from ..progress import Progress, silent
from .sound import AnalysedSound, Sound, analyse_sound
from .windows import LABEL_RATE, embed_windows, label_windows

_SEGMENT_SECONDS, _HOP_SECONDS = 2.0, 1.0
_SURE_SECONDS = 4.0
"""A sound is one of the scenes if some stretch of this length is: rain that becomes thunder is neither of them as a whole."""


@dataclasses.dataclass(frozen=True)
class ScoredLabel:
    """One text: its mean cosine with the sound, and its probability among the given texts."""

    text: str
    score: float
    probability: float


@dataclasses.dataclass(frozen=True)
class ScoredSegment:
    """What is heard from `start` to `end`, in seconds; labels best first."""

    start: float
    end: float
    labels: tuple[ScoredLabel, ...]
    sure: bool = True
    """Whether the likeliest label is as probable as the model asks for."""


@dataclasses.dataclass(frozen=True)
class SoundLabels:
    """What is heard as a whole (best first) and over time (2 s windows, 1 s hop)."""

    labels: tuple[ScoredLabel, ...]
    segments: tuple[ScoredSegment, ...]
    notes: tuple[str, ...] = ()
    """What the user should know of the sound; see `AnalysedSound`."""
    sure: bool = True
    """Whether it's one of the model's own scenes at all; words that somebody else chose are only compared with one another."""

    def to_dict(self) -> dict[str, Any]:
        """The same as plain data, for JSON."""
        return dataclasses.asdict(self)


@torch.no_grad()
def classify_sound(model: SoundModel, sound: Sound, labels: tuple[str, ...] = (), progress: Progress = silent) -> SoundLabels:
    """Which of `labels` (empty: the model's own scenes) the joint space hears in a sound.

    Raises ConfigError for a model without a joint space, or without labels where none are given, MediaError for the sound.
    `progress` may raise to stop.
    """
    labels, space = labels_of(model, labels)
    analysed = analyse_sound(sound, space.mel, progress)
    cosines = _cosines(model, space, analysed, labels, progress)
    scale, sure_from = label_scale(space), sure_from_probability(space) if labels == space.labels else 0.0
    ranked = _rank(labels, cosines, scale)
    segments = tuple(_segments(labels, cosines, scale, analysed, sure_from))
    return SoundLabels(ranked, segments, analysed.notes, _is_sure_somewhere(cosines * scale, sure_from))


@torch.no_grad()
def names_a_scene(model: SoundModel, analysed: AnalysedSound, progress: Progress = silent) -> bool:
    """Whether a sound is one of the scenes that the model's joint space knows, as far as it says when it isn't sure. Of a model whose sound
    encoder was fitted to other sounds (`SoundModel.doubts`) it says nothing."""
    space = model.joint_space
    if space is None or not (model.doubts and space.labels and sure_from_probability(space)):
        return True
    analysed = analysed if analysed.mel == space.mel else analyse_sound(analysed.sound, space.mel, progress)
    cosines = _cosines(model, space, analysed, space.labels, progress)
    return _is_sure_somewhere(cosines * label_scale(space), sure_from_probability(space))


def labels_of(model: SoundModel, labels: Sequence[str] = ()) -> tuple[tuple[str, ...], AnyJointSpace]:
    """The words to choose among, `labels` or, where these are empty, the model's own, and the joint space that hears them. Raises ConfigError where
    either is missing.
    """
    if model.joint_space is None:
        raise ConfigError(f"model {model.name}: has no joint space, so it can't name what it hears; use another model")
    chosen = tuple(labels) or tuple(model.joint_space.labels)
    if not chosen:
        raise ConfigError(f"labels: {model.name} has no scenes of its own; give some words, such as 'rain, fire, wind'")
    return chosen, model.joint_space


def label_scale(space: AnyJointSpace) -> float:
    """What cosines of sounds and labels are multiplied with before a softmax: calibrated, where the space was."""
    return float(space.logit_scale) / float(getattr(space, "temperature", 1.0))


def sure_from_probability(space: AnyJointSpace) -> float:
    """The probability that the best label of a sound needs; 0: of any sound some label is named."""
    return float(getattr(space, "sure_from", 0.0))


def _is_sure(ranked: tuple[ScoredLabel, ...], sure_from: float) -> bool:
    return ranked[0].probability >= sure_from


def _is_sure_somewhere(logits: torch.Tensor, sure_from: float) -> bool:
    """Whether some stretch of the windows' logits [S, labels] has a label of this probability, by the mean of its windows."""
    length = min(len(logits), round(_SURE_SECONDS * LABEL_RATE))
    stretches = logits.unfold(0, length, 1).mean(-1)
    return bool(stretches.softmax(1).max() >= sure_from)


def _cosines(model: SoundModel, space: AnyJointSpace, analysed: AnalysedSound, labels: tuple[str, ...], progress: Progress) -> torch.Tensor:
    """How near each of the windows by which a sound is known lies to each label, [S, labels]."""
    texts = space.embed_texts(list(labels))
    return torch.cat([embeds @ texts.T for embeds in embed_windows(model, label_windows(analysed, space.mel), progress)])


def _segments(labels: tuple[str, ...], cosines: torch.Tensor, scale: float, analysed: AnalysedSound, sure_from: float) -> list[ScoredSegment]:
    seconds = float(analysed.duration)
    times = (torch.arange(len(cosines)) + 0.5) / float(LABEL_RATE)
    segments = []
    start = 0.0
    while True:
        end = min(start + _SEGMENT_SECONDS, seconds)
        inside = cosines[(times >= start) & (times < end)]
        if len(inside):
            ranked = _rank(labels, inside, scale)
            segments.append(ScoredSegment(start, round(end, 3), ranked, _is_sure(ranked, sure_from)))
        if end >= seconds:
            return segments
        start += _HOP_SECONDS


def _rank(labels: tuple[str, ...], cosines: torch.Tensor, scale: float) -> tuple[ScoredLabel, ...]:
    """Texts best first, by all windows' evidence: cosines are averaged before the softmax, so windows that speak for nothing count for nothing."""
    probability, score = (cosines.mean(0) * scale).softmax(0), cosines.mean(0)
    order = probability.argsort(descending=True).tolist()
    return tuple(ScoredLabel(labels[i], round(score[i].item(), 4), round(probability[i].item(), 4)) for i in order)
