"""How strongly something begins in each frame: SuperFlux, and librosa's plain variant."""

import dataclasses
from collections.abc import Iterable, Iterator

import numpy as np
import torch
import torch.nn.functional as F

from ..audio import mel_filters
from .gathered import Gathered
from .spectra import Stft

_N_MELS = 128
_SMALLEST, _RANGE_DB = 1e-10, 80.0


@dataclasses.dataclass(frozen=True)
class OnsetSettings:
    """`lag` is how many frames back is compared with, `reach` over how many mel bands the past's largest is taken (1: no filter)."""

    lag: int = 2
    reach: int = 3

    @property
    def delay(self) -> int:
        """Frames by which the strength is counted later than its window: what begins is seen before a window is centred there, but a lag
        of two is largest a frame later."""
        return ONSET_STFT.n_fft // (2 * ONSET_STFT.hop) - 2 * (self.lag - 1)


SUPERFLUX, PLAIN = OnsetSettings(), OnsetSettings(lag=1, reach=1)
ONSET_STFT = Stft(22050, 2048, 512)


def loudest_mel(chunks: Iterable[torch.Tensor], stft: Stft = ONSET_STFT) -> float:
    """The largest mel power of a sound in chunks [n], which the range of 80 dB counts from."""
    filters = mel_filters(stft.sample_rate, stft.n_fft, _N_MELS)
    return max((float((power @ filters.T).max()) for power in stft.powers(chunks)), default=0.0)


def onset_strength(chunks: Iterable[torch.Tensor], loudest: float, kinds: tuple[OnsetSettings, ...] = (SUPERFLUX,),
                   stft: Stft = ONSET_STFT) -> list[np.ndarray]:
    """Mean rise of the mel bands in dB [T] of a sound in chunks [n], for each of `kinds`.

    The mean over the bands of max(0, S[t] - max_filter(S)[t - lag]), S in dB, held at 80 dB below `loudest` (of `loudest_mel`).
    Bock and Widmer, Maximum filter vibrato suppression for onset detection, 2013. Frames are counted `OnsetSettings.delay` later, which
    puts what SuperFlux finds within a frame of its moment; librosa counts it two frames later, the plain one as here.
    """
    lag = max(kind.lag for kind in kinds)
    found = [Gathered() for _ in kinds]
    past: torch.Tensor | None = None
    num_frames = 0
    for level in _levels(chunks, loudest, stft):
        num_frames += len(level)
        joined = level if past is None else torch.cat([past, level])
        known = 0 if past is None else len(past)
        for kind, made in zip(kinds, found, strict=True):
            made.add(_rises(joined, kind, max(known, kind.lag)))
        past = joined[-lag:]
    return [_delayed(torch.from_numpy(made.rows), kind.lag + kind.delay, num_frames) for kind, made in zip(kinds, found, strict=True)]


def _levels(chunks: Iterable[torch.Tensor], loudest: float, stft: Stft) -> Iterator[torch.Tensor]:
    filters = mel_filters(stft.sample_rate, stft.n_fft, _N_MELS)
    floor = 10 * float(np.log10(max(loudest, _SMALLEST))) - _RANGE_DB
    for power in stft.powers(chunks):
        yield (10 * (power @ filters.T).clamp(min=_SMALLEST).log10()).clamp(min=floor)


def _rises(level: torch.Tensor, kind: OnsetSettings, first: int) -> torch.Tensor:
    """Mean rise of frames `first` .. of levels [n, mels] against those `lag` before."""
    if len(level) <= first:
        return level.new_zeros(0)
    past = level[first - kind.lag:len(level) - kind.lag]
    if kind.reach > 1:
        past = F.max_pool1d(past[:, None], kind.reach, stride=1, padding=kind.reach // 2)[:, 0]
    return (level[first:] - past).clamp(min=0).mean(1)


def _delayed(strength: torch.Tensor, frames: int, num_frames: int) -> np.ndarray:
    return F.pad(strength, (frames, 0))[:num_frames].numpy()
