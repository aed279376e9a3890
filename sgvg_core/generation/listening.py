"""What the joint space hears: scores of texts for a sound, as a whole and over time."""

import dataclasses
from typing import Any

import torch

from ..assembly import SoundModel
from ..errors import ConfigError
from ..progress import Progress, silent
from .pipeline import LISTENING_RATE, listening_windows
from .sound import HeardSound, Sound, hear

_SEGMENT_SECONDS, _HOP_SECONDS = 2.0, 1.0


@dataclasses.dataclass(frozen=True)
class HeardLabel:
    """One text: its mean cosine with the sound, and its probability among the given texts."""

    text: str
    score: float
    probability: float


@dataclasses.dataclass(frozen=True)
class HeardSegment:
    """What is heard from `start` to `end`, in seconds; labels best first."""

    start: float
    end: float
    labels: tuple[HeardLabel, ...]


@dataclasses.dataclass(frozen=True)
class Listening:
    """What is heard as a whole (best first) and over time (2 s windows, 1 s hop)."""

    labels: tuple[HeardLabel, ...]
    segments: tuple[HeardSegment, ...]
    notes: tuple[str, ...] = ()
    """What the user should know of the sound; see `HeardSound`."""

    def to_dict(self) -> dict[str, Any]:
        """The same as plain data, for JSON."""
        return dataclasses.asdict(self)


@torch.no_grad()
def listen(model: SoundModel, sound: Sound, labels: tuple[str, ...] = (), progress: Progress = silent) -> Listening:
    """Which of `labels` (empty: the model's own scenes) the joint space hears in a sound."""
    space = model.joint_space
    if space is None:
        raise ConfigError(f"model {model.name}: has no joint space, so it can't name what it hears")
    labels = labels or space.labels
    heard = hear(sound, space.mel, progress)
    texts = space.embed_texts(list(labels))
    windows = listening_windows(heard, space.mel)
    found: list[torch.Tensor] = []
    for log_mel in windows:
        found.append(space.embed_sounds(log_mel.to(model.device)) @ texts.T)
        progress(sum(map(len, found)), len(windows), "what is heard")
    cosines = torch.cat(found)
    scale = float(space.logit_scale)
    return Listening(_rank(labels, cosines, scale), tuple(_segments(labels, cosines, scale, heard)), heard.notes)


def _segments(labels: tuple[str, ...], cosines: torch.Tensor, scale: float, heard: HeardSound) -> list[HeardSegment]:
    seconds = float(heard.duration)
    times = (torch.arange(len(cosines)) + 0.5) / float(LISTENING_RATE)
    segments = []
    start = 0.0
    while True:
        end = min(start + _SEGMENT_SECONDS, seconds)
        inside = cosines[(times >= start) & (times < end)]
        if len(inside):
            segments.append(HeardSegment(start, round(end, 3), _rank(labels, inside, scale)))
        if end >= seconds:
            return segments
        start += _HOP_SECONDS


def _rank(labels: tuple[str, ...], cosines: torch.Tensor, scale: float) -> tuple[HeardLabel, ...]:
    """Texts best first: each window's probabilities are averaged, so that one strange window doesn't decide."""
    probability, score = (cosines * scale).softmax(1).mean(0), cosines.mean(0)
    order = probability.argsort(descending=True).tolist()
    return tuple(HeardLabel(labels[i], round(score[i].item(), 4), round(probability[i].item(), 4)) for i in order)
