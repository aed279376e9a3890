"""Real sound and video files, made by PyAV for each test."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import torch

LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}
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


def picture(num: int, height: int = 64, width: int = 64) -> torch.Tensor:
    """`num` grey frames [num, H, W, 3] that brighten by the frame number."""
    level = torch.arange(num).mul(3).remainder(200).add(20).to(torch.uint8)
    return level[:, None, None, None].expand(num, height, width, 3).contiguous()


FPS = [Fraction(24_000, 1001), Fraction(24), Fraction(25), Fraction(30_000, 1001), Fraction(30), Fraction(60_000, 1001), Fraction(60)]
