"""The harness: every method on every clip, with the same sounds and start latents, clip after clip."""

import dataclasses
from collections.abc import Sequence
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..assembly import SoundModel
from ..embedding import JointSpace, OpenClipSpace
from ..errors import ConfigError
from ..generation import hear
from ..generation.frames import as_rgb, synthesize, to_uint8
from ..generation.pipeline import window_pictures
from ..progress import Progress, silent
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
        """A field of a method's records, [N, ...]."""
        return np.stack([record[field] for record in self.records[key]])


@torch.no_grad()
def film(take: Take, make: Make, progress: Progress = silent, done: int = 0, total: int = 1, note: str = "films") -> torch.Tensor:
    """The frames of a film, uint8 [T, H, W, 3] on the CPU. `progress` hears of it as the next of `total` films when `done` are finished."""
    kept: list[torch.Tensor] = []
    num_frames, num_done = take.walk().num_frames, 0
    for pictures in synthesize(take.model.generator, make(take), batch=_BATCH):
        kept.append(to_uint8(as_rgb(pictures)))
        num_done += len(pictures)
        progress(done + _SHARE * num_done / num_frames, total, note)
    return torch.cat(kept)


def hears(space: JointSpace | OpenClipSpace | None) -> bool:
    """Whether a joint space has an F_a."""
    return space is not None and space.sound is not None


@torch.no_grad()
def embed_clip(space: Any, source: ClipSource, clip: MeasuredClip) -> np.ndarray:
    """F_a of a clip's sound in time, [S, E] of unit length, `MOMENTS` a second."""
    heard = hear(source.sound(clip), space.mel)
    device = next(space.parameters()).device
    embedded = torch.cat([space.embed_sounds(log_mel.to(device)) for log_mel in window_pictures(heard, space.mel, MOMENTS)])
    return embedded.cpu().numpy()


def measure(
    entries: Sequence[Entry], source: ClipSource, eyes: Eyes, *, size: int, keep: Path | None = None, progress: Progress = silent
) -> Measured:
    """Look at every method's film of every clip, and at the real frames; `size` is the shorter side of these.

    With `keep`, what was seen is kept in that folder, clip by clip, and isn't looked at again: a run that was cancelled goes on, and
    another table of the same films is there at once.
    """
    if len({entry.key for entry in entries} | {REAL, REAL_AGAIN}) < len(entries) + 2:
        raise ConfigError(f"methods: got {', '.join(entry.key for entry in entries)}, expected every name once")
    seen = eyes.fingerprint()
    models = {id(entry.model): fingerprint_of_model(entry.model) for entry in entries} if keep else {}
    folders = {entry.key: _folder(keep, entry.key, models.get(id(entry.model)), source, seen) for entry in entries}
    for key in (REAL, REAL_AGAIN):
        folders[key] = _folder(keep, key, f"{size} px", source, seen)
    records: dict[str, list[Record]] = {key: [] for key in (REAL, REAL_AGAIN, *(entry.key for entry in entries))}
    moments, total, done = [], len(source.clips) * len(records), 0
    for clip in source.clips:
        if hears(eyes.space):
            moments.append(embed_clip(eyes.space, source, clip))
        takes: dict[int, Take] = {}
        for key, of_key in records.items():
            folder, preview = folders[key], None
            record = folder.get(clip.key) if folder else None
            if record is None:
                entry = next((entry for entry in entries if entry.key == key), None)
                if entry is not None:
                    take = takes.setdefault(id(entry.model), Take(entry.model, source.sound(clip), clip.seed, source.fps))
                    frames: torch.Tensor | None = film(take, entry.make, progress, done, total)
                else:
                    frames = source.real(clip, size) if key == REAL else source.real_again(clip, size)
                if frames is not None:
                    record, preview = eyes.look(frames), frames[-1]
                    if folder:
                        folder.put(clip.key, record)
            if record is not None:
                of_key.append(record)
            done += 1
            progress(done, total, "films", preview)
    names = {REAL: "real clips (ceiling)", **{entry.key: entry.name for entry in entries}}
    return Measured(source, names, records, moments or None, _texts(eyes, source))


def _folder(keep: Path | None, key: str, films: str | None, source: ClipSource, seen: str) -> RecordFolder | None:
    if keep is None:
        return None
    return RecordFolder(keep, {"method": key.replace(" ", "-"), "films": films, "clips": source.name, "fps": str(source.fps), "eyes": seen})


@torch.no_grad()
def _texts(eyes: Eyes, source: ClipSource) -> np.ndarray | None:
    if eyes.space is None or not any(clip.label for clip in source.clips):
        return None
    embedded = eyes.space.embed_texts([clip.label or "" for clip in source.clips]).cpu().numpy()
    return embedded * np.array([clip.label is not None for clip in source.clips])[:, None]
