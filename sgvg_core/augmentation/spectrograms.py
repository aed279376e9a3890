"""Log-mel spectrograms of a sound as other lengths, loudspeakers and microphones would give them."""

import numpy as np
import torch

from ..audio import mirrored

SHORTENED_SHARE, SMALL_SPEAKER_SHARE = 0.12, 0.15
"""Shares of E_a's windows that are pictured as of a short sound, and as a small loudspeaker gives them."""


def shorten(log_mels: torch.Tensor, rng: np.random.Generator, share: float | None = None) -> torch.Tensor:
    """Some of the spectrograms [n, 1, M, F] as those of sounds shorter than the window, or of its ends: what is heard continues backwards.

    `log_mels` are in 0..1; `share` of them, 0..1, are shortened (None: the usual share).
    """
    num_frames = log_mels.shape[3]
    for item in np.flatnonzero(rng.random(len(log_mels)) < (SHORTENED_SHARE if share is None else share)):
        first, last = int(rng.integers(0, num_frames // 2 - 2)), int(rng.integers(num_frames // 2 + 2, num_frames + 1))
        log_mels[item] = log_mels[item][:, :, first + mirrored(torch.arange(num_frames) - first, last - first)]
    return log_mels


def by_small_speakers(log_mels: torch.Tensor, loudest: torch.Tensor, rng: np.random.Generator, share: float | None = None) -> torch.Tensor:
    """Some of the spectrograms [n, 1, M, F] without their lowest rows, and most of those without the highest, as telephones pass them on.

    Pictures say how far below the clip's loudest moment everything is, so what is left of a clip whose `loudest` rows [n, M] go rises.

    `log_mels` are in 0..1; `share` of them, 0..1, are changed (None: the usual share).
    """
    num_mels = log_mels.shape[2]
    rows = torch.arange(num_mels)
    for item in np.flatnonzero(rng.random(len(log_mels)) < (SMALL_SPEAKER_SHARE if share is None else share)):
        slope = rng.uniform(0.02, 0.15, 2)
        loss = (rng.uniform(0.03, 0.22) * num_mels - rows).clamp(min=0) * slope[0]
        if rng.random() < 0.6:
            loss = loss + (rows - rng.uniform(0.55, 1) * num_mels).clamp(min=0) * slope[1]
        rise = loudest[item].max() - (loudest[item] - loss).max()
        log_mel = log_mels[item]
        log_mels[item] = (log_mel + (rise - loss[:, None]) * (log_mel > 0)).clamp(0, 1)
    return log_mels


def mask_log_mels(log_mels: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Log-mel spectrograms with an overall level and tilt added and a band and a span of time hidden, as microphones and masking sounds do.

    `log_mels` are [n, 1, M, F] in 0..1, and are left as they are.
    """
    num, _, mels, frames = log_mels.shape
    shift = torch.from_numpy(rng.normal(0, 0.05, (num, 1, 1, 1))).float()
    tilt = torch.from_numpy(rng.normal(0, 0.08, (num, 1, 1, 1))).float() * torch.linspace(-1, 1, mels)[:, None]
    log_mels = (log_mels + (shift + tilt) * (log_mels > 0)).clamp(0, 1)
    for item in range(num):
        if rng.random() < 0.3:
            low = rng.integers(mels - 8)
            log_mels[item, :, low : low + rng.integers(1, 9)] = 0
        if rng.random() < 0.2:
            low = rng.integers(frames - 8)
            log_mels[item, :, :, low : low + rng.integers(1, 9)] = 0
    return log_mels
