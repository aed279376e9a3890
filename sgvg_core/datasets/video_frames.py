"""What a player shows of a video, at a frame rate and size of one's own."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av.error
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray
from PIL import Image

from ..errors import MediaError
from ..media import as_rgb_image, on_background
from ..media.sound_file import is_cover, open_container, reason, time_zero
from ..media.timeline import SMALL_JUMP, longest_silence

# FFmpeg's numbers of the conversion matrices and of full range.
_BT709, _BT601, _FULL_RANGE = 1, 5, 2
_NAMED_MATRICES = {1: _BT709, 5: _BT601, 6: _BT601}
_HD_HEIGHT = 720
"""Pictures of this height and more that don't name their matrix are taken for bt709, as players do."""
_ROUNDING = Fraction(1, 1_000_000)
_USUAL_FPS = 25
_MOST_ASPECT = 4
"""Pixels that a file calls wider or higher than this are taken for square."""
# PyAV 16 and later would start threads of its own for each picture.
_ONE_THREAD: dict[str, Any] = {"threads": 1} if "threads" in (VideoReformatter.reformat.__doc__ or "") else {}


def shown_images(path: Path, fps: Fraction, size: int, fit: str) -> Iterator[NDArray[np.uint8]]:
    """The picture at 0, 1 / fps, 2 / fps, ... seconds of a video -> uint8 [size, size, 3].

    A picture that is still there is the same object again. "crop" takes the middle square, "pad" puts black beside the picture; turned
    videos and pixels that aren't square come out as players show them. Streams; raises MediaError.

    `fit` is "crop" or "pad".
    """
    square, aspect = Square(size, fit), Fraction(1)
    count, end = 0, Fraction(0)
    current: Any = None
    pixels: NDArray[np.uint8] | None = None
    for frame, begin, aspect in _timed_frames(path):
        while current is not None and Fraction(count) / fps < begin:
            pixels = square(current, aspect) if pixels is None else pixels
            yield pixels
            count += 1
        current, pixels, end = frame, None, begin
    if current is None:
        raise MediaError(f"{path}: there isn't one picture in this video; export it again")
    end += Fraction(current.duration * current.time_base) if current.duration and current.time_base else Fraction(1, _USUAL_FPS)
    while Fraction(count) / fps < end - _ROUNDING:
        pixels = square(current, aspect) if pixels is None else pixels
        yield pixels
        count += 1


def _timed_frames(path: Path) -> Iterator[tuple[Any, Fraction, Fraction]]:
    """The decoded frames of a video, when each is shown first, in seconds from time 0, rising, and how much wider than high its pixels are."""
    with open_container(path) as container:
        streams = [stream for stream in container.streams.video if not is_cover(stream)]
        if not streams:
            raise MediaError(f"{path}: there is no moving picture in this file; choose a video, or prepare it with --layout sounds")
        stream, zero, last = streams[0], time_zero(container, path), Fraction(-1)
        step = 1 / Fraction(stream.average_rate or stream.guessed_rate or _USUAL_FPS)
        aspect = Fraction(stream.sample_aspect_ratio or 1)
        aspect = aspect if Fraction(1, _MOST_ASPECT) <= aspect <= _MOST_ASPECT else Fraction(1)
        stream.codec_context.thread_count = 1  # files are decoded side by side in processes
        offset, longest = Fraction(0), longest_silence(container.size)
        try:
            for frame in container.decode(stream):
                stamp = None if frame.pts is None or frame.time_base is None else frame.pts * frame.time_base - zero
                begin = last + step if stamp is None else stamp + offset
                if stamp is not None and not last - SMALL_JUMP < begin <= max(last, Fraction(0)) + longest:
                    begin = max(last, -step) + step  # a jump of the stamps: it goes on where the last picture was
                    offset = begin - stamp
                if begin > last:
                    last = begin
                    yield frame, begin, aspect
        except (av.error.FFmpegError, OSError) as error:
            raise MediaError(f"{path}: the picture can't be decoded past {max(0.0, float(last)):.2f} s ({reason(error)}); "
                             "copy or export it again") from error


class Square:
    """Decoded frames upright, with square pixels, as squares of one size; keeps the conversion's tables from frame to frame."""

    def __init__(self, size: int, fit: str) -> None:
        self.size, self.fit = size, fit
        self._reformatter = VideoReformatter()

    def __call__(self, frame: Any, aspect: Fraction = Fraction(1)) -> NDArray[np.uint8]:
        """A frame as uint8 [size, size, 3]; its pixels are `aspect` times as wide as high."""
        wide, high = self._scaled(max(1, round(frame.width * aspect)), frame.height)
        matrix = _NAMED_MATRICES.get(int(frame.colorspace), _BT709 if frame.height >= _HD_HEIGHT else _BT601)
        transparent = any(component.is_alpha for component in frame.format.components)
        converted = self._reformatter.reformat(frame, wide, high, "rgba" if transparent else "rgb24", src_colorspace=matrix,
                                               dst_color_range=_FULL_RANGE, interpolation=Interpolation.BICUBIC, **_ONE_THREAD)
        pixels = np.asarray(on_background(Image.fromarray(converted.to_ndarray()))) if transparent else converted.to_ndarray()
        return self._cut(np.rot90(pixels, round(getattr(frame, "rotation", 0) / 90) % 4))

    def image(self, image: Image.Image) -> NDArray[np.uint8]:
        """A still picture as uint8 [size, size, 3]."""
        return self._cut(np.asarray(as_rgb_image(image).resize(self._scaled(*image.size), Image.Resampling.BICUBIC)))

    def _scaled(self, width: int, height: int) -> tuple[int, int]:
        """The size at which the shorter side (crop) or the longer one (pad) fits."""
        scale = Fraction(self.size, min(width, height) if self.fit == "crop" else max(width, height))
        return max(1, round(width * scale)), max(1, round(height * scale))

    def _cut(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The middle square, or the picture in the middle of a black one."""
        high, wide = pixels.shape[:2]
        if self.fit == "crop":
            top, left = (high - self.size) // 2, (wide - self.size) // 2
            return np.ascontiguousarray(pixels[top:top + self.size, left:left + self.size])
        square = np.zeros((self.size, self.size, 3), np.uint8)
        top, left = (self.size - high) // 2, (self.size - wide) // 2
        square[top:top + high, left:left + wide] = pixels
        return square

