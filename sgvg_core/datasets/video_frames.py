"""What a player shows of a video, at a frame rate and size of one's own."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray
from PIL import Image

from ..errors import MediaError
from ..media import as_rgb_image
from ..media.shown_video import timed_frames, upright_pixels

_ROUNDING = Fraction(1, 1_000_000)
_USUAL_FPS = 25


def shown_images(path: Path, fps: Fraction, size: int, fit: str) -> Iterator[NDArray[np.uint8]]:
    """The picture at 0, 1 / fps, 2 / fps, ... seconds of a video -> uint8 [size, size, 3].

    A picture that is still there is the same object again. "crop" takes the middle square, "pad" puts black at the picture's sides; turned
    videos and pixels that aren't square come out as players show them. Streams; raises MediaError.

    `fit` is "crop" or "pad".
    """
    square, aspect = Square(size, fit), Fraction(1)
    count, end = 0, Fraction(0)
    current: Any = None
    pixels: NDArray[np.uint8] | None = None
    for frame, begin, aspect in timed_frames(path, "choose a video, or prepare it with --layout sounds"):
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


class Square:
    """Decoded frames upright, with square pixels, as squares of `size` pixels a side; keeps the conversion's tables from frame to frame.

    `fit` is that of `PrepareOptions`: "crop" the middle, or "pad".
    """

    def __init__(self, size: int, fit: str) -> None:
        self.size, self.fit = size, fit
        self._reformatter = VideoReformatter()

    def __call__(self, frame: Any, aspect: Fraction = Fraction(1)) -> NDArray[np.uint8]:
        """A frame as uint8 [size, size, 3]; its pixels are `aspect` times as wide as high."""
        wide, high = self._scaled(max(1, round(frame.width * aspect)), frame.height)
        return self._cut(upright_pixels(frame, (wide, high), self._reformatter))

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

