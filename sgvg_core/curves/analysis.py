"""All curves of a sound: the whole source is analysed once, and read at the frames of any film and any cut."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

import numpy as np
import torch

from ..clock import num_frames as frames_of
from ..config import check_choice
from ..errors import ConfigError
from ..progress import Progress, silent
from . import bars as bars_of
from .bars import NO_BARS, Bars, find_bars
from .beat_tracking import NO_BEATS, Beats, beat_envelopes, track_beats
from .curve import Curve
from .harmonic_percussive import PARTS_STFT, harmonic_percussive
from .loudness_meter import Loudness, channel_weights, measure_loudness
from .measures import DEFAULT_CURVES, SCALES, expanded, measure_of, own_band
from .onset_strength import ONSET_STFT, PLAIN, SUPERFLUX, loudest_mel, onset_strength
from .pitch_classes import CHROMA_STFT, PITCH_CLASSES, cens, measure_chroma
from .source import SoundSource
from .spectra import Stft
from .spectral_shape import BAND_STFT, BANDS, SHAPE_STFT, SHAPES, band_powers, spectral_shape

_METERED = ("loudness", "short_term", "rms")
_BEATEN = ("beat", "beat_phase", "downbeat", "bar_phase", "tempo")
_ONSETS = {"onset": SUPERFLUX, "onset_plain": PLAIN}


@dataclasses.dataclass(frozen=True)
class SoundAnalysis:
    """What was measured of a whole source, at each measure's own rate.

    `curve` reads it at the frames of a film. Frame k of a film that begins `start` seconds into the source is at `start` + k / fps,
    so a cut of a song has the song's beats, and nothing is measured twice.
    """

    names: tuple[str, ...]
    """Which curves there are."""
    duration: Fraction
    """Seconds of the source."""
    meter: Loudness
    tracks: dict[str, tuple[np.ndarray, Fraction]]
    """Stored values [N] and windows a second of each measure that isn't read off the meter or the beats."""
    peaks: tuple[np.ndarray, np.ndarray]
    """Lowest and highest sample of each of a few thousand stretches, for drawings."""
    beats: Beats = NO_BEATS
    bars: Bars = NO_BARS

    @property
    def integrated_loudness(self) -> float:
        """LUFS of the whole source (EBU R 128)."""
        return self.meter.integrated()

    def num_frames(self, fps: Fraction, start: Fraction = Fraction(0), seconds: Fraction | None = None) -> int:
        """Frames of a film of `seconds` (None: up to the end) that begins `start` seconds into the source."""
        left = max(self.duration - start, Fraction(0))
        return frames_of(left if seconds is None else min(seconds, left), fps)

    def with_beats(self, beats: Beats, bars: Bars) -> "SoundAnalysis":
        """The same with other beats, such as those of a file; the curves of beats are those of these."""
        return dataclasses.replace(self, beats=beats, bars=bars)

    def curve(self, name: str, fps: Fraction, num_frames: int | None = None, *, start: Fraction = Fraction(0), scale: str = "relative") -> Curve:
        """One curve at a film's frames, from the moment `start` (seconds) of the sound on; `num_frames` None: as many as the rest lasts.

        `scale` is one of `SCALES`. Raises ConfigError for another scale, or a curve that wasn't measured.
        """
        check_choice("scale", scale, SCALES)
        (name,) = expanded([name]) if name not in self.names else (name,)
        if name not in self.names:
            raise ConfigError(f"curve: {name} was not measured of this sound; measured were {', '.join(self.names)}")
        count = self.num_frames(fps, start) if num_frames is None else num_frames
        measure = measure_of(name)
        values = self._measured(name, fps, count, start)
        if scale == "measured" or measure.fixed:
            return Curve(torch.from_numpy(np.asarray(values, np.float64)), fps, name, measure.unit)
        span = (measure.low, measure.high) if scale == "absolute" else measure.span(self._whole(name))
        return Curve(torch.from_numpy(measure.scaled(values, span)), fps, name, "0..1")

    def curves(self, fps: Fraction, num_frames: int | None = None, *, start: Fraction = Fraction(0), scale: str = "relative") -> dict[str, Curve]:
        """All curves at a film's frames, by name. `start`, `num_frames` and `scale` are those of `curve`; without a number it's the rest of
        the sound.
        """
        return {name: self.curve(name, fps, num_frames, start=start, scale=scale) for name in self.names}

    def _measured(self, name: str, fps: Fraction, count: int, start: Fraction) -> np.ndarray:
        seconds = float(start) + np.arange(count) / float(fps)
        if name in _METERED:
            return self._metered(name, seconds, fps)
        if name in _BEATEN:
            return self._beaten(name, seconds)
        values, rate = self.tracks[name]
        measure = measure_of(name)
        read = Curve(torch.from_numpy(values), rate, name).at(fps, count, start=start, how=measure.reading)
        return measure.measured(read.values.double().numpy())

    def _metered(self, name: str, seconds: np.ndarray, fps: Fraction) -> np.ndarray:
        if name == "rms":
            return self.meter.rms(seconds, fps)
        return self.meter.momentary(seconds) if name == "loudness" else self.meter.short_term(seconds)

    def _beaten(self, name: str, seconds: np.ndarray) -> np.ndarray:
        beats, downbeats = self.beats.seconds, self.bars.downbeats
        if name == "tempo":
            track = self.beats.track
            known = track is not None and len(beats)
            return np.interp(seconds, track.seconds, track.bpm) if known and track is not None else np.zeros(len(seconds))
        if name in ("beat", "downbeat"):
            return bars_of.pulse(beats if name == "beat" else downbeats, seconds)
        return bars_of.phase(downbeats if name == "bar_phase" and len(downbeats) > 1 else beats, seconds)

    def _whole(self, name: str) -> np.ndarray:
        """The whole source's measured values, for the relative scale."""
        if name in self.tracks:
            return measure_of(name).measured(self.tracks[name][0])
        rate = Fraction(25)
        return self._measured(name, rate, frames_of(self.duration, rate), Fraction(0))


def analyse_sound(source: SoundSource, names: Sequence[str] = DEFAULT_CURVES, *, progress: Progress = silent) -> SoundAnalysis:
    """Measure curves `names` (with groups such as "bands", "chroma", "all") of a whole source.

    The source is read once for its levels and once for each kind of spectrum that the names need; memory doesn't grow with its length
    but by the curves themselves. Raises ConfigError for a name that isn't known, MediaError for a source that can't be read.
    """
    wanted = expanded(names)
    work = _Passes(source, wanted, progress)
    meter, peaks = work.levels()
    tracks = {**work.bands(), **work.shapes(), **work.onsets(), **work.chroma(), **work.parts()}
    beats = work.beats()
    duration = Fraction(meter.num_samples, meter.sample_rate)
    return SoundAnalysis(wanted, duration, meter, tracks=tracks, peaks=peaks, beats=beats, bars=find_bars(beats))


class _Passes:
    """The passes over a source that the wanted curves need."""

    def __init__(self, source: SoundSource, wanted: tuple[str, ...], progress: Progress) -> None:
        self.source, self.wanted, self.progress = source, wanted, progress
        self.seconds: float | None = None
        self._loudest: float | None = None

    def _mono(self, stft: Stft, note: str) -> Iterator[torch.Tensor]:
        done = 0.0
        for chunk in self.source.mono(stft.sample_rate):
            yield chunk
            done += len(chunk) / stft.sample_rate
            self.progress(min(done, self.seconds or done), self.seconds, note)

    def levels(self) -> tuple[Loudness, tuple[np.ndarray, np.ndarray]]:
        """Loudness and RMS, and the outline of the waveform."""
        rate, outline = self.source.sample_rate, _Outline()
        weights = channel_weights(self.source.channel_names)

        def watched() -> Iterator[torch.Tensor]:
            done = 0
            for chunk in self.source.channels():
                done += chunk.shape[1]
                outline.add(chunk)
                self.progress(done / rate, self.source.announced_seconds, "curves: levels")
                yield chunk

        meter = measure_loudness(watched(), rate, weights)
        self.seconds = meter.num_samples / rate
        return meter, outline.peaks()

    def _any(self, names: Iterable[str]) -> list[str]:
        return [name for name in names if name in self.wanted]

    def bands(self) -> dict[str, tuple[np.ndarray, Fraction]]:
        named = {band.name: band for band in BANDS}
        chosen = [band for band in (named.get(name) or own_band(name) for name in self.wanted) if band is not None]
        if not chosen:
            return {}
        powers = band_powers(self._mono(BAND_STFT, "curves: bands"), chosen)
        return {band.name: (power, _rate(BAND_STFT)) for band, power in zip(chosen, powers, strict=True)}

    def shapes(self) -> dict[str, tuple[np.ndarray, Fraction]]:
        chosen = self._any(SHAPES)
        if not chosen:
            return {}
        found = spectral_shape(self._mono(SHAPE_STFT, "curves: spectrum"))
        return {name: (found[name], _rate(SHAPE_STFT)) for name in chosen}

    @property
    def loudest(self) -> float:
        if self._loudest is None:
            self._loudest = loudest_mel(self._mono(ONSET_STFT, "curves: range"))
        return self._loudest

    def onsets(self) -> dict[str, tuple[np.ndarray, Fraction]]:
        chosen = self._any(_ONSETS)
        if not chosen:
            return {}
        found = onset_strength(self._mono(ONSET_STFT, "curves: onsets"), self.loudest, tuple(_ONSETS[name] for name in chosen))
        return {name: (values, _rate(ONSET_STFT)) for name, values in zip(chosen, found, strict=True)}

    def chroma(self) -> dict[str, tuple[np.ndarray, Fraction]]:
        chosen = self._any(f"{kind}_{name}" for kind in ("chroma", "cens") for name in PITCH_CLASSES)
        if not chosen:
            return {}
        shares = measure_chroma(self._mono(CHROMA_STFT, "curves: chroma")).shares()
        by_kind = {"chroma": shares, "cens": cens(shares, float(_rate(CHROMA_STFT)))}
        parted = [(name, *name.split("_")) for name in chosen]
        return {name: (by_kind[kind][:, PITCH_CLASSES.index(pitch)].copy(), _rate(CHROMA_STFT)) for name, kind, pitch in parted}

    def parts(self) -> dict[str, tuple[np.ndarray, Fraction]]:
        chosen = self._any(("harmonic", "percussive"))
        if not chosen:
            return {}
        found = dict(zip(("harmonic", "percussive"), harmonic_percussive(self._mono(PARTS_STFT, "curves: tones and knocks")), strict=True))
        return {name: (found[name], _rate(PARTS_STFT)) for name in chosen}

    def beats(self) -> Beats:
        if not self._any(_BEATEN):
            return NO_BEATS
        return track_beats(beat_envelopes(self._mono(ONSET_STFT, "curves: beats"), self.loudest))


def _rate(stft: Stft) -> Fraction:
    return Fraction(stft.sample_rate, stft.hop)


class _Outline:
    """Lowest and highest samples of stretches that grow with the sound, so that there are never more than a few thousand."""

    _MOST = 4096

    def __init__(self) -> None:
        self._stretch = 256
        self._low, self._high = np.zeros(0, np.float32), np.zeros(0, np.float32)
        self._left = np.zeros(0, np.float32)

    def add(self, chunk: torch.Tensor) -> None:
        joined = np.concatenate([self._left, chunk.mean(0).numpy()])
        whole = len(joined) - len(joined) % self._stretch
        pieces = joined[:whole].reshape(-1, self._stretch)
        self._low, self._high = np.concatenate([self._low, pieces.min(1)]), np.concatenate([self._high, pieces.max(1)])
        self._left = joined[whole:]
        while len(self._low) >= self._MOST:
            if len(self._low) % 2:
                self._left = np.concatenate([np.tile((self._low[-1], self._high[-1]), self._stretch // 2).astype(np.float32), self._left])
                self._low, self._high = self._low[:-1], self._high[:-1]
            self._low, self._high = self._low.reshape(-1, 2).min(1), self._high.reshape(-1, 2).max(1)
            self._stretch *= 2

    def peaks(self) -> tuple[np.ndarray, np.ndarray]:
        if len(self._left):
            return np.append(self._low, self._left.min()), np.append(self._high, self._left.max())
        return self._low, self._high
