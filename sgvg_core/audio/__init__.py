"""Features of a waveform: mono, resampling, log-mel spectrograms, and the windows of a sound, moment by moment.

It knows samples and no files: a path never reaches this room. The numbers are the paper's and librosa's (tests/audio holds them to both), so
settings may be added, defaults stay.
"""

from .mel import log_mel, mel_filters, mel_power, power_to_log_mel, released_log_mel, released_tower_log_mel, resize_log_mel
from .segments import MelSegments, SoundLevel, clip_log_mel, cut_window, measure, mirrored, segments_of, window_log_mels, window_samples, window_start
from .waveform import from_audio_dict, mono_pieces, resample, to_mono

__all__ = [
    "MelSegments",
    "SoundLevel",
    "clip_log_mel",
    "cut_window",
    "from_audio_dict",
    "log_mel",
    "measure",
    "mel_filters",
    "mel_power",
    "mirrored",
    "mono_pieces",
    "power_to_log_mel",
    "released_log_mel",
    "released_tower_log_mel",
    "resample",
    "resize_log_mel",
    "segments_of",
    "to_mono",
    "window_log_mels",
    "window_samples",
    "window_start",
]
