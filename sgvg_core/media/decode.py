"""Sound of any file that FFmpeg opens, as tensors: probed, streamed in chunks, or read whole."""

import dataclasses
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch

from ..errors import ConfigError, MediaError
from .sound_file import decoded_arrays, is_cover, open_container, sound_stream, time_zero


@dataclasses.dataclass(frozen=True)
class SoundInfo:
    """What a file says of its sound (of the first sound stream)."""

    path: Path
    sample_rate: int
    num_channels: int
    layout: str
    """FFmpeg's name of the channel layout: "mono", "stereo", "5.1(side)", ..."""
    duration_seconds: float
    """As the file declares it, 0 where it doesn't; `SoundReader.duration` is the exact one."""
    codec: str
    fps: Fraction | None
    """Frame rate when the file has a moving picture too."""


def probe_sound(path: str | Path) -> SoundInfo:
    """What is in a sound or video file, without decoding it. Raises MediaError."""
    with open_container(path) as container:
        stream = sound_stream(container, path)
        videos = [video for video in container.streams.video if not is_cover(video)]
        rate = videos[0].average_rate if videos else None
        codec = stream.codec_context
        return SoundInfo(path=Path(path), sample_rate=codec.sample_rate, num_channels=codec.channels,
                         layout=layout_name(codec.layout, codec.channels), duration_seconds=_declared_seconds(container, stream),
                         codec=codec.name, fps=Fraction(rate) if rate else None)


def layout_name(layout: Any, num_channels: int) -> str:
    """FFmpeg's name of a channel layout; one and two channels without a name are mono and stereo."""
    return {1: "mono", 2: "stereo"}.get(num_channels, str(layout.name))


def _declared_seconds(container: Any, stream: Any) -> float:
    if stream.duration is not None and stream.time_base is not None:
        start = (stream.start_time or 0) * stream.time_base - time_zero(container)
        return float(max(Fraction(0), start + stream.duration * stream.time_base))
    return float((container.duration or 0) / 1_000_000)


class SoundReader:
    """The sound of a file as chunks [C, n], float32; iterate it as often as you like, it's decoded anew each time.

    `start` and `length` are seconds; the cut is exact to the sample, since everything before it is decoded and dropped (seeking
    is inexact in mp3 and ogg). `sample_rate` None keeps the file's; `mono` takes the mean of the channels. After a full pass
    `duration` holds the exact length in seconds.
    """

    def __init__(self, path: str | Path, *, sample_rate: int | None = None, mono: bool = False, start: float = 0.0,
                 length: float | None = None, chunk_seconds: float = 1.0) -> None:
        if not 0 <= start < 1e9:
            raise ConfigError(f"start: got {start}, expected 0 seconds or more")
        if length is not None and not 0 < length < 1e9:
            raise ConfigError(f"length: got {length}, expected more than 0 seconds (or none, for all)")
        if not 0 < chunk_seconds <= 600:
            raise ConfigError(f"chunk_seconds: got {chunk_seconds}, expected more than 0, up to 600")
        if sample_rate is not None and not 1000 <= sample_rate <= 768_000:
            raise ConfigError(f"sample_rate: got {sample_rate}, expected 1000 to 768000 Hz")
        self.info = probe_sound(path)
        self.path, self.mono, self.start, self.length = Path(path), mono, start, length
        self.sample_rate = sample_rate or self.info.sample_rate
        self.chunk_seconds = chunk_seconds
        self.duration: Fraction | None = None
        """Exact seconds of sound between start and end, known after a full pass."""

    def __iter__(self) -> Iterator[torch.Tensor]:
        chunk_samples = max(1, round(self.chunk_seconds * self.sample_rate))
        for array in rechunked(self._converted(), chunk_samples):
            yield torch.from_numpy(array)

    def _converted(self) -> Iterator[np.ndarray]:
        arrays: Iterator[np.ndarray] = self._trimmed()
        if self.mono:
            arrays = (array.mean(axis=0, keepdims=True, dtype=np.float32) for array in arrays)
        if self.sample_rate == self.info.sample_rate:
            return arrays
        return resampled(arrays, self.info.sample_rate, self.sample_rate)

    def _trimmed(self) -> Iterator[np.ndarray]:
        """The file's own samples between start and start + length."""
        rate, position, kept = self.info.sample_rate, 0, 0
        first = round(self.start * rate)
        last = None if self.length is None else first + max(1, round(self.length * rate))
        with open_container(self.path) as container:
            for array in decoded_arrays(container, sound_stream(container, self.path), self.path):
                piece = array[:, max(0, first - position):None if last is None else max(0, last - position)]
                position += array.shape[1]
                if piece.shape[1]:
                    kept += piece.shape[1]
                    yield piece
                if last is not None and position >= last:
                    break
        if kept == 0:
            raise MediaError(f"{self.path}: start {self.start:g} s lies at or behind the end of the sound ({position / rate:.2f} s); "
                             "choose an earlier start")
        self.duration = Fraction(kept, rate)


def iter_sound(path: str | Path, *, sample_rate: int | None = None, mono: bool = False, start: float = 0.0, length: float | None = None,
               chunk_seconds: float = 1.0) -> Iterator[torch.Tensor]:
    """The sound of a file in chunks [C, n] of `chunk_seconds` (the last is shorter), float32. See `SoundReader`. Raises MediaError."""
    return iter(SoundReader(path, sample_rate=sample_rate, mono=mono, start=start, length=length, chunk_seconds=chunk_seconds))


def read_sound(path: str | Path, *, start: float = 0.0, length: float | None = None, sample_rate: int | None = None,
               mono: bool = False) -> tuple[torch.Tensor, int]:
    """The sound of a file as a whole: waveform [C, N] float32 and its sample rate. See `SoundReader`. Raises MediaError."""
    reader = SoundReader(path, sample_rate=sample_rate, mono=mono, start=start, length=length)
    return torch.cat(list(reader), dim=1), reader.sample_rate


def rechunked(arrays: Iterator[np.ndarray], chunk_samples: int) -> Iterator[np.ndarray]:
    """The same samples [C, n] in pieces of `chunk_samples`; the last may be shorter."""
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


def resampled(arrays: Iterator[np.ndarray], from_rate: int, to_rate: int) -> Iterator[np.ndarray]:
    """Samples [C, n] at another rate (FFmpeg's band-limited resampler, a channel at a time); N become ceil(N * to / from)."""
    resamplers: list[av.AudioResampler] = []
    num_in = num_out = 0
    for array in arrays:
        resamplers = resamplers or [av.AudioResampler(format="fltp", layout="mono", rate=to_rate) for _ in array]
        num_in += array.shape[1]
        out = _through(resamplers, array, from_rate)
        num_out += out.shape[1]
        if out.shape[1]:
            yield out
    if not resamplers:
        return
    # Silence behind the end pushes the last samples out of the filter, however few there are.
    silence = np.zeros((len(resamplers), 256 + 64 * -(-from_rate // to_rate)), np.float32)
    end = np.concatenate([_through(resamplers, silence, from_rate), _through(resamplers, None, from_rate)], axis=1)
    yield end[:, :max(0, -(-num_in * to_rate // from_rate) - num_out)]


def _through(resamplers: list[av.AudioResampler], array: np.ndarray | None, rate: int) -> np.ndarray:
    channels = []
    for index, resampler in enumerate(resamplers):
        frame = None
        if array is not None:
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(array[index:index + 1]), format="fltp", layout="mono")
            frame.sample_rate = rate
        pieces = [piece.to_ndarray() for piece in resampler.resample(frame)]
        channels.append(np.concatenate(pieces, axis=1) if pieces else np.zeros((1, 0), np.float32))
    return np.concatenate(channels, axis=0)
