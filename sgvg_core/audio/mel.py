"""Log-mel spectrograms of sound, as the paper's released code makes them (librosa's Slaney mels), in plain torch.

power -> mel -> dB below a reference, 80 dB range -> 0..1. Window Hann, centred frames, power 2; silence around the sound.
"""

import functools
import math

import torch
import torch.nn.functional as F

from ..config import MelConfig, check_choice
from ..errors import ShapeError
from ..shapes import check_shape

SMALLEST_POWER = 1e-10
"""Mel powers under this count as silence (librosa's `amin`)."""
RANGE_DB = 80.0
SILENCE = ("zeros", "released")


@functools.lru_cache(maxsize=16)
def mel_filters(sample_rate: int, n_fft: int, n_mels: int) -> torch.Tensor:
    """Triangular filters [n_mels, n_fft // 2 + 1] on Slaney's mel scale, each of unit area, from 0 Hz to half the sample rate."""
    edges = _mel_to_hertz(torch.linspace(0, _hertz_to_mel(sample_rate / 2), n_mels + 2, dtype=torch.float64))
    bins = torch.linspace(0, sample_rate / 2, n_fft // 2 + 1, dtype=torch.float64)
    rising = (bins[None] - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins[None]) / (edges[2:] - edges[1:-1])[:, None]
    area = 2 / (edges[2:] - edges[:-2])
    return (torch.minimum(rising, falling).clamp(min=0) * area[:, None]).float()


# Slaney's scale (Auditory Toolbox): 3 mels a 200 Hz up to 1 kHz, then 27 mels for each factor of 6.4.
_LINEAR_END, _MELS_AT_END, _LOG_STEP = 1000.0, 15.0, math.log(6.4) / 27


def _hertz_to_mel(hertz: float) -> float:
    return hertz * 3 / 200 if hertz < _LINEAR_END else _MELS_AT_END + math.log(hertz / _LINEAR_END) / _LOG_STEP


def _mel_to_hertz(mel: torch.Tensor) -> torch.Tensor:
    return torch.where(mel < _MELS_AT_END, mel * 200 / 3, _LINEAR_END * torch.exp(_LOG_STEP * (mel - _MELS_AT_END)))


def mel_power(waveform: torch.Tensor, mel: MelConfig, *, centred: bool = True, padding: str = "zeros") -> torch.Tensor:
    """Mel powers [B, n_mels, frames] of a waveform [B, N] at the configuration's sample rate.

    Centred: frame i is centred on sample i * hop and there are 1 + N // hop of them; beyond the ends there is silence, or with
    padding="reflect" the mirrored sound (short sounds get silence all the same). Otherwise frame i starts at sample i * hop.

    `centred` says whether frames are centred on their sample or begin there; `padding` is "zeros" or "reflect".

    Raises ShapeError where the sound is shorter than one window, and ConfigError for another `padding`.
    """
    check_shape("waveform", waveform, "B N")
    check_choice("padding", padding, ("zeros", "reflect"))
    half = mel.n_fft // 2
    if centred:
        mode = "reflect" if padding == "reflect" and waveform.shape[1] > half else "constant"
        waveform = F.pad(waveform[:, None], (half, half), mode=mode)[:, 0]
    if waveform.shape[1] < mel.n_fft:
        raise ShapeError(f"waveform: got {waveform.shape[1]} samples, expected at least {mel.n_fft} (one n_fft window)")
    window = torch.hann_window(mel.n_fft, dtype=waveform.dtype, device=waveform.device)
    spectrum = torch.stft(waveform, mel.n_fft, mel.hop, window=window, center=False, return_complex=True)
    power = spectrum.real.square() + spectrum.imag.square()
    return mel_filters(mel.sample_rate, mel.n_fft, mel.n_mels).to(power) @ power


def power_to_log_mel(power: torch.Tensor, reference: float | torch.Tensor, *, silence: str = "zeros") -> torch.Tensor:
    """Mel powers [B, n_mels, frames] as dB below `reference`, 80 dB range, scaled to 0..1; louder ones are held at 1.

    `reference` is a power: one number, or one an item, [B]. One that is silence itself would make every spectrogram all ones, as the
    released code does (silence="released"); silence="zeros" makes it all zeros.
    """
    check_choice("silence", silence, SILENCE)
    top = torch.as_tensor(reference, dtype=power.dtype, device=power.device).reshape(-1, *[1] * (power.ndim - 1))
    decibel = 10 * (power.clamp(min=SMALLEST_POWER).log10() - top.clamp(min=SMALLEST_POWER).log10())
    spectrogram = (decibel / RANGE_DB + 1).clamp(0, 1)
    return spectrogram if silence == "released" else torch.where(top > SMALLEST_POWER, spectrogram, 0)


def log_mel(waveform: torch.Tensor, mel: MelConfig, *, reference: float | torch.Tensor | None = None, silence: str = "zeros",
            padding: str = "zeros") -> torch.Tensor:
    """The log-mel spectrogram [B, 1, n_mels, frames] in 0..1 of a mono waveform [B, N] at the configuration's sample rate.

    `reference` is the mel power that becomes 1; None takes each item's own maximum. frames = 1 + N // hop.

    `silence` says what a silent item becomes: "zeros", or what the "released" code makes of it. `padding` is that of `mel_power`.
    """
    power = mel_power(waveform, mel, padding=padding)
    top = power.amax(dim=(1, 2)) if reference is None else reference
    return power_to_log_mel(power, top, silence=silence)[:, None]


def resize_log_mel(spectrogram: torch.Tensor, num_mels: int, num_frames: int) -> torch.Tensor:
    """A spectrogram [B, 1, M, F] resized bilinearly with half-pixel centres and no antialiasing.

    `spectrogram` is of any size; `num_mels` and `num_frames` are its new height and width.
    """
    check_shape("picture", spectrogram, "B 1 M F")
    return F.interpolate(spectrogram, size=(num_mels, num_frames), mode="bilinear", align_corners=False)


def released_log_mel(waveform: torch.Tensor, mel: MelConfig | None = None, *, num_frames: int = 864, silence: str = "zeros",
                     padding: str = "zeros") -> torch.Tensor:
    """A whole clip [B, N] as the released sound inversion encoder takes it: [B, 1, resized_mels, resized_frames].

    The log-mel spectrogram is cut to its middle `num_frames` frames or filled up with zeros on the right, then resized. `mel` None is
    the released setting (44,100 Hz, 256 mels, 256 x 256). Raises ShapeError.

    `silence` and `padding` are those of `log_mel`.
    """
    mel = mel or MelConfig()
    spectrogram = log_mel(waveform, mel, silence=silence, padding=padding)
    surplus = spectrogram.shape[-1] - num_frames
    if surplus > 0:
        spectrogram = spectrogram[..., surplus // 2:surplus // 2 + num_frames]
    spectrogram = F.pad(spectrogram, (0, num_frames - spectrogram.shape[-1]))
    return resize_log_mel(spectrogram, mel.resized_mels, mel.resized_frames)


def released_tower_log_mel(waveform: torch.Tensor, mel: MelConfig | None = None, *, num_frames: int = 864, first_frame: int | None = None,
                           silence: str = "zeros", padding: str = "reflect") -> torch.Tensor:
    """A whole clip [B, N] as the released sound tower F_a takes it: [B, 1, 128, 512].

    `first_frame` is the first of `num_frames` frames that are heard of a longer clip (None: its middle; the released code drew it at
    random). The spectrogram, resized to 512 along the mels and 128 along time, is then read in the order it has in memory as 128 rows of
    512: neither axis means what its size says, but the weights were trained on that. `mel` None is the released setting (44,100 Hz, 128
    mels); edges are mirrored, as librosa did then. Raises ShapeError.

    `silence` and `padding` are those of `log_mel`.
    """
    mel = mel or MelConfig(n_mels=128, resized_mels=512, resized_frames=128)
    spectrogram = log_mel(waveform, mel, silence=silence, padding=padding)
    surplus = max(spectrogram.shape[-1] - num_frames, 0)
    first = surplus // 2 if first_frame is None else first_frame
    if not 0 <= first <= surplus:
        raise ShapeError(f"first_frame: got {first}, expected 0 to {surplus} in a clip of {spectrogram.shape[-1]} frames")
    spectrogram = spectrogram[..., first:first + num_frames]
    spectrogram = F.pad(spectrogram, (0, num_frames - spectrogram.shape[-1]))
    resized = resize_log_mel(spectrogram, mel.resized_mels, mel.resized_frames)
    return resized.reshape(len(resized), 1, mel.resized_frames, mel.resized_mels)


def quantise(log_mel: torch.Tensor) -> torch.Tensor:
    """A log-mel spectrogram in 0..1, of any shape, as uint8: a step is 80 dB / 255, or 0.3 dB."""
    return (log_mel * 255).round().to(torch.uint8)


def dequantise(stored: torch.Tensor) -> torch.Tensor:
    """What `quantise` stored, of any shape, as float32 in 0..1."""
    return stored.float() / 255
