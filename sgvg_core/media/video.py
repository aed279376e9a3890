"""One video file: frames with their sound, streamed in, whole or absent."""

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import av
import av.error
import numpy as np
import torch
from av.video.reformatter import VideoReformatter

from ..atomic_files import check_no_input, checked_target, temporary_path
from ..config import check_range
from ..errors import MediaError, ShapeError
from ..shapes import check_shape
from .containers import container_of
from .palette import PaletteFilter
from .sound_file import is_cover, open_container, reason, time_zero
from .sound_track import SoundTrack, chosen_codec, sound_packets

# FFmpeg's numbers: the tag and the conversion matrix of bt709, limited ("MPEG") and full ("JPEG") range.
_BT709 = 1
_LIMITED_RANGE, _FULL_RANGE = 1, 2
_BT601 = 5
_ONE_THREAD_PIXELS = 512 * 512
_THREADS = 4
"""Up to this number of pixels a frame is encoded by one thread, a larger one by four: fixed numbers, for x264's bytes depend on them."""
_SOUND_AHEAD = Fraction(1, 2)
"""Seconds by which the sound is written before the picture."""
# PyAV 16 and later would start threads of its own for each picture; waiting for them costs more than they save.
_CONVERTER_THREADS: dict[str, Any] = {"threads": 1} if "threads" in (VideoReformatter.reformat.__doc__ or "") else {}


class VideoWriter:
    """A video file as a context manager, of the kind that the name's ending says (see `containers`), the sound in step.

    mp4, mov and mkv hold H.264 (4:2:0, bt709), webm VP9; gif holds pictures of 256 colours and no sound. The frame rate is exact, in mkv and
    webm to the millisecond, in gif to the hundredth of a second. Frames are written as they come, the sound is decoded along with them, so memory
    stays bounded. The file appears under its name on a clean exit only; any exception (also Ctrl-C or a full disk) leaves nothing. Odd sides
    are filled up by their last pixels. `sound_codec`: "auto" copies whole sounds that the kind of file takes as they are (AAC and MP3 into
    mp4) and encodes others (AAC 256 kb/s, in webm Opus); "copy", "aac", "flac", "none". `metadata` values that are no strings are stored as JSON.

    `width` and `height` are in pixels; `sound` None: a film without sound. `crf`, 0 to 51, is x264's and libvpx's constant rate factor: lower is
    better and larger. Raises ConfigError for a number out of its range, MediaError for a rate that the kind of file can't hold.
    """

    def __init__(self, path: str | Path, *, fps: Fraction, width: int, height: int, sound: SoundTrack | None = None,
                 sound_codec: str = "auto", crf: float = 18, metadata: Mapping[str, Any] | None = None) -> None:
        check_range("video width", width, 2, 16_384)
        check_range("video height", height, 2, 16_384)
        check_range("video crf", crf, 0, 51)
        self.path, self.fps, self.width, self.height = checked_target(path, MediaError), Fraction(fps), width, height
        self.kind = container_of(path)
        if self.fps > self.kind.max_fps:
            raise MediaError(f"{path}: got {float(self.fps):g} frames a second, but a .{self.kind.format} has at most {self.kind.max_fps}")
        self.sound, self.sound_codec, self.crf = sound, chosen_codec(sound, sound_codec, self.kind), crf
        check_no_input(path, [None if sound is None else sound.path], MediaError)
        self.metadata = dict(metadata or {})
        self.num_frames = 0
        self._part = temporary_path(self.path)
        self._container: Any = None
        self._stream: Any = None
        self._palette: PaletteFilter | None = None
        self._reformatter = VideoReformatter()  # keeps the conversion's tables from frame to frame
        self._packets: Iterator[tuple[Fraction, Any]] = iter(())
        self._sound_seconds = Fraction(-1)

    def __enter__(self) -> "VideoWriter":
        try:
            self._open()
        except BaseException as error:
            self._discard()
            self._explain(error)
            raise
        return self

    def _open(self) -> None:
        # Durations in the edit lists count in this time scale: a multiple of the sound's rate keeps them exact to the sample.
        options = dict(self.kind.options)
        if self.kind.exact_edits and self.sound is not None and self.sound_codec != "none":
            options["movie_timescale"] = str(self.sound.sample_rate)
        self._container = av.open(f"file:{self._part}", "w", format=self.kind.format, options=options)
        for key, value in self.metadata.items():
            self._container.metadata[key] = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
        self._stream = self._container.add_stream(self.kind.image, rate=self.fps, options=self.kind.quality(self.crf))
        self._set_image(self._stream.codec_context)
        if self.sound is not None and self.sound_codec != "none":
            self._packets = sound_packets(self._container, self.sound, self.sound_codec)

    def _set_image(self, context: Any) -> None:
        """Size, time base and colours of the encoder."""
        if self.kind.has_palette:
            self._palette = PaletteFilter(self.width, self.height)
            context.width, context.height, context.pix_fmt = self.width, self.height, "pal8"
            context.time_base = self._stream.time_base = self._palette.time_base
            return
        context.width, context.height, context.pix_fmt = self.width + self.width % 2, self.height + self.height % 2, "yuv420p"
        context.thread_count = 1 if context.width * context.height <= _ONE_THREAD_PIXELS else _THREADS
        context.time_base = self._stream.time_base = 1 / self.fps
        context.color_primaries = context.color_trc = context.colorspace = _BT709
        context.color_range = _LIMITED_RANGE

    def write(self, frames: torch.Tensor) -> None:
        """Add frames [n, height, width, 3], uint8, on any device. Raises ShapeError for others, MediaError where they can't be written."""
        check_shape("frames", frames, "N H W 3", H=self.height, W=self.width)
        if frames.dtype != torch.uint8:
            raise ShapeError(f"frames: got {frames.dtype}, expected uint8, 0..255")
        if self._container is None:
            raise MediaError(f"{self.path}: the writer is closed; write inside its with block")
        try:
            for frame in frames.detach().cpu().numpy():
                self._write_sound((self.num_frames + 1) / self.fps + _SOUND_AHEAD)
                self._write_image(frame)
        except (av.error.FFmpegError, OSError) as error:
            raise self._failure(error) from error

    def _write_image(self, pixels: np.ndarray) -> None:
        number, self.num_frames = self.num_frames, self.num_frames + 1
        if self._palette is not None:
            self._container.mux(self._stream.encode(self._palette(pixels, number / self.fps)))
            return
        if pixels.shape[0] % 2 or pixels.shape[1] % 2:
            pixels = np.pad(pixels, ((0, pixels.shape[0] % 2), (0, pixels.shape[1] % 2), (0, 0)), mode="edge")
        frame = to_yuv(pixels, self._reformatter)
        frame.pts, frame.time_base = number, 1 / self.fps
        self._container.mux(self._stream.encode(frame))

    def _write_sound(self, until: Fraction | None) -> None:
        """Write sound packets up to a time (None: all that are left)."""
        while until is None or self._sound_seconds < until:
            seconds, packet = next(self._packets, (None, None))
            if seconds is None:
                return
            self._sound_seconds = seconds
            self._container.mux(packet)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is not None:
            self._discard()
            return
        try:
            if not self.num_frames:
                raise MediaError(f"{self.path}: no frames were written, so there is no video; write at least one")
            self._container.mux(self._stream.encode(None))
            self._write_sound(None)
            self._container.close()
            self._container = None
            os.replace(self._part, self.path)
        except BaseException as failure:
            self._discard()
            self._explain(failure)
            raise

    def _explain(self, error: BaseException) -> None:
        """Raise FFmpeg's and the system's errors as MediaError."""
        if isinstance(error, av.error.FFmpegError | OSError):
            raise self._failure(error) from error

    def _failure(self, error: BaseException) -> MediaError:
        return MediaError(f"{self.path}: can't be written ({reason(error)}); check the free space and the folder's rights")

    def _discard(self) -> None:
        """Close what is open and remove the unfinished file."""
        container, self._container = self._container, None
        close = getattr(self._packets, "close", None)
        if close is not None:
            close()
        # The file is given up; what stopped it is already on its way to the caller. Without its name, closing it doesn't move the index
        # to the front, which for a long film would take seconds. (Windows keeps the name until it's closed.)
        with contextlib.suppress(OSError):
            self._part.unlink(missing_ok=True)
        if container is not None:
            with contextlib.suppress(av.error.FFmpegError, OSError, ValueError):
                container.close()
        self._part.unlink(missing_ok=True)


def to_yuv(pixels: np.ndarray, reformatter: VideoReformatter) -> Any:
    """RGB pixels [H, W, 3], uint8, as a 4:2:0 frame by the bt709 matrix in limited range, tagged so."""
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
    converted = reformatter.reformat(frame, format="yuv420p", dst_colorspace=_BT709, src_color_range=_FULL_RANGE,
                                     dst_color_range=_LIMITED_RANGE, **_CONVERTER_THREADS)
    converted.colorspace, converted.color_range = _BT709, _LIMITED_RANGE
    return converted


def read_video_frames(path: str | Path) -> Iterator[torch.Tensor]:
    """The frames of a video, one [H, W, 3] uint8 tensor at a time, by the matrix that the file names. Raises MediaError."""
    with open_container(path) as container:
        if not container.streams.video:
            raise MediaError(f"{path}: there is no video in this file; choose one with a moving picture")
        try:
            for frame in container.decode(video=0):
                matrix = _BT709 if frame.colorspace == _BT709 else _BT601
                converted = frame.reformat(format="rgb24", src_colorspace=matrix, dst_color_range=_FULL_RANGE)
                yield torch.from_numpy(converted.to_ndarray())
        except av.error.FFmpegError as error:
            raise MediaError(f"{path}: the video can't be decoded ({reason(error)}); copy or export it again") from error


def read_small_frames(path: str | Path, height: int = 72) -> Iterator[tuple[Fraction, np.ndarray]]:
    """The brightness of each frame, [height, W] uint8, with its time in seconds on the line that the sound is on. Raises MediaError.

    A frame without a time stamp follows the last one at the stream's rate.
    """
    with open_container(path) as container:
        stream = next((video for video in container.streams.video if not is_cover(video)), None)
        if stream is None:
            raise MediaError(f"{path}: there is no video in this file; choose one with a moving picture")
        zero, rate = time_zero(container, path), Fraction(stream.average_rate or 25)
        seconds = -1 / rate
        try:
            for frame in container.decode(stream):
                seconds = seconds + 1 / rate if frame.pts is None else frame.pts * frame.time_base - zero
                width = max(2, round(frame.width * height / frame.height / 2) * 2)
                yield seconds, frame.reformat(width=width, height=height, format="gray").to_ndarray()
        except av.error.FFmpegError as error:
            raise MediaError(f"{path}: the video can't be decoded ({reason(error)}); copy or export it again") from error
