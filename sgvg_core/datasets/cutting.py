"""Originals cut into clips: sound and frames of a stretch of time, on one clock.

Frame k of a file at `fps` is what a player shows at k / fps seconds; clip i holds frames [i F, (i + 1) F) and the samples of the same
stretch. A clip ends where the first of its picture and its sound ends.
"""

import dataclasses
import hashlib
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..clock import frame_seconds, num_frames
from ..errors import MediaError
from ..media import SoundReader
from ..world.clip import clip as world_clip
from .coding import jpeg_bytes
from .options import Original, PrepareOptions
from .pictures import shown_pictures

_SILENT_PEAK = 1 / 32_768
"""Below this every sample is zero once it's stored."""
_REST_SECONDS = 0.5
"""A shorter rest at the end of a file is no loss worth a line in the report."""

Tick = Callable[[float], None]
"""Told how many seconds of material are done, often."""


@dataclasses.dataclass(frozen=True)
class Cut:
    """A clip before it's stored."""

    start_seconds: float
    seconds: float
    waveform: NDArray[np.float32]
    """[N], mono."""
    frames: list[bytes]
    """JPEGs."""
    details: dict[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class LeftOut:
    """A stretch of an original that became no clip, and why."""

    origin: str
    start_seconds: float
    seconds: float | None
    reason: str


def cuts(original: Original, root: Path, options: PrepareOptions, tick: Tick) -> Iterator[Cut | LeftOut]:
    """The clips of an original, in order. Raises MediaError when it can't be decoded to its end: then none of it counts."""
    if original.kind == "world":
        yield _world_cut(original, options)
        return
    path = root / original.name
    waveforms = _Waveforms(path, options)
    pictures = _Pictures(path, options) if original.kind == "video" else None
    per_clip, fps = options.frames_per_clip, options.exact_fps
    for index in range(2**31):
        start = Fraction(index * per_clip) / fps
        first, last = round(start * options.sample_rate), round((start + Fraction(per_clip) / fps) * options.sample_rate)
        waveform = waveforms.take(last - first)
        frames = pictures.take(per_clip, tick) if pictures is not None else []
        if not len(waveform) and not frames:
            return
        tick(float(Fraction(per_clip) / fps))
        found = _ended(original, float(start), waveform, frames, options)
        if found is not None:
            yield found


def _ended(original: Original, start: float, waveform: NDArray[np.float32], frames: list[bytes], options: PrepareOptions) -> Cut | LeftOut | None:
    """Sound and frames of one stretch, ended together; None for a rest that isn't worth a word."""
    rate, fps = options.sample_rate, options.exact_fps
    sound_seconds, picture_seconds = Fraction(len(waveform), rate), Fraction(len(frames)) / fps
    longest = float(max(sound_seconds, picture_seconds))
    seconds = sound_seconds
    if original.kind == "video":
        seconds = min(sound_seconds, picture_seconds)
        frames = frames[:num_frames(seconds, fps)] if seconds else []
    waveform = waveform[:round(seconds * rate)]
    if seconds < Fraction(str(options.shortest)):
        if start and longest < min(_REST_SECONDS, options.shortest):
            return None
        what = "" if original.kind == "sound" else f" (sound {float(sound_seconds):.2f} s, picture {float(picture_seconds):.2f} s)"
        return LeftOut(original.name, start, longest, f"too short: {float(seconds):.2f} s{what}, expected at least {options.shortest:g} s")
    if np.abs(waveform).max() < _SILENT_PEAK:
        return LeftOut(original.name, start, longest, "silent: no sample of its sound differs from zero")
    return Cut(start, float(seconds), waveform, frames)


class _Waveforms:
    """The sound of a file, mono at the data set's rate, taken piece by piece. Raises MediaError."""

    def __init__(self, path: Path, options: PrepareOptions) -> None:
        self._chunks = iter(SoundReader(path, sample_rate=options.sample_rate, mono=True))
        self._waiting = np.zeros(0, np.float32)

    def take(self, num_samples: int) -> NDArray[np.float32]:
        """The next samples; fewer at the end, none behind it."""
        pieces, num = [self._waiting], len(self._waiting)
        while num < num_samples and (chunk := next(self._chunks, None)) is not None:
            pieces.append(chunk[0].numpy())
            num += len(pieces[-1])
        joined = np.concatenate(pieces)
        self._waiting = joined[num_samples:].copy()
        return joined[:num_samples]


class _Pictures:
    """The frames of a file at the data set's rate and size, as JPEGs, taken piece by piece. Raises MediaError."""

    def __init__(self, path: Path, options: PrepareOptions) -> None:
        self._shown = shown_pictures(path, options.exact_fps, options.size, options.fit)
        self._fps, self._quality = options.exact_fps, options.quality

    def take(self, count: int, tick: Tick) -> list[bytes]:
        """The next frames; fewer at the end, none behind it."""
        taken: list[bytes] = []
        last_pixels: NDArray[np.uint8] | None = None
        while len(taken) < count and (pixels := next(self._shown, None)) is not None:
            taken.append(taken[-1] if pixels is last_pixels else jpeg_bytes(pixels, self._quality))
            last_pixels = pixels
            tick(0)
        return taken


def _world_cut(original: Original, options: PrepareOptions) -> Cut:
    """A clip of the procedural world, with what both its sides follow from."""
    if original.label is None:
        raise MediaError(f"{original.name}: a clip of the world needs its kind")
    seconds = float(Fraction(options.frames_per_clip) / options.exact_fps)
    made = world_clip(original.label, original.seed, seconds, float(options.exact_fps), options.size, options.sample_rate)
    frames = [jpeg_bytes(pixels, options.quality) for pixels in made.frames[:options.frames_per_clip]]
    details = {"world": {"kind": original.label, "seed": original.seed, "scene": dataclasses.asdict(made.scene),
                         "envelope": [round(float(e), 5) for e in made.envelope[:len(frames)]],
                         "phase": [round(float(p), 5) for p in made.phase[:len(frames)]]}}
    waveform = made.waveform[:round(seconds * options.sample_rate)]
    return Cut(frame_seconds(0, options.exact_fps), seconds, waveform, frames, details)


def sha256_of(original: Original, root: Path) -> str:
    """The hash of an original's bytes, or of its recipe."""
    if original.kind == "world":
        return hashlib.sha256(f"{original.name}/{original.seed}".encode()).hexdigest()
    digest = hashlib.sha256()
    with (root / original.name).open("rb") as file:
        while block := file.read(2**22):
            digest.update(block)
    return digest.hexdigest()
