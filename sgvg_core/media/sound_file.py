"""Sound files opened safely and decoded on the time line that a player shows.

Sample 0 is what a player plays at time 0: encoder priming, edit lists and start times are honoured. Everything streams.
"""

import contextlib
import io
import itertools
import stat
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple, cast

import av
import av.error
import numpy as np

from ..errors import MediaError
from .incomplete_files import mp3_bytes, unknown_sizes
from .mp4_boxes import Boxes, read_boxes
from .ogg_links import packets_of
from .ogg_pages import ogg_damage
from .playlists import allowed_demuxers, is_playlist
from .resampling import resampled
from .sound_health import SoundHealth, check_whole, keep
from .timeline import Timeline, longest_silence

Path_ = str | Path

_MAX_CHANNELS = 64
_MAX_SAMPLE_RATE = 1_536_000
_MOV = "mov,mp4,m4a,3gp,3g2,mj2"
_EDIT_ROUNDING = Fraction(1, 500)
"""Edit lists round the end of the sound to their time scale (often 1/1000 s); the packets' own durations are exact."""
_PRIMING = Fraction(1, 4)
"""Sound that begins less than this (seconds) before 0 is an encoder's priming, except where clocks begin anywhere."""
_FREE_CLOCKS = ("mpegts", "mpeg", "rtp_mpegts")
_COUNTED_STAMPS = ("aac", "mp3", "ac3", "eac3", "amr")
"""Bare streams: FFmpeg counts packets of the first rate and calls that a time stamp."""
_OGG_START = Fraction(1, 50)
_TELLS_ITS_END = {"wav", "w64", "aiff", "flac", _MOV, "mp3"}
"""Containers that declare how much sound there is, so that a truncated file can be told."""
_MP3_SURPLUS = 65_536
"""An mp3 with this number of bytes more than its header counts was joined or added to."""
_HEAD_BYTES = 4096
_DEFAULT, _ATTACHED_IMAGE = 1, 1024
"""FFmpeg's marks of streams."""
_MOST_PLANES = 7
"""PyAV (up to 18 at least) reads beyond the list of planes of frames with more of them."""
_PLAIN_FORMATS = ("dbl", "dblp", "flt", "fltp", "s16", "s16p", "s32", "s32p", "u8", "u8p")

Tick = Callable[[], None]
"""Called for every packet; may raise to stop."""


def nothing() -> None:
    """A tick that stops nothing."""


@contextlib.contextmanager
def open_container(path: Path_) -> Iterator[Any]:
    """A local media file, opened for reading. No other file or address is opened: playlists are refused, and only the `file` protocol is allowed."""
    file = Path(path)
    check_readable(file)
    options = {"protocol_whitelist": "file", "format_whitelist": allowed_demuxers()}
    try:
        mended = unknown_sizes(file)
        source = _Mended(file, mended) if mended else f"file:{file}"
        container = av.open(source, options=options, metadata_errors="replace")
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise MediaError(f"{file}: can't be opened as sound or video ({reason(error)}): it is truncated, damaged or something else; "
                         "copy it again, or choose a wav, flac, mp3, ogg, opus, m4a, mp4 or other file that FFmpeg reads") from error
    with container:
        yield container


class _Mended(io.FileIO):
    """A file in which some bytes read otherwise."""

    def __init__(self, path: Path, changes: dict[int, bytes]) -> None:
        super().__init__(path)
        self._changes = changes

    def read(self, size: int | None = -1) -> bytes:
        """As a file's, with the other bytes where they belong."""
        first = self.tell()
        data = bytearray(super().read(-1 if size is None else size))
        for place, instead in self._changes.items():
            for offset, byte in enumerate(instead, place - first):
                if 0 <= offset < len(data):
                    data[offset] = byte
        return bytes(data)


def check_readable(file: Path) -> None:
    """Raise MediaError unless this is a file with something in it, and no playlist."""
    try:
        state = file.stat()
        if stat.S_ISDIR(state.st_mode):
            raise MediaError(f"{file}: this is a folder, expected a sound or video file")
        if not stat.S_ISREG(state.st_mode):
            raise MediaError(f"{file}: this is a pipe or a device, which can be read only once; save what comes out of it as a file first")
        if state.st_size == 0:
            raise MediaError(f"{file}: the file is empty (0 bytes); export or copy it again")
        with file.open("rb") as opened:
            head = opened.read(_HEAD_BYTES)
    except FileNotFoundError:
        raise MediaError(f"{file}: there is no such file; check the path") from None
    except (OSError, ValueError) as error:
        raise MediaError(f"{file}: can't be opened ({reason(error)}); check the path and its rights") from error
    if is_playlist(head):
        raise MediaError(f"{file}: can't be opened as sound or video: it's a playlist, which names other files; choose one of those")


def sound_stream(container: Any, path: Path_, track: int | None = None) -> Any:
    """Sound track number `track` (from 1); None: the one marked default, else the first. Raises MediaError when there is none that's usable.

    `container` is an open file of PyAV; `path` is named in errors.
    """
    streams = container.streams.audio
    if not streams:
        raise MediaError(f"{path}: there is no sound in this file; choose one with a sound stream")
    if track is not None and not 1 <= track <= len(streams):
        raise MediaError(f"{path}: asked for sound track {track}, but the file has {len(streams)}; choose one of them, counted from 1")
    stream = streams[track - 1] if track is not None else _usual_track(streams)
    codec = stream.codec_context
    if codec is None:
        raise MediaError(f"{path}: the sound's codec isn't known here; convert the file to wav or flac")
    if not _usable(codec):
        raise MediaError(f"{path}: got {codec.sample_rate} Hz and {codec.channels} channels, expected up to {_MAX_SAMPLE_RATE} Hz and "
                         f"1 to {_MAX_CHANNELS} channels; the file is damaged or holds no sound, export it again")
    return stream


def _usable(codec: Any) -> bool:
    return codec is not None and 0 < codec.sample_rate <= _MAX_SAMPLE_RATE and 0 < codec.channels <= _MAX_CHANNELS


def _usual_track(streams: Any) -> Any:
    usable = [stream for stream in streams if _usable(stream.codec_context)] or list(streams)
    return next((stream for stream in usable if is_default(stream)), usable[0])


def is_default(stream: Any) -> bool:
    """Whether a file marks a track as the one to be played."""
    return bool(_disposition(stream) & _DEFAULT)


def _disposition(stream: Any) -> int:
    """FFmpeg's marks of a stream as bits."""
    marks = getattr(stream, "disposition", 0)
    return int(getattr(marks, "value", marks) or 0)


def time_zero(container: Any, path: Path_) -> Fraction:
    """The time stamp (seconds) that a player shows as 0: the first start of a sound or video stream, wherever the file's clock began.

    In the mp4 family it's 0, and what lies before the first packet is an edit list's silence, unless the file is in fragments, which
    begin where their stream was when they were recorded. Encoders' priming just before 0 isn't shown.

    `container` is an open file of PyAV.
    """
    playable = [stream for stream in (*container.streams.audio, *container.streams.video) if not is_cover(stream)]
    starts = [stream.start_time * stream.time_base for stream in playable if stream.start_time is not None and stream.time_base]
    first = min(starts, default=Fraction(0))
    if container.format.name == _MOV:
        boxes = mp4_boxes(path) if first > 0 else None
        return first if boxes is not None and boxes.fragmented and not boxes.has_empty_edit else Fraction(0)
    if container.format.name == "ogg" and first > _OGG_START and ogg_damage(Path(path)).first_lost:
        return Fraction(0)
    return Fraction(0) if -_PRIMING < first < 0 and container.format.name not in _FREE_CLOCKS else first


def mp4_boxes(path: Path_) -> Boxes:
    """The boxes of an mp4 file. Raises MediaError."""
    try:
        return read_boxes(Path(path))
    except OSError as error:
        raise MediaError(f"{path}: can't be read ({reason(error)}); was it moved or removed meanwhile?") from error


def is_cover(stream: Any) -> bool:
    """Whether a video stream is only a picture attached to a song."""
    return stream.type == "video" and bool(_disposition(stream) & _ATTACHED_IMAGE)


def declared_end(container: Any, stream: Any, path: Path_) -> Fraction | None:
    """Where the sound ends by the file's own word, in seconds from time 0, or None where that is only an estimate.

    `container` and `stream` are PyAV's.
    """
    if container.format.name not in _TELLS_ITS_END or stream.duration is None or stream.time_base is None:
        return None
    if container.format.name == "mp3" and not _counts_all(Path(path)):
        return None
    start = (stream.start_time or 0) * stream.time_base
    if container.format.name == _MOV:
        boxes = mp4_boxes(path)
        if boxes.fragmented:
            return None
        if start > 0:
            place = [one.index for one in container.streams.audio].index(stream.index)
            total = boxes.sounds[place].total if place < len(boxes.sounds) else Fraction(0)
            return total or None
    end = cast(Fraction, start + stream.duration * stream.time_base - time_zero(container, path))
    is_pcm = container.format.name in ("wav", "w64", "aiff") and stream.codec_context.bit_rate
    return None if is_pcm and end * stream.codec_context.bit_rate / 8 > 2 * container.size + _HEAD_BYTES else end


def _counts_all(path: Path) -> bool:
    """Whether an mp3 says how long it is, and holds little more than that."""
    counted = mp3_bytes(path)
    return counted is not None and path.stat().st_size - counted < _MP3_SURPLUS


class _Frame(NamedTuple):
    """A decoded frame with its time stamp (None: follows the last one) and, in the mp4 family, where the sound ends at the latest."""

    frame: Any
    stamp: Fraction | None
    end: Fraction | None
    after_damage: bool

    @property
    def seconds(self) -> Fraction:
        return Fraction(self.frame.samples, self.frame.sample_rate)


class _Piece(NamedTuple):
    samples: np.ndarray
    rate: int


def decoded_arrays(container: Any, stream: Any, path: Path_, *, health: SoundHealth | None = None, tick: Tick = nothing) -> Iterator[np.ndarray]:
    """The sound from time 0 on as float32 arrays [C, n], without gap or overlap, every sample finite.

    A damaged packet is left out, as players do, and its time is silent; what is lost so is in `health` afterwards. When more than one in
    50 is damaged, or the file ends before its declared end, it's a MediaError. Where rate or channels change, the rest is brought to
    those of the beginning.

    `container` and `stream` are PyAV's; `tick` is called with the seconds that are decoded and may raise to stop.
    """
    rate, num_channels = stream.codec_context.sample_rate, stream.codec_context.channels
    health = SoundHealth() if health is None else health
    timeline = Timeline(time_zero(container, path))
    health.zero, health.file_bytes = timeline.zero, max(0, container.size)
    declared = declared_end(container, stream, path)
    said = declared if container.format.name == _MOV else None
    frames = _frames(container, stream, path, health=health, zero=timeline.zero, declared=said, tick=tick)
    num_samples = 0
    for piece_rate, pieces in itertools.groupby(_pieces(frames, timeline, path, health, tick), lambda piece: piece.rate):
        arrays = (to_channels(piece.samples, num_channels) for piece in pieces)
        for array in arrays if piece_rate == rate else resampled(arrays, piece_rate, rate):
            num_samples += array.shape[1]
            yield array
    health.num_mended, health.silence, health.seconds = timeline.num_mended, timeline.silence, Fraction(num_samples, rate)
    check_whole(health, container.format.name, declared, stream, Path(path))
    keep(Path(path), stream.index, health)


def _pieces(frames: Iterator[_Frame], timeline: Timeline, path: Path_, health: SoundHealth, tick: Tick) -> Iterator[_Piece]:
    """The frames' samples and the silence between them, each at the frame's own rate, as they follow on the time line."""
    done, kind = Fraction(0), None
    for current, following in _with_next(frames):
        rate, num_channels = current.frame.sample_rate, len(current.frame.layout.channels)
        if kind is not None and kind != (rate, num_channels):
            health.num_changes += 1
        kind = (rate, num_channels)
        stamp = None if following is None else following.stamp
        allowed = longest_silence(health.file_bytes, health.bytes_a_second)
        begin = timeline.begin(current.stamp, current.seconds, stamp, allowed, exact=current.after_damage)
        shift, samples = round((begin - done) * rate), to_float32(current.frame)
        for silence in _silence(num_channels, shift, rate):
            tick()
            yield _Piece(silence, rate)
        done += Fraction(max(0, shift), rate)
        samples = samples[:, max(0, -shift):]
        if current.end is not None:
            samples = samples[:, :max(0, round((current.end - timeline.zero + timeline.offset - done) * rate))]
        if samples.shape[1]:
            _check_finite(samples, round(done * rate), rate, path)
            yield _Piece(samples, rate)
            done += Fraction(samples.shape[1], rate)


def _with_next(frames: Iterator[_Frame]) -> Iterator[tuple[_Frame, _Frame | None]]:
    """Each frame, and the one behind it."""
    last: _Frame | None = None
    for frame in frames:
        if last is not None:
            yield last, frame
        last = frame
    if last is not None:
        yield last, None


def _frames(container: Any, stream: Any, path: Path_, health: SoundHealth, zero: Fraction, declared: Fraction | None, tick: Tick) -> Iterator[_Frame]:
    """Decoded frames; `declared` bounds where the sound of an mp4 ends."""
    end: Fraction | None = None
    try:
        for packet in packets_of(container, stream, Path(path)):
            tick()
            health.count(packet)
            if container.format.name == _MOV and packet.pts is not None and packet.duration:
                until = (packet.pts + packet.duration) * packet.time_base
                bounded = declared is not None and until >= declared + zero + _EDIT_ROUNDING
                end = max(end or Fraction(0), declared + zero if bounded and declared is not None else until)
            try:
                frames = packet.decode()
            except av.error.FFmpegError as error:
                health.lose(packet, error)
                continue
            for frame in frames:
                if frame.samples and frame.sample_rate:
                    counted = health.num_changes and container.format.name in _COUNTED_STAMPS
                    stamp = None if frame.pts is None or frame.time_base is None or counted else frame.pts * frame.time_base
                    yield _Frame(frame, stamp, end, health.take_damage())
    except (av.error.FFmpegError, OSError) as error:
        raise MediaError(f"{path}: can't be read past {float(health.last_end - zero):.2f} s ({reason(error)}); "
                         "the file is truncated or damaged, copy or export it again") from error


def _silence(num_channels: int, num_samples: int, rate: int) -> Iterator[np.ndarray]:
    for start in range(0, num_samples, rate):
        yield np.zeros((num_channels, min(rate, num_samples - start)), np.float32)


def to_channels(samples: np.ndarray, num_channels: int) -> np.ndarray:
    """Samples [C, n] with another number of channels: one goes to all, several to the first of more, and fewer get the mean of all.

    `num_channels` is the number that comes out.
    """
    if len(samples) == num_channels:
        return samples
    if 1 < len(samples) < num_channels:
        return np.concatenate([samples, np.zeros((num_channels - len(samples), samples.shape[1]), np.float32)])
    return np.repeat(samples.mean(axis=0, keepdims=True, dtype=np.float32), num_channels, axis=0)


def to_float32(frame: Any) -> np.ndarray:
    """The samples of a decoded frame as float32 [C, n]; integers become -1..1."""
    planar, num_channels = frame.format.is_planar, len(frame.layout.channels)
    if frame.format.name not in _PLAIN_FORMATS or (planar and num_channels > _MOST_PLANES):
        packed = av.AudioResampler(format="flt" if frame.format.bytes < 8 else "dbl", layout=frame.layout, rate=frame.sample_rate)
        frame.pts = None
        return np.concatenate([to_float32(piece) for piece in [*packed.resample(frame), *packed.resample(None)]], axis=1)
    array: np.ndarray = frame.to_ndarray()
    if not planar:
        array = array.reshape(-1, num_channels).T
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
