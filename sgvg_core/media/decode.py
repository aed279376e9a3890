"""Sound of any file that FFmpeg opens, as tensors: probed, streamed in chunks, or read whole."""

import dataclasses
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..downmix import ChannelLevels, said_of
from ..errors import ConfigError, MediaError
from .resampling import resampled
from .sound_file import Tick, declared_end, decoded_arrays, is_cover, is_default, mp4_boxes, nothing, open_container, sound_stream, time_zero
from .sound_health import SoundHealth, kept, key_of


@dataclasses.dataclass(frozen=True)
class SoundInfo:
    """What a file says of its sound (of the track that's heard)."""

    path: Path
    sample_rate: int
    num_channels: int
    """Channels of the track."""
    layout: str
    """FFmpeg's name of the channel layout: "mono", "stereo", "5.1(side)", ..."""
    duration_seconds: float
    """As the file declares it, 0 where it doesn't; `SoundReader.duration` is the exact one."""
    codec: str
    """FFmpeg's name of its codec."""
    fps: Fraction | None
    """Frame rate when the file has a moving picture too."""
    exact: bool = True
    """Whether the duration is more than an estimate."""
    track: int = 1
    """Which of the sound tracks this is, from 1."""
    num_tracks: int = 1
    """Sound tracks in the file."""
    marked_default: bool = False
    """Whether the file marks this track as the one to be played."""

    @property
    def about_tracks(self) -> str | None:
        """Which of several tracks is heard, in words; None where there's one."""
        if self.num_tracks < 2:
            return None
        return f"{self.num_tracks} sound tracks, number {self.track} is heard{' (marked as the default)' if self.marked_default else ''}"

    @property
    def length_in_words(self) -> str:
        """"6.04 s", "about 8 s" where it's an estimate, "" where nothing is known."""
        if not self.duration_seconds:
            return ""
        return f"{self.duration_seconds:.2f} s" if self.exact else f"about {self.duration_seconds:.{0 if self.duration_seconds >= 10 else 1}f} s"


def probe_sound(path: str | Path, track: int | None = None) -> SoundInfo:
    """What is in a sound or video file, without decoding it; `path` is a local file, `track` as for `SoundReader`. Raises MediaError."""
    with open_container(path) as container:
        stream = sound_stream(container, path, track)
        videos = [video for video in container.streams.video if not is_cover(video)]
        rate = videos[0].average_rate if videos else None
        codec = stream.codec_context
        tracks = container.streams.audio
        declared = declared_end(container, stream, path)
        return SoundInfo(path=Path(path), sample_rate=codec.sample_rate, num_channels=codec.channels,
                         layout=layout_name(codec.layout, codec.channels), codec=codec.name, fps=Fraction(rate) if rate else None,
                         duration_seconds=float(max(Fraction(0), declared)) if declared is not None else _estimated_seconds(container, stream, path),
                         exact=declared is not None, num_tracks=len(tracks),
                         track=[one.index for one in tracks].index(stream.index) + 1, marked_default=is_default(stream))


def layout_name(layout: Any, num_channels: int) -> str:
    """FFmpeg's name of a channel layout; one and two channels without a name are mono and stereo.

    `layout` is PyAV's; `num_channels` decides where it has no name.
    """
    return {1: "mono", 2: "stereo"}.get(num_channels, str(layout.name))


def _estimated_seconds(container: Any, stream: Any, path: str | Path) -> float:
    """The duration by what the file says, or by what FFmpeg makes of its size and rate."""
    if stream.duration is None or stream.time_base is None:
        return float(max(0, container.duration or 0) / 1_000_000)
    start, zero = (stream.start_time or 0) * stream.time_base, time_zero(container, path)
    if zero > 0 and start > 0 and container.format.name.startswith("mov,") and mp4_boxes(path).fragmented:
        start = Fraction(0)  # of fragments, the duration counts from the clock's beginning
    return float(max(Fraction(0), start - zero + stream.duration * stream.time_base))


class SoundReader:
    """The sound of a file as chunks [C, n], float32; iterate it as often as you like, it's decoded anew each time.

    `start` and `length` are seconds; the cut is exact to the sample, since everything before it is decoded and dropped (seeking
    is inexact in mp3 and ogg). `sample_rate` None keeps the file's; `mono` takes the mean of the channels, or the loudest where they cancel
    each other. `track` is one of several sound tracks, from 1; None: the one marked default, else the first. `strict`: sound that lost
    some of itself to damage is an error. `tick` is called for each packet, and may raise to stop. After a full pass `duration` holds the
    exact length in seconds, and `health` what's missing.

    A chunk lasts `chunk_seconds`. Raises MediaError for a file that can't be read, ConfigError for a number out of its range.
    """

    def __init__(self, path: str | Path, *, sample_rate: int | None = None, mono: bool = False, start: float = 0.0, length: float | None = None,
                 chunk_seconds: float = 1.0, track: int | None = None, strict: bool = False, tick: Tick = nothing) -> None:
        if not 0 <= start < 1e9:
            raise ConfigError(f"start: got {start}, expected 0 seconds or more")
        if length is not None and not 0 < length < 1e9:
            raise ConfigError(f"length: got {length}, expected more than 0 seconds (or none, for all)")
        if not 0 < chunk_seconds <= 600:
            raise ConfigError(f"chunk_seconds: got {chunk_seconds}, expected more than 0, up to 600")
        if sample_rate is not None and not 1000 <= sample_rate <= 768_000:
            raise ConfigError(f"sample_rate: got {sample_rate}, expected 1000 to 768000 Hz")
        self.info = probe_sound(path, track)
        self.path, self.mono, self.start, self.length = Path(path), mono, start, length
        self.sample_rate = sample_rate or self.info.sample_rate
        self.chunk_seconds, self.track, self.strict, self.tick = chunk_seconds, track, strict, tick
        self.duration: Fraction | None = None
        """Exact seconds of sound between start and end, known after a full pass."""
        self.health = SoundHealth()
        """Complete after a pass that reached the end of the file."""
        self.loudest: int | None = None
        """The channel (from 0) that is heard alone because the channels cancel each other; known, if `mono`, once reading has begun."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know of this sound, after a pass: which track is heard, what is missing, channels that cancel."""
        cancelled = None if self.loudest is None else said_of(self.loudest)
        return tuple(f"{self.path.name}: {words}" for words in (self.info.about_tracks, cancelled, self.health.warning()) if words)

    def __iter__(self) -> Iterator[torch.Tensor]:
        chunk_samples = max(1, round(self.chunk_seconds * self.sample_rate))
        for array in rechunked(self._converted(), chunk_samples):
            yield torch.from_numpy(array)

    def _converted(self) -> Iterator[np.ndarray]:
        arrays: Iterator[np.ndarray] = self._trimmed()
        if self.mono:
            channel = self.loudest = self._loudest_channel()
            arrays = (_mixed(array, channel) for array in arrays)
        if self.sample_rate == self.info.sample_rate:
            return arrays
        return resampled(arrays, self.info.sample_rate, self.sample_rate)

    def _loudest_channel(self) -> int | None:
        """The channel to hear where they cancel each other: one more pass over the sound, once for a file and a cut."""
        if self.info.num_channels < 2:
            return None
        key = (key_of(self.path, self.info.track), self.start, self.length)
        if key not in _LOUDEST:
            levels = ChannelLevels()
            for array in self._trimmed():
                levels.add(torch.from_numpy(np.ascontiguousarray(array)))
            while len(_LOUDEST) >= _MOST_REMEMBERED:
                _LOUDEST.pop(next(iter(_LOUDEST)))
            _LOUDEST[key] = levels.loudest
        return _LOUDEST[key]

    def _trimmed(self) -> Iterator[np.ndarray]:
        """The file's own samples between start and start + length."""
        rate, position, kept = self.info.sample_rate, 0, 0
        first = round(self.start * rate)
        last = None if self.length is None else first + max(1, round(self.length * rate))
        with open_container(self.path) as container:
            self.health = SoundHealth()
            for array in decoded_arrays(container, sound_stream(container, self.path, self.track), self.path, health=self.health, tick=self.tick):
                piece = array[:, max(0, first - position):None if last is None else max(0, last - position)]
                position += array.shape[1]
                if piece.shape[1]:
                    kept += piece.shape[1]
                    yield piece
                if last is not None and position >= last:
                    break
        if self.strict and not self.health.complete:
            raise MediaError(f"{self.path}: {self.health.warning()}, or leave out --strict to take it as it is")
        if kept == 0:
            raise MediaError(f"{self.path}: start {self.start:g} s lies at or behind the end of the sound ({position / rate:.2f} s); "
                             "choose an earlier start")
        self.duration = Fraction(kept, rate)


_LOUDEST: dict[Any, int | None] = {}
_MOST_REMEMBERED = 256


def _mixed(array: np.ndarray, channel: int | None) -> np.ndarray:
    """One channel [1, n] of several."""
    return array.mean(axis=0, keepdims=True, dtype=np.float32) if channel is None else array[channel:channel + 1]


def full_health(path: Path, track: int | None = None, tick: Tick = nothing) -> SoundHealth:
    """The state of a whole sound: what its last pass found, or a pass now. Raises MediaError.

    `track` is the number of the sound track, from 1; None: the usual one.
    """
    with open_container(path) as container:
        stream = sound_stream(container, path, track)
        known = kept(path, stream.index)
        if known is None:
            known = SoundHealth()
            for _ in decoded_arrays(container, stream, path, health=known, tick=tick):
                pass
    return known


def iter_sound(path: str | Path, *, sample_rate: int | None = None, mono: bool = False, start: float = 0.0, length: float | None = None,
               chunk_seconds: float = 1.0, track: int | None = None, strict: bool = False, tick: Tick = nothing) -> Iterator[torch.Tensor]:
    """The sound of a file in chunks [C, n] of `chunk_seconds` (the last is shorter), float32. See `SoundReader`. Raises MediaError.

    `sample_rate` is in Hz (None: the file's own); `start` and `length` are in seconds (None: to the end); `tick` is called for every packet of
    `path` and may raise to stop; `mono` takes the mean of the channels; `track` is the number of the sound
    track, from 1 (None: the usual one); `strict` refuses what is damaged.
    """
    return iter(SoundReader(path, sample_rate=sample_rate, mono=mono, start=start, length=length, chunk_seconds=chunk_seconds,
                            track=track, strict=strict, tick=tick))


def read_sound(path: str | Path, *, start: float = 0.0, length: float | None = None, sample_rate: int | None = None,
               mono: bool = False, track: int | None = None, strict: bool = False, tick: Tick = nothing) -> tuple[torch.Tensor, int]:
    """The sound of a file as a whole: waveform [C, N] float32 and its sample rate. See `SoundReader`. Raises MediaError.

    `sample_rate` is in Hz (None: the file's own); `start` and `length` are in seconds (None: to the end); `tick` is called for every packet of
    `path` and may raise to stop; `mono` takes the mean of the channels; `track` is the number of the sound
    track, from 1 (None: the usual one); `strict` refuses what is damaged.
    """
    reader = SoundReader(path, sample_rate=sample_rate, mono=mono, start=start, length=length, track=track, strict=strict, tick=tick)
    return torch.cat(list(reader), dim=1), reader.sample_rate


def rechunked(arrays: Iterator[np.ndarray], chunk_samples: int) -> Iterator[np.ndarray]:
    """The same samples [C, n] in pieces of `chunk_samples`; the last may be shorter. `arrays` [C, n] may be of any lengths."""
    waiting: list[np.ndarray] = []
    num_waiting = 0
    for array in arrays:
        waiting.append(array)
        num_waiting += array.shape[1]
        if num_waiting >= chunk_samples:
            joined = np.concatenate(waiting, axis=1)
            whole = num_waiting - num_waiting % chunk_samples
            for start in range(0, whole, chunk_samples):
                yield np.ascontiguousarray(joined[:, start:start + chunk_samples])
            waiting, num_waiting = [joined[:, whole:]], num_waiting - whole
    if num_waiting:
        yield np.concatenate(waiting, axis=1)
