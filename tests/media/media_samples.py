"""Real sound and video files, made by PyAV for each test."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch

from sgvg_core.media import FrameFolderWriter, VideoWriter

LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
# ending: (codec, sample format)
KINDS = {"wav": ("pcm_s16le", "s16"), "flac": ("flac", "s16"), "mp3": ("libmp3lame", "fltp"), "ogg": ("vorbis", "fltp"),
         "opus": ("libopus", "flt"), "m4a": ("aac", "fltp"), "mp4": ("aac", "fltp"), "mkv": ("aac", "fltp")}

MakeSound = Callable[..., Path]


def write_sound(path: Path, waveform: np.ndarray, rate: int, codec: str, sample_format: str, layout: str | None = None) -> Path:
    """Encode a waveform [C, N] into the container that the path's ending names."""
    layout = layout or LAYOUTS[len(waveform)]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options={"strict": "-2"} if codec == "vorbis" else {})
        stream.codec_context.layout = layout
        stream.codec_context.format = sample_format
        resampler = av.AudioResampler(format=sample_format, layout=layout, rate=rate)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(waveform, np.float32), format="fltp", layout=layout)
        frame.sample_rate, frame.pts = rate, 0
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return path


def mux_sound(path: Path, waveform: np.ndarray, rate: int, codec: str = "aac", sample_format: str = "fltp", *, format: str | None = None,
              options: dict[str, str] | None = None, stamps: Callable[[int], int] = int, image_from: float | None = None) -> Path:
    """Encode a waveform [C, N] with any options of the container. `stamps` is given each frame's first sample and says its time stamp, in
    samples; with `image_from` there's a picture beside it from that second on."""
    with av.open(str(path), "w", format=format, options=options or {}) as container:
        video = None if image_from is None else _image_stream(container)
        stream = container.add_stream(codec, rate=rate, options={"strict": "-2"})
        stream.codec_context.layout, stream.codec_context.format = LAYOUTS[len(waveform)], sample_format
        stream.codec_context.time_base = Fraction(1, rate)
        resampler = av.AudioResampler(format=sample_format, layout=LAYOUTS[len(waveform)], rate=rate)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(waveform.T, np.float32).reshape(1, -1), format="flt", layout=LAYOUTS[len(waveform)])
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        packets = [packet for piece in [*resampler.resample(frame), *resampler.resample(None)] for packet in stream.encode(piece)]
        for packet in [*packets, *stream.encode(None)]:
            packet.pts = packet.dts = stamps(packet.pts)
            container.mux(packet)
        for index in range(0 if video is None else round(waveform.shape[1] / rate * 25)):
            grey = np.full((16, 16, 3), 20 + 3 * index % 200, np.uint8)
            image_frame = av.VideoFrame.from_ndarray(grey, format="rgb24").reformat(format="yuv420p")
            image_frame.pts, image_frame.time_base = index + round(25 * (image_from or 0)), Fraction(1, 25)
            container.mux(video.encode(image_frame))
        if video is not None:
            container.mux(video.encode(None))
    return path


def _image_stream(container: Any) -> Any:
    video = container.add_stream("mpeg4", rate=25)
    video.codec_context.width = video.codec_context.height = 16
    video.codec_context.pix_fmt, video.codec_context.time_base = "yuv420p", Fraction(1, 25)
    return video


def click_at(seconds: float, total_seconds: float, rate: int) -> np.ndarray:
    """Silence with a click of 1 ms, of which the first half is loudest, at a time: [1, N]."""
    waveform = np.zeros((1, round(total_seconds * rate)), np.float32)
    first, num = round(seconds * rate), max(8, rate // 1000)
    waveform[0, first:first + num] = 0.9 * np.linspace(1, 0.1, num) * np.cos(np.pi * np.arange(num) / 3)
    return waveform


def onset_seconds(waveform: torch.Tensor, rate: int) -> float:
    """When the loudest event of a waveform [C, N] is: the middle of its energy within 3 ms around the peak."""
    power = waveform.double().square().sum(dim=0)
    half, peak = max(1, round(0.003 * rate)), int(power.argmax())
    low = max(0, peak - half)
    near = power[low:peak + half]
    return float((near * torch.arange(low, low + len(near))).sum() / near.sum()) / rate


def image(num: int, height: int = 64, width: int = 64) -> torch.Tensor:
    """`num` grey frames [num, H, W, 3] that brighten by the frame number."""
    level = torch.arange(num).mul(3).remainder(200).add(20).to(torch.uint8)
    return level[:, None, None, None].expand(num, height, width, 3).contiguous()


FPS = [Fraction(24_000, 1001), Fraction(24), Fraction(25), Fraction(30_000, 1001), Fraction(30), Fraction(60_000, 1001), Fraction(60)]


def write_and_raise(writer: VideoWriter | FrameFolderWriter, stop: type[BaseException]) -> None:
    """What happens when work is stopped halfway."""
    with writer:
        writer.write(image(40))
        raise stop
