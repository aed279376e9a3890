"""The harness: every method on every clip, with the same sounds and start latents, clip after clip."""

import dataclasses
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...assembly import SoundModel
from ...embedding import JointSpace, OpenClipSpace
from ...errors import ConfigError
from ...generation import analyse_sound
from ...generation.render import RenderSettings, frames
from ...generation.windows import window_log_mels
from ...progress import Progress, silent
from .methods import Make, Method, Take
from .records import Eyes, Record, RecordFolder, fingerprint_of_model
from .sources import ClipSource, MeasuredClip

REAL, REAL_AGAIN = "real", "real again"
"""Keys of the clips' own frames, and of other real frames (see `ClipSource`)."""
MOMENTS = Fraction(4)
"""Moments a second at which sounds are heard and films compared with them."""
_BATCH = 8
_SHARE = 0.9
"""Of the work on a film, its making; looking at it is the rest."""


@dataclasses.dataclass(frozen=True)
class Entry:
    """A row to be measured: a method in a model."""

    key: str
    """Its name in files."""
    name: str
    model: SoundModel
    make: Make

    @classmethod
    def of(cls, method: Method, model: SoundModel) -> "Entry":
        """A method in a model."""
        return cls(method.key, method.name, model, method.make)


@dataclasses.dataclass(frozen=True)
class Measured:
    """What was seen of all films, and of the sounds and labels they should show."""

    source: ClipSource
    names: dict[str, str]
    """Each method's name by its key, in order."""
    records: dict[str, list[Record]]
    """By key, a record a clip, in the order of the clips."""
    moments: list[np.ndarray] | None
    """F_a of each clip's sound in time, [S, E] of unit length, `MOMENTS` a second."""
    texts: np.ndarray | None
    """F_t of each clip's label, [N, E], unit length; zeros where there's no label."""

    @cached_property
    def sounds(self) -> np.ndarray | None:
        """F_a of each clip's sound as a whole, [N, E], unit length: the mean over its moments."""
        if self.moments is None:
            return None
        means = np.stack([each.mean(0) for each in self.moments])
        return means / np.linalg.norm(means, axis=1, keepdims=True).clip(1e-12)

    def embedded(self, key: str) -> np.ndarray:
        """Mean of F_v over each film's frames, [N, E]."""
        return np.stack([record["embeddings"].astype(np.float32).mean(0) for record in self.records[key]])

    def stacked(self, key: str, field: str) -> np.ndarray:
        """A field of a method's records, [N, ...]. `key` names the method, `field` the field of its records."""
        return np.stack([record[field] for record in self.records[key]])


@torch.no_grad()
def film(take: Take, make: Make, progress: Progress = silent, done: int = 0, total: int = 1, note: str = "films") -> torch.Tensor:
    """The frames of a film, uint8 [T, H, W, 3] on the CPU. `progress` hears of it as the next of `total` films when `done` are finished.

    `make` turns the take into latents; `note` is what the progress says.
    """
    kept: list[torch.Tensor] = []
    num_frames, num_done = take.walk().num_frames, 0
    for some in frames(take.model.generator, make(take), RenderSettings(batch=_BATCH)):
        kept.append(some)
        num_done += len(some)
        progress(done + _SHARE * num_done / num_frames, total, note)
    return torch.cat(kept)


def hears(space: JointSpace | OpenClipSpace | None) -> bool:
    """Whether a joint space (None: there's none) has an F_a."""
    return space is not None and space.sound is not None


@torch.no_grad()
def embed_clip(space: Any, source: ClipSource, clip: MeasuredClip) -> np.ndarray:
    """F_a of a clip's sound in time, [S, E] of unit length, `MOMENTS` a second. `space` is one that embeds sounds."""
    analysed = analyse_sound(source.sound(clip), space.mel)
    device = next(space.parameters()).device
    embedded = torch.cat([space.embed_sounds(log_mel.to(device)) for log_mel in window_log_mels(analysed, space.mel, MOMENTS)])
    return embedded.cpu().numpy()


def measure(
    entries: Sequence[Entry], source: ClipSource, eyes: Eyes, *, size: int, keep: Path | None = None, progress: Progress = silent
) -> Measured:
    """Look at every method's film of every clip, and at the real frames; `entries` are the methods, `size` is the shorter side of real frames,
    in pixels.

    With `keep`, what was seen is kept in that folder, clip by clip, and isn't looked at again: a run that was cancelled resumes, and
    another table of the same films is there at once; None keeps nothing. Raises ConfigError where two methods have one name.
    """
    every: dict[str, Entry | None] = {REAL: None, REAL_AGAIN: None, **{entry.key: entry for entry in entries}}
    if len(every) < len(entries) + 2:
        raise ConfigError(f"methods: got {', '.join(entry.key for entry in entries)}, expected every name once")
    folders = _folders(every, source, eyes, size, keep) if keep else {}
    records: dict[str, list[Record]] = {key: [] for key in every}
    moments, total, done = [], len(source.clips) * len(every), 0
    for clip in source.clips:
        if hears(eyes.space):
            moments.append(embed_clip(eyes.space, source, clip))
        camera = _Camera(source, clip, size)
        for key, entry in every.items():
            record, preview = folders[key].get(clip.key) if keep else None, None
            if record is None:
                frames = camera.film(entry, progress, done, total) if entry else camera.real(key)
                if frames is not None:
                    record, preview = eyes.look(frames), frames[-1]
                    if keep:
                        folders[key].put(clip.key, record)
            if record is not None:
                records[key].append(record)
            done += 1
            progress(done, total, "films", preview)
    names = {REAL: "real clips (ceiling)", **{entry.key: entry.name for entry in entries}}
    return Measured(source, names, records, moments or None, _texts(eyes, source))


class _Camera:
    """The films of one clip: methods in the same model share what is heard of it."""

    def __init__(self, source: ClipSource, clip: MeasuredClip, size: int) -> None:
        self.source, self.clip, self.size = source, clip, size
        self._takes: dict[int, Take] = {}

    def film(self, entry: Entry, progress: Progress, done: int, total: int) -> torch.Tensor:
        """The film of a method."""
        key = id(entry.model)
        if key not in self._takes:
            self._takes[key] = Take(entry.model, self.source.sound(self.clip), self.clip.seed, self.source.fps)
        return film(self._takes[key], entry.make, progress, done, total)

    def real(self, key: str) -> torch.Tensor | None:
        """The clip's own frames, or other real ones."""
        return self.source.real(self.clip, self.size) if key == REAL else self.source.real_again(self.clip, self.size)


def _folders(every: Mapping[str, Entry | None], source: ClipSource, eyes: Eyes, size: int, keep: Path) -> dict[str, RecordFolder]:
    """Where the records of each key are kept: named after all that they depend on."""
    about = {"clips": source.name, "fps": str(source.fps), "eyes": eyes.fingerprint()}
    models = {id(entry.model): fingerprint_of_model(entry.model) for entry in every.values() if entry}
    films = {key: models[id(entry.model)] if entry else f"{size} px" for key, entry in every.items()}
    return {key: RecordFolder(keep, {**about, "method": key.replace(" ", "-"), "films": films[key]}) for key in every}


@torch.no_grad()
def _texts(eyes: Eyes, source: ClipSource) -> np.ndarray | None:
    if eyes.space is None or not any(clip.label for clip in source.clips):
        return None
    embedded = eyes.space.embed_texts([clip.label or "" for clip in source.clips]).cpu().numpy()
    return embedded * np.array([clip.label is not None for clip in source.clips])[:, None]
