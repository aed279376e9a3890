"""Wav files, 16 bit."""

import wave
from pathlib import Path

import torch

from ..atomic_files import atomic_write
from ..errors import MediaError
from ..shapes import check_shape


def write_wav(path: str | Path, waveform: torch.Tensor, sample_rate: int) -> Path:
    """Write a waveform [C, N] in -1..1 as a 16-bit wav file at `path`, `sample_rate` in Hz; louder samples are clipped. Raises MediaError."""
    check_shape("waveform", waveform, "C N")
    if not torch.isfinite(waveform).all() or not 0 < waveform.shape[0] <= 64:
        raise MediaError(f"{path}: got {waveform.shape[0]} channels of sound, some samples maybe NaN; expected 1 to 64 channels, all finite")
    samples = (waveform.detach().to("cpu", torch.float64) * 32_768).round().clamp(-32_768, 32_767).to(torch.int16)
    with atomic_write(path, MediaError) as part, wave.open(str(part), "wb") as file:
        file.setnchannels(waveform.shape[0])
        file.setsampwidth(2)
        file.setframerate(int(sample_rate))
        file.writeframes(samples.T.contiguous().numpy().astype("<i2").tobytes())
    return Path(path)
