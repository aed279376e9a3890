"""The frames of a video as a player shows them: upright, with square pixels, at a constant rate, one after another."""

import dataclasses
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av.error
import numpy as np
import torch
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray
from PIL import Image

from ..clock import to_fps
from ..errors import MediaError
from .sound_file import is_cover, open_container, reason, time_zero
from .still import on_background
from .timeline import SMALL_JUMP, longest_silence

# FFmpeg's numbers of the conversion matrices and of full range.
_BT709, _BT601, _FULL_RANGE = 1, 5, 2
_NAMED_MATRICES = {1: _BT709, 5: _BT601, 6: _BT601}
_HD_HEIGHT = 720
"""Pictures of this height and more that don't name their matrix are taken for bt709, as players do."""
_USUAL_FPS = 25
_MOST_FPS = 240
_MOST_ASPECT = 4
"""Pixels that a file calls wider or higher than this are taken for square."""
_ROUNDING = Fraction(1, 1_000_000)
# PyAV 16 and later would start threads of its own for each picture.
_ONE_THREAD: dict[str, Any] = {"threads": 1} if "threads" in (VideoReformatter.reformat.__doc__ or "") else {}


@dataclasses.dataclass(frozen=True)
class ShownVideo:
    """A video's picture; iterating gives its frames, uint8 [H, W, 3], decoded anew each time."""

    path: Path
    fps: Fraction
    """The rate of iteration: the file's own, or one that was asked for."""
    num_frames: int
    """How many frames there are at this rate, by the file's time stamps: exact unless they're damaged."""
    stored_frames: int
    """How many frames the file holds in the same time."""
    has_sound: bool
    """Whether the file has a sound track."""
    start: float = 0.0
    """Seconds of the file that are skipped."""
    seconds: float | None = None
    """Length of the cut; None: to the end."""

    @classmethod
    def open(cls, path: str | Path, *, fps: Fraction | None = None, start: float = 0.0, seconds: float | None = None) -> "ShownVideo":
        """The video of a file: `seconds` of it (None: all) from `start` seconds on, at `fps` (None: its own rate).

        All time stamps are looked at, without decoding. Raises MediaError for a file without a moving picture, and for a start beyond its end.
        """
        path = Path(path)
        if start < 0 or (seconds is not None and seconds <= 0):
            raise MediaError(f"{path}: got start {start:g} s and length {seconds} s, expected 0 or more, and above 0")
        with open_container(path) as container:
            stream = _picture_stream(container, path)
            own = Fraction(stream.average_rate or stream.guessed_rate or _USUAL_FPS)
            rate = to_fps(fps if fps is not None else own if own <= _MOST_FPS else _MOST_FPS)
            stamps, end = _stamps(container, stream, path, own)
        last = end if seconds is None else min(end, Fraction(start) + Fraction(seconds))
        inside = sum(1 for stamp in stamps if Fraction(start) - _ROUNDING <= stamp < last - _ROUNDING)
        number = round((last - Fraction(start)) * rate)
        if number < 1:
            raise MediaError(f"{path}: start {start:g} s lies at or behind the end of the picture ({float(end):.2f} s); choose an earlier one")
        return cls(path, rate, number, stored_frames=inside, has_sound=_has_sound(path), start=start, seconds=seconds)

    def __iter__(self) -> Iterator[torch.Tensor]:
        convert, count = _Upright(self.path), 0
        most = None if self.seconds is None else self.num_frames
        current: Any = None
        pixels: torch.Tensor | None = None
        for frame, begin, aspect in timed_frames(self.path):
            while current is not None and self._moment(count) < begin and count != most:
                pixels = convert(*current) if pixels is None else pixels
                yield pixels
                count += 1
            if count == most:
                return
            current, pixels = (frame, aspect, begin), None
        if current is None:
            raise MediaError(f"{self.path}: there isn't one picture in this video; export it again")
        end = current[2] + _seconds_of(current[0], 1 / self.fps)
        while self._moment(count) < end + _ROUNDING and count != most:
            pixels = convert(*current) if pixels is None else pixels
            yield pixels
            count += 1

    def _moment(self, index: int) -> Fraction:
        """When frame `index` is looked at: in the middle of its time, so that rounded time stamps don't matter."""
        return Fraction(self.start) + (index + Fraction(1, 2)) / self.fps


def _seconds_of(frame: Any, usual: Fraction) -> Fraction:
    """How long a frame is shown, by its own word or as usual."""
    said = Fraction(frame.duration * frame.time_base) if frame.duration and frame.time_base else usual
    return said if Fraction(1, _MOST_FPS) <= said <= 10 else usual


def _has_sound(path: Path) -> bool:
    with open_container(path) as container:
        return bool(container.streams.audio)


def _picture_stream(container: Any, path: Path, advice: str = "choose a video") -> Any:
    streams = [stream for stream in container.streams.video if not is_cover(stream)]
    if not streams:
        raise MediaError(f"{path}: there is no moving picture in this file; {advice}")
    return streams[0]


def _stamps(container: Any, stream: Any, path: Path, rate: Fraction) -> tuple[list[Fraction], Fraction]:
    """When each stored frame is shown first, and when the last one ends, in seconds from time 0."""
    stamps: list[Fraction] = []
    zero, longest = time_zero(container, path), Fraction(0)
    try:
        for packet in container.demux(stream):
            if packet.size and not packet.is_corrupt:
                stamps.append(Fraction(len(stamps)) / rate if packet.pts is None else packet.pts * packet.time_base - zero)
                longest = Fraction(packet.duration * packet.time_base) if packet.duration and packet.time_base else 1 / rate
    except (av.error.FFmpegError, OSError) as error:
        raise MediaError(f"{path}: the picture can't be read ({reason(error)}); copy or export it again") from error
    if not stamps:
        raise MediaError(f"{path}: there isn't one picture in this video; export it again")
    step = longest if Fraction(1, _MOST_FPS) <= longest <= 10 else 1 / rate
    if len(set(stamps)) < len(stamps) or max(stamps) - min(stamps) > longest_silence(container.size) + len(stamps) * step:
        stamps = [index * step for index in range(len(stamps))]  # stamps that jump, which decoding mends: they follow one another
    stamps.sort()
    return stamps, stamps[-1] + step


def timed_frames(path: Path, advice: str = "choose a video") -> Iterator[tuple[Any, Fraction, Fraction]]:
    """The decoded frames of a video, when each is shown first, in seconds from time 0, rising, and how much wider than high its pixels are.

    `advice` is what the error of a file without a picture tells to do. Raises MediaError.
    """
    with open_container(path) as container:
        stream = _picture_stream(container, path, advice)
        zero, last = time_zero(container, path), Fraction(-1)
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
                    begin = max(last, -step) + step  # a jump of the stamps: it continues where the last picture was
                    offset = begin - stamp
                if begin > last:
                    last = begin
                    yield frame, begin, aspect
        except (av.error.FFmpegError, OSError) as error:
            raise MediaError(f"{path}: the picture can't be decoded past {max(0.0, float(last)):.2f} s ({reason(error)}); "
                             "copy or export it again") from error


def upright_pixels(frame: Any, size: tuple[int, int], reformatter: VideoReformatter) -> NDArray[np.uint8]:
    """A decoded frame as RGB, resampled to a width and height and then turned as players show it, uint8; what's transparent lies on white.

    `size` is width and height before it's turned.
    """
    matrix = _NAMED_MATRICES.get(int(frame.colorspace), _BT709 if frame.height >= _HD_HEIGHT else _BT601)
    transparent = any(component.is_alpha for component in frame.format.components)
    converted = reformatter.reformat(frame, *size, "rgba" if transparent else "rgb24", src_colorspace=matrix, dst_color_range=_FULL_RANGE,
                                     interpolation=Interpolation.BICUBIC, **_ONE_THREAD)
    pixels = np.asarray(on_background(Image.fromarray(converted.to_ndarray()))) if transparent else converted.to_ndarray()
    return np.rot90(pixels, round(getattr(frame, "rotation", 0) / 90) % 4)


class _Upright:
    """Decoded frames of one size as RGB, upright, with square pixels; keeps the conversion's tables from frame to frame."""

    def __init__(self, path: Path) -> None:
        self.path, self._size = path, (0, 0)
        self._reformatter = VideoReformatter()

    def __call__(self, frame: Any, aspect: Fraction, begin: Fraction) -> torch.Tensor:
        """A frame as uint8 [H, W, 3]. Raises MediaError where its size isn't that of the frames before."""
        size = frame.width, frame.height
        if self._size not in ((0, 0), size):
            raise MediaError(f"{self.path}: the picture changes from {self._size[0]} x {self._size[1]} to {size[0]} x {size[1]} at "
                             f"{float(begin):.2f} s; export it with one size, or cut it there")
        self._size = size
        pixels = upright_pixels(frame, (max(1, round(frame.width * aspect)), frame.height), self._reformatter)
        return torch.from_numpy(np.ascontiguousarray(pixels))
