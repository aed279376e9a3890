"""The windows of a sound that the joint space hears."""

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import torch

from ..assembly import SoundModel
from ..audio import MelSegments
from ..audio.mel import quantise
from ..config import MelConfig
from ..errors import ConfigError
from ..progress import Progress, silent
from .sound import AnalysedSound, Sound, analyse_sound

LABEL_RATE = Fraction(2)
"""Windows a second by which a sound is known as a whole."""


def label_windows(analysed: AnalysedSound, mel: MelConfig) -> MelSegments:
    """The windows by which a sound is known as a whole: one in the middle of each half second, and in the middle of a shorter sound."""
    return window_log_mels(analysed, mel, LABEL_RATE, min(1 / LABEL_RATE, analysed.duration) / 2)


def window_log_mels(analysed: AnalysedSound, mel: MelConfig, rate: Fraction, first: Fraction = Fraction(0)) -> MelSegments:
    """The log-mel spectrograms of a sound, `rate` a second from the moment `first` on (seconds), batch after batch [n, 1, M, F]. Raises
    ConfigError where `mel` isn't what the sound was analysed with.
    """
    if mel != analysed.mel:
        raise ConfigError("the joint space and the sound encoder hear different sound pictures; use parts that were trained together")
    num_segments = max(1, round(analysed.duration * rate))
    return MelSegments(lambda: analysed.sound.mono_chunks(mel.sample_rate), mel, analysed.level, rate=rate, num_segments=num_segments, first=first)


def embed_windows(
    model: SoundModel, windows: MelSegments, progress: Progress = silent, note: str = "what is heard"
) -> Iterator[torch.Tensor]:
    """What the model's joint space hears in each of some `windows`: embeddings [n, E] batch after batch, on its device.

    `progress` counts windows and says `note`. Raises ConfigError for a model without a joint space.
    """
    if model.joint_space is None:
        raise ConfigError(f"model {model.name}: has no joint space")
    done = 0
    for log_mel in windows:
        yield model.joint_space.embed_sounds(log_mel.to(model.device))
        done += len(log_mel)
        progress(done, len(windows), note)


def log_mel_windows(waveform: np.ndarray, sample_rate: int, mel: MelConfig, rate: Fraction, num_segments: int) -> np.ndarray:
    """The log-mel spectrograms of a sound, `rate` a second, uint8 [S, M, F]. `waveform` is mono [N]; `num_segments` is S."""
    analysed = analyse_sound(Sound.from_waveform(torch.from_numpy(waveform)[None], sample_rate), mel)
    segments = MelSegments(lambda: analysed.sound.mono_chunks(mel.sample_rate), mel, analysed.level, rate=rate, num_segments=num_segments)
    return quantise(torch.cat(list(segments))[:, 0]).numpy()
