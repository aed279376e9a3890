"""How a clip's sound and frames are stored: FLAC, and JPEGs one behind the other (Motion JPEG).

Every frame is a picture of its own, so frame k is read without frame k - 1: training takes a few frames out of the middle of a clip, and a
codec that predicts frames from others would decode all those before. PNG takes twice the room and twice the time to decode (rendered clips
of 128 px: 19 kB and 0.54 ms against 9.6 kB and 0.23 ms; photographs differ more). The colours aren't subsampled, and any player opens a
Motion JPEG stream.
"""

import io
from typing import Any, cast

import av
import av.error
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from ..errors import DataError

_SILENCE_DB = -200.0


def jpeg_bytes(pixels: NDArray[np.uint8], quality: int) -> bytes:
    """A frame [H, W, 3] as a JPEG without colour subsampling. `pixels` are uint8 RGB; `quality` is Pillow's, 1 to 95."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, subsampling=0)
    return buffer.getvalue()


def jpeg_pixels(data: bytes, width: int, height: int, size: int | None, where: str) -> NDArray[np.uint8]:
    """A stored frame as pixels [H, W, 3], reduced so that its shorter side is `size` (None: as it is).

    `data` is the JPEG file; `width` and `height` are what it must have, in pixels. Raises DataError, which names `where` it's from.
    """
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
            if image.size != (width, height):
                raise DataError(f"{where}: got a frame of {image.size[0]} x {image.size[1]}, expected {width} x {height}; "
                                "the shard is damaged, prepare the data again")
            if size is not None:  # a larger picture is decoded at half, a quarter or an eighth right away, still twice as large as asked
                image.draft("RGB", (2 * width * size // min(width, height), 2 * height * size // min(width, height)))
            decoded = image.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{where}: a frame can't be decoded ({error}); the shard is damaged, prepare the data again") from error
    if size is not None and size != min(width, height):
        scale = size / min(width, height)
        decoded = decoded.resize((max(1, round(width * scale)), max(1, round(height * scale))), Image.Resampling.BICUBIC)
    return np.asarray(decoded)


def flac_bytes(waveform: NDArray[np.float32], sample_rate: int) -> bytes:
    """Mono samples [N] in -1..1 as a FLAC file of 16 bits; the same samples give the same bytes."""
    samples = np.clip(np.round(waveform.astype(np.float64) * 32_768), -32_768, 32_767).astype(np.int16)
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="flac", options={"fflags": "+bitexact"}) as container:
        stream = cast(Any, container.add_stream("flac", rate=sample_rate, options={"flags": "+bitexact"}))
        stream.codec_context.layout, stream.codec_context.format, stream.codec_context.thread_count = "mono", "s16", 1
        for start in range(0, len(samples), 4096):
            frame = av.AudioFrame.from_ndarray(samples[None, start:start + 4096], format="s16", layout="mono")
            frame.sample_rate, frame.pts = sample_rate, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def flac_samples(data: bytes, sample_rate: int, num_samples: int, where: str) -> torch.Tensor:
    """The samples [N] float32 of a stored sound. Raises DataError, which names `where` it's from, when they aren't what the manifest says.

    `data` is the FLAC file; `num_samples` is what it must hold.
    """
    pieces: list[NDArray[np.int16]] = []
    decoded = 0
    try:
        with av.open(io.BytesIO(data), format="flac") as container:
            for frame in container.decode(audio=0):
                pieces.append(frame.to_ndarray().reshape(-1))
                decoded += len(pieces[-1])
                if frame.sample_rate != sample_rate or decoded > num_samples or pieces[-1].dtype != np.int16:
                    break
    except (av.error.FFmpegError, OSError, ValueError, IndexError) as error:
        raise DataError(f"{where}: the sound can't be decoded ({error}); the shard is damaged, prepare the data again") from error
    if decoded != num_samples or pieces[-1].dtype != np.int16:
        raise DataError(f"{where}: got a sound of {decoded} samples, expected {num_samples} of 16 bits at {sample_rate} Hz; "
                        "the shard is damaged, prepare the data again")
    return torch.from_numpy(np.concatenate(pieces)).float().mul_(1 / 32_768)


def loudness_db(waveform: NDArray[np.float32]) -> tuple[float, float]:
    """Root mean square and peak of samples [N], in dB below full scale, to two decimals; silence is -200."""
    power, peak = float(np.mean(np.square(waveform, dtype=np.float64))), float(np.abs(waveform).max(initial=0))
    return tuple(round(max(_SILENCE_DB, 20 * float(np.log10(max(level, 1e-12)))), 2) for level in (power**0.5, peak))  # type: ignore[return-value]
