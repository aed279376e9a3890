"""Loudness of a sound over time."""

import numpy as np


def loudness_envelope(waveform: np.ndarray, sample_rate: int, rate: float, num_segments: int) -> np.ndarray:
    """Loudness around each window's centre, in 0..1 between the clip's 5th and 95th percentile (in dB), [S].

    `waveform` is [N]. `rate` is windows a second, `num_segments` their number; window k is centred on k / `rate` seconds.
    """
    half = int(0.1 * sample_rate)
    power = np.concatenate([[0.0], np.cumsum(waveform.astype(np.float64) ** 2)])
    centres = np.clip((np.arange(num_segments) / rate * sample_rate).astype(int), 0, len(waveform) - 1)
    low, high = np.clip(centres - half, 0, len(waveform)), np.clip(centres + half, 1, len(waveform))
    level = 10 * np.log10((power[high] - power[low]) / (high - low) + 1e-10)
    quiet, loud = np.percentile(level, [5, 95])
    spread = max(loud - quiet, 6.0)  # a steady sound stays in the middle instead of being stretched over the whole range
    return np.clip(0.5 + (level - (quiet + loud) / 2) / spread, 0, 1).astype(np.float32)
