"""Features of a waveform: mono, resampling, log-mel pictures, what each moment hears."""

from .mel import log_mel, mel_filters, mel_power, power_to_picture, released_picture, released_tower_picture, resize_picture
from .segments import MelSegments, SoundLevel, clip_picture, cut_window, measure, mirrored, segments_of, window_pictures, window_samples, window_start
from .waveform import from_audio_dict, resample, to_mono

__all__ = [
    "MelSegments",
    "SoundLevel",
    "clip_picture",
    "cut_window",
    "from_audio_dict",
    "log_mel",
    "measure",
    "mel_filters",
    "mel_power",
    "mirrored",
    "power_to_picture",
    "released_picture",
    "released_tower_picture",
    "resample",
    "resize_picture",
    "segments_of",
    "to_mono",
    "window_pictures",
    "window_samples",
    "window_start",
]
