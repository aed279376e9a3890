"""Sound files opened safely and decoded on the time line that a player shows.

Sample 0 is what a player plays at time 0: encoder priming, edit lists and start times are honoured. Everything streams.
"""

import contextlib
import dataclasses
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import av.error
import numpy as np

from ..errors import MediaError
from .truncation import missing_bytes, mp3_bytes

Path_ = str | Path

_MAX_CHANNELS = 64
_MAX_SAMPLE_RATE = 1_536_000
_LARGEST_JUMP = Fraction(1, 10)
"""Time stamps may be this far (seconds) from the count of samples before the count gives way."""
_LONGEST_SILENCE = 3600
"""A gap in the time stamps longer than this (seconds) is taken for a fault of the file, not for silence."""
_TRUNCATED = Fraction(1, 20)
"""A sound that ends so many seconds before its declared end is truncated."""
_MOV = "mov,mp4,m4a,3gp,3g2,mj2"
_EDIT_ROUNDING = Fraction(1, 500)
"""Edit lists round the end of the sound to their time scale (often 1/1000 s); the packets' own durations are exact."""
_TELLS_ITS_END = {"wav", "w64", "aiff", "flac", _MOV, "mp3"}
"""Containers that declare how much sound there is, so that a truncated file can be told."""


@contextlib.contextmanager
def open_container(path: Path_) -> Iterator[Any]:
    """A local media file, opened for reading. Playlists can't lead to the network: only the `file` protocol is allowed."""
    file = Path(path)
    if not file.exists():
        raise MediaError(f"{file}: there is no such file; check the path")
    if file.is_dir():
        raise MediaError(f"{file}: this is a folder, expected a sound or video file")
    if file.stat().st_size == 0:
        raise MediaError(f"{file}: the file is empty (0 bytes); export or copy it again")
    try:
        container = av.open(f"file:{file}", options={"protocol_whitelist": "file"}, metadata_errors="replace")
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise MediaError(f"{file}: can't be opened as sound or video ({reason(error)}): it is truncated, damaged or something else; "
                         "copy it again, or choose a wav, flac, mp3, ogg, opus, m4a, mp4 or other file that FFmpeg reads") from error
    with container:
        yield container


def sound_stream(container: Any, path: Path_) -> Any:
    """The first sound stream. Raises MediaError when there is none, or one without rate or channels."""
    if not container.streams.audio:
        raise MediaError(f"{path}: there is no sound in this file; choose one with a sound stream")
    stream = container.streams.audio[0]
    codec = stream.codec_context
    if codec is None:
        raise MediaError(f"{path}: the sound's codec isn't known here; convert the file to wav or flac")
    if not 0 < codec.sample_rate <= _MAX_SAMPLE_RATE or not 0 < codec.channels <= _MAX_CHANNELS:
        raise MediaError(f"{path}: got {codec.sample_rate} Hz and {codec.channels} channels, expected up to {_MAX_SAMPLE_RATE} Hz and "
                         f"1 to {_MAX_CHANNELS} channels; the file is damaged or holds no sound, export it again")
    return stream


def time_zero(container: Any) -> Fraction:
    """The time stamp (seconds) that a player shows as 0: 0 in the mp4 family, elsewhere the first start of a sound or video stream.

    Never below 0: older FFmpegs count an encoder's priming in mkv and webm from a negative time stamp on.
    """
    if container.format.name == _MOV:
        return Fraction(0)
    playable = [stream for stream in (*container.streams.audio, *container.streams.video) if not is_cover(stream)]
    starts = [stream.start_time * stream.time_base for stream in playable if stream.start_time is not None and stream.time_base]
    return max(Fraction(0), min(starts, default=Fraction(0)))


def is_cover(stream: Any) -> bool:
    """Whether a video stream is only a picture attached to a song."""
    return stream.type == "video" and "attached_pic" in str(getattr(stream, "disposition", "")).lower()


def declared_end(container: Any, stream: Any, path: Path_) -> Fraction | None:
    """Where the sound ends by the file's own word, in seconds from time 0, or None where that is only an estimate."""
    if container.format.name not in _TELLS_ITS_END or stream.duration is None or stream.time_base is None:
        return None
    if container.format.name == "mp3" and mp3_bytes(Path(path)) is None:
        return None
    start = (stream.start_time or 0) * stream.time_base
    return cast(Fraction, start + stream.duration * stream.time_base - time_zero(container))


@dataclasses.dataclass
class _Health:
    """What went wrong while a stream was decoded."""

    num_packets: int = 0
    num_damaged: int = 0
    last_error: Exception | None = None


def decoded_arrays(container: Any, stream: Any, path: Path_) -> Iterator[np.ndarray]:
    """The sound from time 0 on as float32 arrays [C, n], without gap or overlap, every sample finite.

    A damaged packet is left out, as players do, and its time is silent; when more than one in 50 is damaged, or the file ends
    before its declared end, it's a MediaError.
    """
    rate, num_channels = stream.codec_context.sample_rate, stream.codec_context.channels
    zero, done, health = time_zero(container), 0, _Health()
    for frame, stamp, end in _frames(container, stream, path, health):
        if frame.sample_rate != rate or len(frame.layout.channels) != num_channels:
            raise MediaError(f"{path}: at {done / rate:.2f} s the sound changes from {num_channels} channels at {rate} Hz to "
                             f"{len(frame.layout.channels)} at {frame.sample_rate} Hz; convert the file to wav or flac first")
        samples = to_float32(frame)
        if stamp is not None:
            samples, gap = _placed(samples, stamp - zero, done, rate, path)
            yield from _silence(num_channels, gap, rate)
            done += gap
        if end is not None:
            samples = samples[:, :max(0, round((end - zero) * rate) - done)]
        if samples.shape[1]:
            _check_finite(samples, done, rate, path)
            yield samples
            done += samples.shape[1]
    _check_whole(Fraction(done, rate), container, stream, path, health)


def _check_whole(seconds: Fraction, container: Any, stream: Any, path: Path_, health: _Health) -> None:
    """Raise MediaError when what was decoded isn't all of a sound file."""
    missing, declared = missing_bytes(Path(path)), declared_end(container, stream, path)
    if container.format.name == "mp3":
        declared = None  # FFmpeg's versions count an mp3's padding differently; its bytes tell better.
    if missing or (declared is not None and seconds < declared - _TRUNCATED):
        short = f"{missing} bytes are missing" if missing else f"it should end at {float(declared or 0):.2f} s"
        raise MediaError(f"{path}: the file is truncated: its sound ends at {float(seconds):.2f} s, and {short}; "
                         "copy or export it again, or convert what is left to wav")
    if health.num_damaged * 50 > health.num_packets:
        raise MediaError(f"{path}: {health.num_damaged} of {health.num_packets} packets of sound can't be decoded "
                         f"({reason(health.last_error)}); the file is damaged, copy or export it again")
    if seconds == 0:
        raise MediaError(f"{path}: there isn't one sample of sound in this file; export it again")


def _frames(container: Any, stream: Any, path: Path_, health: _Health) -> Iterator[tuple[Any, Fraction | None, Fraction | None]]:
    """Decoded frames with their time stamp (None: follows the last one) and, in the mp4 family, where the sound ends at the latest."""
    declared = declared_end(container, stream, path) if container.format.name == _MOV else None
    end: Fraction | None = None
    expected: Fraction | None = None
    trust_count = False
    try:
        for packet in container.demux(stream):
            health.num_packets += 1
            if declared is not None and packet.pts is not None and packet.duration:
                until = (packet.pts + packet.duration) * packet.time_base
                end = max(end or Fraction(0), until if until < declared + _EDIT_ROUNDING else declared)
            try:
                frames = packet.decode()
            except av.error.FFmpegError as error:
                health.num_damaged, health.last_error, trust_count = health.num_damaged + 1, error, False
                continue
            for frame in frames:
                stamp = None if frame.pts is None else frame.pts * frame.time_base
                follows = stamp is None or (trust_count and expected is not None and abs(stamp - expected) < _LARGEST_JUMP)
                yield frame, None if follows else stamp, end
                base = expected if follows else stamp
                expected = None if base is None else base + Fraction(frame.samples, frame.sample_rate)
                trust_count = True
    except (av.error.FFmpegError, OSError) as error:
        raise MediaError(f"{path}: can't be read past {float(expected or 0):.2f} s ({reason(error)}); "
                         "the file is truncated or damaged, copy or export it again") from error


def _placed(samples: np.ndarray, stamp: Fraction, done: int, rate: int, path: Path_) -> tuple[np.ndarray, int]:
    """`samples` without what lies before the sample `done`, and how many silent samples come before them."""
    gap = round(stamp * rate) - done
    if gap > _LONGEST_SILENCE * rate:
        raise MediaError(f"{path}: the time stamps jump from {done / rate:.2f} s to {float(stamp):.2f} s; convert the file to wav first")
    return samples[:, max(0, -gap):], max(0, gap)


def _silence(num_channels: int, num_samples: int, rate: int) -> Iterator[np.ndarray]:
    for start in range(0, num_samples, rate):
        yield np.zeros((num_channels, min(rate, num_samples - start)), np.float32)


def to_float32(frame: Any) -> np.ndarray:
    """The samples of a decoded frame as float32 [C, n]; integers become -1..1."""
    array: np.ndarray = frame.to_ndarray()
    if not frame.format.is_planar:
        array = array.reshape(-1, len(frame.layout.channels)).T
    if array.dtype == np.uint8:
        return cast(np.ndarray, (array.astype(np.float32) - 128) / np.float32(128))
    if array.dtype.kind == "i":
        return (array / 2.0 ** (8 * array.dtype.itemsize - 1)).astype(np.float32)
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(array, np.float32)


def _check_finite(samples: np.ndarray, done: int, rate: int, path: Path_) -> None:
    finite = np.isfinite(samples)
    if finite.all():
        return
    channel, sample = (int(i) for i in np.argwhere(~finite)[0])
    raise MediaError(f"{path}: sample {done + sample} ({(done + sample) / rate:.3f} s) of channel {channel} is {samples[channel, sample]}, "
                     "expected a finite number; export the sound again, or convert it to 16-bit wav")


def reason(error: BaseException | None) -> str:
    """FFmpeg's or the system's own words for an error, without path and number."""
    return str(getattr(error, "strerror", None) or error or "no reason given")
