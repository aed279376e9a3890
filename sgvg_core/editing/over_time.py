"""A sound as the target of a film: where it turns into something else, the picture lands there.

The sliding embedding of the sound is cut where it turns; each kind of sound has one landing, computed once, whatever the film's length.
"""

import dataclasses
from fractions import Fraction

import torch
from torch.nn import functional as F

from ..assembly import SoundModel
from ..generation.sound import AnalysedSound, Sound, analyse_sound
from ..generation.windows import embed_windows, window_log_mels
from ..progress import Progress, silent
from .curves import level_over_time
from .passing import LEAST_SECONDS, eased
from .targets import joint_space_of

SLIDING_RATE = Fraction(4)
"""Windows a second."""
TURNS = 0.8
"""Cosine to the mean of its stretch, below which a sound has turned into something else."""
MOST_KINDS = 8
_SILENT, _AUDIBLE = 0.1, 0.3
"""Loudness (0..1 over 60 dB) up to which a sound says nothing, and from which it says all it has to."""


@dataclasses.dataclass(frozen=True, eq=False)
class SoundKinds:
    """A sound over time as a few kinds."""

    embeds: torch.Tensor
    """[K, E]: the mean of each kind, unit length."""
    kinds: torch.Tensor
    """int [S]: the kind of each window."""
    times: torch.Tensor
    """[S]: the middle of each window, in seconds."""


@torch.no_grad()
def slide_embedding(model: SoundModel, sound: Sound, progress: Progress = silent) -> tuple[torch.Tensor, torch.Tensor]:
    """The embeddings [S, E] of a sound's windows, `SLIDING_RATE` a second, and their times [S] in seconds."""
    space = joint_space_of(model)
    analysed: AnalysedSound = analyse_sound(sound, space.mel, progress)
    first = min(1 / SLIDING_RATE, analysed.duration) / 2
    windows = window_log_mels(analysed, space.mel, SLIDING_RATE, first)
    embeds = torch.cat([each.float().cpu() for each in embed_windows(model, windows, progress, "what is heard over time")])
    return embeds, float(first) + torch.arange(len(embeds)) / float(SLIDING_RATE)


def find_kinds(embeds: torch.Tensor, times: torch.Tensor, labels: torch.Tensor | None = None) -> SoundKinds:
    """Windows [S, E] as at most `MOST_KINDS` kinds: a stretch ends where the sound turns for half a second; stretches that are alike, or
    nearest to the same of `labels` [K, E] (None: there are none), are one kind.

    `embeds` are those of the windows, `times` [S] their moments in seconds.
    """
    calm = _smoothed(embeds)
    shortest = max(1, round(LEAST_SECONDS * float(SLIDING_RATE)))
    stretches = [s for s in _stretches(calm, shortest) if s]
    means = [F.normalize(calm[stretch].mean(0), dim=0) for stretch in stretches]
    centres: list[torch.Tensor] = []
    kinds = torch.zeros(len(embeds), dtype=torch.long)
    for stretch, mean in zip(stretches, means, strict=True):
        alike = [float(mean @ centre) for centre in centres]
        same = [labels is not None and len(labels) > 1 and int((labels @ mean).argmax()) == int((labels @ centre).argmax()) for centre in centres]
        nearest = max(range(len(centres)), key=lambda k: (same[k], alike[k]), default=None)
        if nearest is None or not (same[nearest] or alike[nearest] >= TURNS or len(centres) == MOST_KINDS):
            centres.append(mean)
            nearest = len(centres) - 1
        kinds[stretch] = nearest
    kinds = _at_their_turns(_without_moments(kinds, 2 * shortest), embeds)
    used = torch.unique(kinds)
    return SoundKinds(torch.stack(centres)[used], torch.searchsorted(used, kinds), times)


def _without_moments(kinds: torch.Tensor, shortest: int) -> torch.Tensor:
    """Kinds [S] in which a run of fewer than `shortest` windows between two others goes half to the one before it, half to the one behind."""
    runs, counts = torch.unique_consecutive(kinds, return_counts=True)
    cleaned, first = kinds.clone(), 0
    for place, count in enumerate(counts.tolist()):
        if 0 < place < len(runs) - 1 and count < shortest:
            middle = first + count // 2
            cleaned[first:middle], cleaned[middle:first + count] = runs[place - 1], runs[place + 1]
        first += count
    return cleaned


def _at_their_turns(kinds: torch.Tensor, embeds: torch.Tensor) -> torch.Tensor:
    """Kinds [S] whose borders lie where the windows [S, E] themselves turn: of all places between the middles of two runs the one at which
    windows before and behind are the most alike to the means of their own kinds.
    """
    runs, counts = torch.unique_consecutive(kinds, return_counts=True)
    ends, moved = counts.cumsum(0).tolist(), kinds.clone()
    means = {int(kind): F.normalize(embeds[kinds == kind].mean(0), dim=0) for kind in runs.unique()}
    for place, (before, behind) in enumerate(zip(runs[:-1].tolist(), runs[1:].tolist(), strict=True)):
        first, last = ends[place] - int(counts[place]) // 2, ends[place] + int(counts[place + 1]) // 2
        gain = embeds[first:last] @ (means[before] - means[behind])
        border = first + int(torch.cat([gain.new_zeros(1), gain.cumsum(0)]).argmax())
        moved[first:border], moved[border:last] = before, behind
    return moved


def _smoothed(embeds: torch.Tensor) -> torch.Tensor:
    """The mean of each window and its neighbours, unit length, [S, E]."""
    padded = torch.cat([embeds[:1], embeds, embeds[-1:]])
    return F.normalize(padded[:-2] + 2 * padded[1:-1] + padded[2:], dim=1)


def _stretches(embeds: torch.Tensor, shortest: int) -> list[list[int]]:
    """Windows in runs, cut where `shortest` in a row are unlike the mean of the run so far."""
    runs: list[list[int]] = [[]]
    total, apart = torch.zeros(embeds.shape[1]), 0
    for index, embedded in enumerate(embeds):
        unlike = bool(runs[-1]) and float(F.normalize(total, dim=0) @ embedded) < TURNS
        apart = apart + 1 if unlike else 0
        runs[-1].append(index)
        if apart >= shortest and len(runs[-1]) - apart >= shortest:
            moved = runs[-1][-apart:]
            del runs[-1][-apart:]
            runs.append(moved)
            total, apart = embeds[moved].sum(0), 0
        elif not unlike:
            total = total + embedded
    return runs


def kind_weights(kinds: SoundKinds, num_frames: int, fps: Fraction) -> torch.Tensor:
    """How much of each kind a frame shows, [T, K], rows sum to 1: the kind of the nearest window, passing over within a third of a second."""
    frames = torch.arange(num_frames) / float(fps)
    nearest = (frames[:, None] - kinds.times).abs().argmin(1) if len(kinds.times) < 4096 else _nearest(frames, kinds.times)
    hard = F.one_hot(kinds.kinds[nearest], len(kinds.embeds)).float()
    return eased(hard, fps)


def _nearest(frames: torch.Tensor, times: torch.Tensor) -> torch.Tensor:
    return torch.searchsorted((times[1:] + times[:-1]) / 2, frames.contiguous())


def audible_weights(sound: Sound, found: SoundKinds, num_frames: int, fps: Fraction) -> torch.Tensor:
    """How much of each kind that was `found` in a `sound` there is at each of `num_frames` frames, [T, K] in 0..1; nothing where it's silent."""
    loud = level_over_time(sound, num_frames, fps)
    audible = ((loud - _SILENT) / (_AUDIBLE - _SILENT)).clamp(0, 1)[:, None]
    return kind_weights(found, num_frames, fps) * audible


def turns_of(said: list[str], kinds: torch.Tensor) -> str:
    """The kinds as they come (`kinds`, int [S]), each once for a run of it, by what is `said` of each; at most six."""
    order = [said[kind] for kind in torch.unique_consecutive(kinds).tolist()]
    return ", then ".join(order[:6] + (["..."] if len(order) > 6 else []))
