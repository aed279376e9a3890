"""What a player shows of a video, at a frame rate and size of one's own."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av.error
import numpy as np
from av.video.reformatter import Interpolation
from numpy.typing import NDArray

from ..errors import MediaError
from ..media.sound_file import is_cover, open_container, reason, time_zero

_BT709, _BT601, _FULL_RANGE = 1, 5, 2
_HD_HEIGHT = 720
"""Pictures of this height and more that don't name their matrix are taken for bt709, as players do."""


def shown_pictures(path: Path, fps: Fraction, size: int, fit: str) -> Iterator[NDArray[np.uint8]]:
    """The picture at 0, 1 / fps, 2 / fps, ... seconds of a video -> uint8 [size, size, 3].

    A picture that is still there is the same object again. "crop" takes the middle square, "pad" puts black beside the picture.
    Turned and non-square pixels are shown as players show them. Raises MediaError.
    """
    count = 0
    current: Any = None
    pixels: NDArray[np.uint8] | None = None
    for frame, begin in _timed_frames(path):
        while current is not None and Fraction(count) / fps < begin:
            pixels = to_square(current, size, fit) if pixels is None else pixels
            yield pixels
            count += 1
        current, pixels, end = frame, None, begin
    if current is None:
        raise MediaError(f"{path}: there isn't one picture in this video; export it again")
    end += _frame_seconds(current, path)
    while Fraction(count) / fps < end - Fraction(1, 1_000_000):
        pixels = to_square(current, size, fit) if pixels is None else pixels
        yield pixels
        count += 1


def _timed_frames(path: Path) -> Iterator[tuple[Any, Fraction]]:
    """The decoded frames of a video and when each is shown first, in seconds from time 0, rising."""
    with open_container(path) as container:
        streams = [stream for stream in container.streams.video if not is_cover(stream)]
        if not streams:
            raise MediaError(f"{path}: there is no moving picture in this file; choose a video, or prepare it with --layout sounds")
        stream, zero, last = streams[0], time_zero(container), Fraction(-1)
        step = 1 / Fraction(stream.average_rate or stream.guessed_rate or 25)
        try:
            for frame in container.decode(stream):
                begin = last + step if frame.pts is None or frame.time_base is None else frame.pts * frame.time_base - zero
                if begin > last:
                    last = begin
                    yield frame, begin
        except (av.error.FFmpegError, OSError) as error:
            raise MediaError(f"{path}: the picture can't be decoded past {max(0.0, float(last)):.2f} s ({reason(error)}); "
                             "copy or export it again") from error


def _frame_seconds(frame: Any, path: Path) -> Fraction:
    """How long the last frame stays."""
    if frame.duration and frame.time_base:
        return Fraction(frame.duration * frame.time_base)
    return Fraction(1, 25)


def to_square(frame: Any, size: int, fit: str) -> NDArray[np.uint8]:
    """A decoded frame upright with square pixels, uint8 [size, size, 3]."""
    aspect = Fraction(frame.sample_aspect_ratio or 1) if getattr(frame, "sample_aspect_ratio", None) else Fraction(1)
    width, height = max(1, round(frame.width * aspect)), frame.height
    scale = Fraction(size, min(width, height) if fit == "crop" else max(width, height))
    wide, high = (max(1, round(side * scale)) for side in (width, height))
    unnamed = _BT709 if frame.height >= _HD_HEIGHT else _BT601
    matrix = {1: _BT709, 5: _BT601, 6: _BT601}.get(int(frame.colorspace), unnamed)
    converted = frame.reformat(wide, high, "rgb24", src_colorspace=matrix, dst_color_range=_FULL_RANGE, interpolation=Interpolation.BICUBIC)
    pixels = np.rot90(converted.to_ndarray(), round(getattr(frame, "rotation", 0) / 90) % 4)
    top, left = ((side - size) // 2 for side in pixels.shape[:2])
    if fit == "crop":
        return np.ascontiguousarray(pixels[top:top + size, left:left + size])
    square = np.zeros((size, size, 3), np.uint8)
    square[-top:pixels.shape[0] - top, -left:pixels.shape[1] - left] = pixels
    return square
