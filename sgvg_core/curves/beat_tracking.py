"""Beats: Ellis' dynamic programme along the tempo, then each beat moved onto its rise of energy."""

import dataclasses
import functools
from collections.abc import Iterable

import numpy as np
import torch

from ..audio import mel_filters
from .gathered import Gathered
from .spectra import Stft
from .tempo import Tempo, measure_tempo
from .tempo_level import level_factor

BEAT_STFT = Stft(22050, 1024, 256)
_N_MELS = 64
_BASS_HZ = 180.0
_RANGE_DB = 60.0
_FINE_HOP = 64
_TIGHTNESS = 100.0
_SEEN_EARLY = 0.015
"""Seconds by which the rise under a window of 46 ms precedes what rises."""
_REACH = 0.045
"""Seconds within which a beat is moved onto the rise of energy."""
_CLEAR_RISE = 0.7
"""Rise of the logarithm of energy (3 dB) that counts as a beginning."""
_SURE_FROM = 0.18
"""Repetition below which nothing is called a beat: noise reaches 0.1."""
_WEAK = 0.3


@dataclasses.dataclass(frozen=True)
class BeatEnvelopes:
    """What beats are found in."""

    onsets: np.ndarray
    """Mean rise of the mel bands in dB [T] at `BEAT_STFT`'s rate."""
    bass: np.ndarray
    """The same below 180 Hz [T]."""
    loud: np.ndarray
    """Rise of the amplitude of all mel bands together [T], in which what is loud outweighs what is not."""
    fine: np.ndarray
    """Energy of the differences between samples, in blocks of 64 [B]."""
    num_samples: int

    @property
    def combined(self) -> np.ndarray:
        """The three, each by its own spread: what begins, what begins in the bass, what begins loudly."""
        return sum((each / max(float(each.std()), 1e-9) for each in (self.onsets, self.bass, self.loud)), np.zeros(len(self.onsets)))

    @property
    def rate(self) -> float:
        """Windows a second of `onsets`."""
        return BEAT_STFT.sample_rate / BEAT_STFT.hop


@dataclasses.dataclass(frozen=True)
class Beats:
    """Beats in seconds [B] (none where nothing repeats itself), the tempo and how sure both are."""

    seconds: np.ndarray
    tempo: float
    """Median beats a minute; 0 without beats."""
    confidence: float
    """0..1: how well the onsets repeat themselves after a beat."""
    accents: np.ndarray
    """[B], how much louder, and louder in the bass, it gets at each beat, about a mean of 0."""
    track: Tempo | None = None
    """The tempo over time."""

    @classmethod
    def given(cls, seconds: np.ndarray) -> "Beats":
        """Beats that are known, such as those of a file: `seconds` [n], ascending."""
        periods = np.diff(seconds)
        tempo = 60 / float(np.median(periods)) if len(periods) else 0.0
        track = Tempo(seconds[1:], 60 / periods, np.ones(len(periods))) if len(periods) else None
        return cls(seconds, tempo, 1.0, np.zeros(len(seconds)), track)


NO_BEATS = Beats(np.zeros(0), 0.0, 0.0, np.zeros(0))


def beat_envelopes(chunks: Iterable[torch.Tensor], loudest: float) -> BeatEnvelopes:
    """The envelopes of a sound in chunks [n] at 22,050 Hz; `loudest` is the mel power of `onset_strength.loudest_mel`.

    Silence is heard before the first sample, so that what begins with the sound is an onset.
    """
    filters = mel_filters(BEAT_STFT.sample_rate, BEAT_STFT.n_fft, _N_MELS)
    low = _low_bands()
    top = 10 * float(np.log10(max(loudest * (BEAT_STFT.n_fft / 2048) ** 2, 1e-12)))
    fine = _FineEnergy()
    past = torch.full((1, _N_MELS), top - _RANGE_DB)
    onsets, bass, loud = Gathered(), Gathered(), Gathered()
    for power in BEAT_STFT.powers(fine.counted(chunks)):
        level = (10 * (power @ filters.T).clamp(min=1e-12).log10()).clamp(min=top - _RANGE_DB)
        before = torch.cat([past, level[:-1]])
        rise = (level - torch.nn.functional.max_pool1d(before[:, None], 3, stride=1, padding=1)[:, 0]).clamp(min=0)
        onsets.add(rise.mean(1))
        bass.add(rise[:, low].mean(1))
        amplitude = [(10 ** ((each - top) / 10)).sum(1).sqrt() for each in (level, before)]
        loud.add((amplitude[0] - amplitude[1]).clamp(min=0))
        past = level[-1:]
    return BeatEnvelopes(onsets.rows, bass.rows, loud.rows, fine.energies(), fine.num_samples)


@functools.lru_cache(maxsize=1)
def _low_bands() -> torch.Tensor:
    """Which mel bands have their top below 180 Hz; the lowest at least."""
    filters = mel_filters(BEAT_STFT.sample_rate, BEAT_STFT.n_fft, _N_MELS)
    low = BEAT_STFT.hertz[filters.argmax(1)] < _BASS_HZ
    low[0] = True
    return low


class _FineEnergy:
    """Energy of the differences between samples in short blocks, of chunks that pass through."""

    def __init__(self) -> None:
        self.num_samples = 0
        self._made = Gathered(dtype=np.float64)
        self._left, self._last = np.zeros(0), 0.0

    def counted(self, chunks: Iterable[torch.Tensor]) -> Iterable[torch.Tensor]:
        for chunk in chunks:
            samples = chunk.numpy().astype(np.float64)
            self.num_samples += len(samples)
            joined = np.concatenate([self._left, np.diff(samples, prepend=self._last) ** 2])
            whole = len(joined) - len(joined) % _FINE_HOP
            self._made.add(joined[:whole].reshape(-1, _FINE_HOP).mean(1))
            self._left, self._last = joined[whole:], float(samples[-1]) if len(samples) else self._last
            yield chunk

    def energies(self) -> np.ndarray:
        return np.append(self._made.rows, self._left.mean(keepdims=True)) if len(self._left) else self._made.rows


def track_beats(envelopes: BeatEnvelopes) -> Beats:
    """The beats of a sound. None where it's silent, too short (under a second) or nothing repeats itself."""
    if len(envelopes.onsets) < envelopes.rate or envelopes.onsets.max() < 1e-3:
        return NO_BEATS
    onsets, rate = envelopes.combined, envelopes.rate
    tempo = measure_tempo(onsets, rate)
    confidence = float(np.clip(np.average(tempo.strength, weights=_activity(onsets, tempo, rate)), 0, 1))
    if confidence < _SURE_FROM:
        return dataclasses.replace(NO_BEATS, confidence=confidence, track=tempo)
    frames = _programme(onsets, tempo, rate)
    factor = level_factor(frames, tempo.overall, envelopes.onsets, envelopes.loud)
    if factor != 1:
        tempo = dataclasses.replace(tempo, bpm=tempo.bpm * factor)
        frames = _programme(onsets, tempo, rate)
    frames = _trimmed(frames, onsets)
    seconds = _onto_rises(frames / rate + _SEEN_EARLY, envelopes)
    seconds = np.clip(seconds, 0, envelopes.num_samples / BEAT_STFT.sample_rate)
    return Beats(seconds, _overall(seconds, tempo), confidence, _accents(frames, envelopes), tempo)


def _overall(seconds: np.ndarray, tempo: Tempo) -> float:
    """The median beats a minute over stretches of up to eight beats, in which the grid of the blocks counts little."""
    stretch = min(8, len(seconds) - 1)
    return tempo.overall if stretch < 1 else 60 * stretch / float(np.median(seconds[stretch:] - seconds[:-stretch]))


def _activity(onsets: np.ndarray, tempo: Tempo, rate: float) -> np.ndarray:
    """How much begins around each of the tempo's windows [W], so that silence doesn't count."""
    places = np.clip(np.round(tempo.seconds * rate).astype(int), 0, len(onsets) - 1)
    total = np.concatenate([[0.0], np.cumsum(onsets)])
    half = round(4 * rate)
    return total[np.minimum(places + half, len(onsets))] - total[np.maximum(places - half, 0)] + 1e-9


def _programme(onsets: np.ndarray, tempo: Tempo, rate: float) -> np.ndarray:
    """The frames of the beats: Ellis, Beat tracking by dynamic programming, 2007, with the period of each moment."""
    periods = tempo.periods(np.arange(len(onsets)) / rate) * rate
    score = _softened(onsets / max(float(onsets.std(ddof=1)), 1e-9), float(np.median(periods)))
    total, back = score.astype(np.float64).copy(), np.full(len(score), -1)
    started = False
    for frame in range(len(score)):
        period = periods[frame]
        low, high = max(0, frame - round(2 * period)), frame - round(period / 2)
        if high >= low and high >= 0:
            steps = frame - np.arange(low, high + 1)
            reached = total[low:high + 1] - _TIGHTNESS * np.log(steps / period) ** 2
            best = int(reached.argmax())
            if started or reached[best] > 0:
                total[frame] += reached[best]
                back[frame] = low + best
        started = started or score[frame] > 0.01 * score.max()
    last = int(total[-round(periods[-1]):].argmax()) + max(0, len(total) - round(periods[-1]))
    beats = [last]
    while back[beats[-1]] >= 0:
        beats.append(int(back[beats[-1]]))
    return np.array(beats[::-1])


def _softened(onsets: np.ndarray, period: float) -> np.ndarray:
    """Onsets under a narrow bell, a 32nd of a period wide."""
    reach = np.arange(-round(period), round(period) + 1)
    return np.convolve(onsets, np.exp(-0.5 * (reach * 32 / period) ** 2), mode="full")[round(period):][:len(onsets)]


def _trimmed(beats: np.ndarray, onsets: np.ndarray) -> np.ndarray:
    """Without the beats before the first and after the last that something begins at."""
    padded = np.pad(onsets, 3)
    heard = np.max([padded[beats + shift] for shift in range(7)], axis=0)
    strong = (heard > _WEAK * np.sqrt(np.mean(heard**2))).nonzero()[0]
    return beats[strong[0]:strong[-1] + 1] if len(strong) else beats[:0]


def _onto_rises(seconds: np.ndarray, envelopes: BeatEnvelopes) -> np.ndarray:
    """Beats moved to where the energy rises most steeply nearby; those without a clear rise are moved as their neighbours were."""
    block = _FINE_HOP / BEAT_STFT.sample_rate
    reach = round(_REACH / block)
    around = np.round(seconds / block).astype(int)[:, None] + np.arange(-reach, reach + 1)
    last = len(envelopes.fine)
    inside = (around >= 0) & (around <= last)
    near = np.where(inside, _rises(envelopes.fine, np.clip(around, 0, last)), 0)
    clear = near.max(1) > _CLEAR_RISE
    moved = np.where(clear, around[np.arange(len(around)), near.argmax(1)] * block, seconds)
    shift = float(np.median((moved - seconds)[clear])) if clear.any() else 0.0
    return np.maximum.accumulate(np.where(clear, moved, seconds + shift))


def _rises(energy: np.ndarray, places: np.ndarray, width: int = 4) -> np.ndarray:
    """Rise of the logarithm of the energy [B] at each place 0..B: from the `width` blocks before that block's beginning to those after it."""
    floor = max(float(energy.max()) * 1e-6, 1e-14)
    total = np.concatenate([[0.0], np.cumsum(energy)])
    after = total[np.minimum(places + width, len(energy))] - total[places]
    before = total[places] - total[np.maximum(places - width, 0)]
    return np.log((after + floor * width) / (before + floor * width))


def _accents(frames: np.ndarray, envelopes: BeatEnvelopes) -> np.ndarray:
    """The largest rise of the bass, and of loudness, within three windows of each beat, each by its own spread, outliers held."""
    found = np.zeros(len(frames))
    for envelope in (envelopes.bass, envelopes.loud):
        padded = np.pad(envelope, 3)
        rises = np.max([padded[frames + shift] for shift in range(7)], axis=0)
        held = np.clip(rises, *np.percentile(rises, (5, 95))) if len(rises) else rises
        found += (held - held.mean()) / max(float(envelope.std()), 1e-9) if len(held) else 0
    return found
