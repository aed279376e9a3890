"""Windows of sound to learn from: synthesised ones, and real recordings where a folder of them is given.

Clips are made, disturbed as waveforms and turned into mel power once, then kept; each window drawn from them is worn once more
in ways that are cheap on mel power (equaliser, noise, band limits, a little pitch, holes). The bank grows with every batch.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ...audio.mel import SMALLEST_POWER, mel_power, power_to_log_mel, resize_log_mel
from ...audio.segments import cut_window, window_samples
from ...augmentation.sounds import augment_sound, change_speed, draw_speed, mixed
from ...config import MelConfig
from ...world import SCENES, synth
from ...world.captions import NAMES, caption
from ...world.envelopes import make_envelope
from ...world.other_sounds import OTHER_SOUNDS, synth_other
from ...world.recordings import FEWEST_SOURCES, Recording, read_recordings

KINDS = tuple(NAMES)
SHORTEST_SECONDS = 0.4
"""Clips are cut down to this at times, since files may be short."""
SHORT_SHARE = 0.25
"""Share of windows that are drawn from such a cut; the others hear two windows' time or more."""
ENVELOPE_SECONDS = 0.25
"""The envelope of a window is the mean over this time around its middle."""
ENVELOPE_RATE = 200
"""Values a second of an envelope before it's interpolated."""
STEADY_KINDS = tuple(scene.name for scene in SCENES if scene.steady)
STEADY_SHARE = 0.5
"""Share of the synthesised clips of these classes whose envelope hardly moves, as that of real rain or a real fall."""
FOUND_SHARE = 0.35
"""Share of the synthesised clips of a class that are another sound by which recordings know it."""
REAL_SHARE = 0.5
"""Share of real windows among those of a class that has recordings of enough sources."""
MIXED_SHARE = 0.3
"""Share of the variants of recordings in which another recording of the class is heard too, so that together they're a new place."""
PHONE_SHARE = 0.15
"""Share of windows heard as over a telephone: neither low notes nor high ones."""
NO_KIND = -1
"""The class of sounds that are no scene."""
LONGEST_SECONDS = 12.0
"""So much of a long recording is kept in one variant, from a random moment."""


@dataclasses.dataclass(frozen=True)
class SoundClip:
    """A clip [N] with its mel power [n_mels, T], its class, its source (None: synthesised) and its envelope [N] (None: not known)."""

    kind: int
    source: str | None
    waveform: torch.Tensor
    power: torch.Tensor
    envelope: NDArray[np.float32] | None


def load_recordings(folder: Path, sample_rate: int, exclude_sources: Iterable[str] = ()) -> list[Recording]:
    """Every recording below `folder` (`DIR/<scene>/*`), mono, but for those of the excluded sources. Raises MediaError.

    `exclude_sources` are names of sources, as `world.recordings.source_of` gives them.
    """
    excluded = set(exclude_sources)

    from ...media.decode import read_sound  # here: synthesised sounds need no media

    def load(path: Path) -> NDArray[np.floating]:
        return np.asarray(read_sound(path, sample_rate=sample_rate, mono=True)[0][0].numpy())

    return [recording for recording in read_recordings(folder, load) if recording.source not in excluded]


def drop_rare_classes(recordings: Iterable[Recording]) -> list[Recording]:
    """The recordings of those classes that have at least five sources here."""
    sources: dict[str, set[str]] = {}
    for recording in (recordings := list(recordings)):
        sources.setdefault(recording.kind, set()).add(recording.source)
    return [recording for recording in recordings if len(sources[recording.kind]) >= FEWEST_SOURCES]


def synthesise_clip(kind: str, rng: np.random.Generator, seconds: float, sample_rate: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A clip of the world as sounds are found: some steady, some at another speed (so a little shorter or longer than `seconds`), most disturbed.

    Returns its waveform and its envelope, both [N].

    `kind` is one of `KINDS`.
    """
    seed = int(rng.integers(1 << 62))
    values = make_envelope(kind, seed, seconds, ENVELOPE_RATE)
    moments = np.arange(int(seconds * sample_rate)) * (ENVELOPE_RATE / sample_rate)
    envelope = np.interp(moments, np.arange(len(values)), values)
    if kind in STEADY_KINDS and rng.random() < STEADY_SHARE:
        envelope = envelope.mean() + rng.uniform(0.05, 0.5) * (envelope - envelope.mean())
    wave = synth(kind, seed, envelope, sample_rate, found=rng.random() < FOUND_SHARE)
    if rng.random() < 0.5:
        factor = draw_speed(rng)
        wave, envelope = change_speed(wave, factor), change_speed(envelope, factor)
    if rng.random() < 0.85:
        wave = augment_sound(wave, rng, sample_rate)
    return np.asarray(wave, np.float32), np.asarray(envelope, np.float32)


class RecordingConditions:
    """Random damage to mel power, cheaper than to a waveform: pitch, an equaliser, steady noise, a band limit.

    Drawn once for a clip, so that a window and the clip's loudest moment are worn alike. The noise is relative to `loudness`, the clip's mean
    power; `num_mels` is the number of bands.
    """

    def __init__(self, rng: np.random.Generator, num_mels: int, loudness: float) -> None:
        shift = int(rng.integers(-3, 4)) if rng.random() < 0.5 else 0
        self.bands = torch.from_numpy(np.clip(np.arange(num_mels) - shift, 0, num_mels - 1))
        gain = self._colour(rng, num_mels, rng.normal(0, 2), rng.uniform(0, 2)) if rng.random() < 0.8 else np.ones(num_mels)
        floor = np.zeros(num_mels)
        if rng.random() < 0.3:
            floor = loudness * 10 ** rng.uniform(-6, -2) * self._colour(rng, num_mels, rng.normal(-6, 8), 3)
        phone = rng.random() < PHONE_SHARE  # both at once
        if phone or rng.random() < 0.2:  # down to the band of 8 kHz material
            first = num_mels * 7 // 10 if rng.random() < 0.4 else int(rng.integers(num_mels * 2 // 3, num_mels))
            limit = 10.0 ** -rng.uniform(3, 9)
            gain[first:] *= limit
            floor[first:] *= limit
        if phone or rng.random() < 0.12:  # a loudspeaker too small for low notes
            first, slope = int(rng.integers(num_mels // 32, num_mels // 4)), rng.uniform(1, 12)
            limits = 10 ** (-slope * np.arange(first, 0, -1) / 10)
            gain[:first] *= limits
            floor[:first] *= limits
        self.gain, self.floor = torch.from_numpy(gain).float()[:, None], torch.from_numpy(floor).float()[:, None]

    @staticmethod
    def _colour(rng: np.random.Generator, num_mels: int, tilt: float, ripple: float) -> NDArray[np.float64]:
        """Gains of power [n_mels]: a tilt from the lowest to the highest band, and smooth ripples, both in decibels."""
        num_knots = int(rng.integers(4, 10))
        knots = rng.normal(0, ripple, num_knots) + tilt * np.linspace(-1, 1, num_knots)
        return np.asarray(10 ** (np.interp(np.linspace(0, 1, num_mels), np.linspace(0, 1, num_knots), knots) / 10))

    def __call__(self, power: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """Mel power [n_mels, frames] worn; `noise` [n_mels, frames] is the steady noise's own power around one."""
        return power[self.bands] * self.gain + self.floor * noise


class SoundWindows:
    """An endless stream of batches of sound windows with what they mean.

    `recordings`: a folder of real ones (None: there are none), or `loaded`, recordings that were read already; of the windows of a class that has
    them from five sources or more, `real_share` are real, those of other classes are all synthesised. `exclude_sources` holds out recordings by
    where they come from (`world.recordings.source_of`). Every class is as frequent as any other, and in the real share of a class every source.
    `augmented` False leaves out the damage on mel power, `synthesised` False all but recordings.

    Synthesised clips last `clip_seconds`. `first_clips` are made before the first batch and `fresh_per_batch` before each further one; `max_clips`
    are kept, and twice `variants` of each source of recordings.
    """

    def __init__(self, seed: int, mel: MelConfig, recordings: Path | None = None, *, real_share: float = REAL_SHARE,
                 exclude_sources: Sequence[str] = (), clip_seconds: float = 4.0, first_clips: int = 8, max_clips: int = 2400,
                 fresh_per_batch: int = 2, variants: int = 12, augmented: bool = True, synthesised: bool = True,
                 loaded: Sequence[Recording] | None = None) -> None:
        self.rng = np.random.default_rng([seed & 0xFFFFFFFFFFFFFFFF, 0x50D])
        self.mel = mel
        self.real_share, self.clip_seconds, self.max_clips = real_share, clip_seconds, max_clips
        self.fresh_per_batch, self.variants, self.augmented = fresh_per_batch, variants, augmented
        if loaded is None:
            loaded = load_recordings(recordings, mel.sample_rate, exclude_sources) if recordings is not None else []
        self._recordings = [recording for recording in loaded if recording.source not in set(exclude_sources)]
        if synthesised:
            self._recordings = drop_rare_classes(self._recordings)
        self._real: dict[int, dict[str, list[SoundClip]]] = {}
        for recording in self._recordings:
            self._keep_real(self._analyse_real(recording, first=True))
        self._made: list[list[SoundClip]] = [[] for _ in KINDS]
        self._others: list[SoundClip] = []
        for _ in range(first_clips if synthesised else 0):
            for kind in range(len(KINDS)):
                self._keep_made(self._analyse_made(kind))

    # -------------------------------------------------- the bank

    def _analyse_made(self, kind: int) -> SoundClip:
        wave, envelope = synthesise_clip(KINDS[kind], self.rng, self.clip_seconds, self.mel.sample_rate)
        return self._heard(kind, None, wave, envelope)

    def _analyse_real(self, recording: Recording, first: bool) -> SoundClip:
        rng, rate = self.rng, self.mel.sample_rate
        wave = recording.waveform
        others = [one for one in self._recordings if one.kind == recording.kind and one.source != recording.source]
        longest = int(LONGEST_SECONDS * rate)
        if len(wave) > longest:
            start = int(rng.integers(len(wave) - longest))
            wave = wave[start:start + longest]
        if not first and others and rng.random() < MIXED_SHARE:
            wave = mixed(wave, others[int(rng.integers(len(others)))].waveform, rng)
        if not first:
            wave = augment_sound(change_speed(wave, draw_speed(rng)), rng, rate)
        return self._heard(KINDS.index(recording.kind), recording.source, wave, None)

    def _hear_other(self) -> SoundClip:
        rng, rate = self.rng, self.mel.sample_rate
        kind = str(rng.choice(list(OTHER_SOUNDS)))
        wave = synth_other(kind, int(rng.integers(1 << 62)), int(self.clip_seconds * rate), rate)
        return self._heard(NO_KIND, None, augment_sound(wave, rng, rate) if rng.random() < 0.85 else wave, None)

    def _heard(self, kind: int, source: str | None, wave: NDArray[np.floating], envelope: NDArray[np.float32] | None) -> SoundClip:
        waveform = torch.from_numpy(np.asarray(wave, np.float32))
        return SoundClip(kind, source, waveform, mel_power(waveform[None], self.mel)[0], envelope)

    def _keep_made(self, clip: SoundClip) -> None:
        bank = self._made[clip.kind]
        if len(bank) < self.max_clips // len(KINDS):
            bank.append(clip)
        else:
            bank[int(self.rng.integers(len(bank)))] = clip

    def _keep_real(self, clip: SoundClip) -> None:
        bank = self._real.setdefault(clip.kind, {}).setdefault(str(clip.source), [])
        if len(bank) < 2 * self.variants:
            bank.append(clip)
        else:
            bank[int(self.rng.integers(len(bank)))] = clip

    def grow(self) -> None:
        """Make some clips more, synthesised ones and variants of the recordings in turn."""
        for _ in range(self.fresh_per_batch):
            if self._made[0]:
                self._keep_made(self._analyse_made(int(self.rng.integers(len(KINDS)))))
            if self._real:
                kind = list(self._real)[int(self.rng.integers(len(self._real)))]
                same = [recording for recording in self._recordings if recording.kind == KINDS[kind]]
                self._keep_real(self._analyse_real(same[int(self.rng.integers(len(same)))], first=False))

    # -------------------------------------------------- windows

    def _pick(self) -> SoundClip:
        rng = self.rng
        kind = int(rng.integers(len(KINDS)))
        sources = self._real.get(kind)
        if not self._made[0]:
            sources = self._real[list(self._real)[int(rng.integers(len(self._real)))]]
        if sources and (not self._made[0] or rng.random() < self.real_share):
            bank = sources[list(sources)[int(rng.integers(len(sources)))]]
        else:
            bank = self._made[kind]
        return bank[int(rng.integers(len(bank)))]

    def _cut(self, clip: SoundClip) -> tuple[torch.Tensor, int, int, int]:
        """A window [window samples] of a clip, its middle, and the first and last sample of the part that is heard at all."""
        rng, num_samples, num_window = self.rng, len(clip.waveform), window_samples(self.mel)
        seconds = SHORTEST_SECONDS if rng.random() < SHORT_SHARE else 2 * self.mel.segment_seconds
        shortest = min(num_samples, int(seconds * self.mel.sample_rate))
        num_variants = int(np.exp(rng.uniform(np.log(shortest), np.log(num_samples + 1))))
        begin = int(rng.integers(num_samples - num_variants + 1))
        end = begin + num_variants
        margin = num_window // 2 if num_variants > num_window and rng.random() < 0.93 else 0
        middle = int(rng.integers(begin + margin, end - margin + 1))
        return cut_window(clip.waveform[begin:end], middle - num_window // 2 - begin, self.mel), middle, begin, end

    def _holes(self, log_mel: torch.Tensor) -> None:
        """Some frames, some bands of a spectrogram [n_mels, frames] unheard."""
        for axis, widest in ((0, 9), (1, 13)):
            if self.rng.random() < 0.15:
                width = int(self.rng.integers(1, widest))
                log_mel.narrow(axis, int(self.rng.integers(log_mel.shape[axis] - width)), width).fill_(float(log_mel.mean()))

    def _noise(self, num_frames: int) -> torch.Tensor:
        """The power of steady noise [n_mels, frames] around one: high bands hold many bins of the spectrum, so they're steadier."""
        shape = 1.3 + 12 * np.linspace(0, 1, self.mel.n_mels)[:, None] ** 2
        return torch.from_numpy(self.rng.gamma(shape, 1 / shape, (self.mel.n_mels, num_frames))).float()

    def _log_mels(self, clips: list[SoundClip]) -> tuple[torch.Tensor, list[float]]:
        """One spectrogram of each clip [n, 1, resized_mels, resized_frames], and the envelope in its middle (NaN where none is known)."""
        cuts = [self._cut(clip) for clip in clips]
        powers = mel_power(torch.stack([cut[0] for cut in cuts]), self.mel)
        log_mels, strengths = [], []
        for clip, power, (_, middle, begin, end) in zip(clips, powers, cuts, strict=True):
            heard = clip.power[:, begin // self.mel.hop:end // self.mel.hop + 1]
            if self.augmented:
                conditions = RecordingConditions(self.rng, self.mel.n_mels, float(heard.mean()))
                power = conditions(power, self._noise(power.shape[1]) * (power.amax(0) > SMALLEST_POWER))
                heard = conditions(heard, torch.ones(1))
            log_mel = power_to_log_mel(power, max(float(heard.max()), float(power.max())))
            if self.augmented:
                self._holes(log_mel)
            log_mels.append(log_mel)
            reach = int(ENVELOPE_SECONDS * self.mel.sample_rate / 2)
            known = clip.envelope
            strengths.append(float("nan") if known is None else float(known[max(0, middle - reach):middle + reach].mean()))
        return resize_log_mel(torch.stack(log_mels)[:, None], self.mel.resized_mels, self.mel.resized_frames), strengths

    def batch(self, num_windows: int) -> dict[str, torch.Tensor | list[str]]:
        """The next windows: `log_mel` [n, 1, resized_mels, resized_frames] in 0..1, `kind` [n] int64 (index into `KINDS`),
        `envelope` [n] float32 around the window's middle (NaN for real ones), `real` [n] bool, `source` [n] ("" where
        synthesised), and `caption` [n], which speaks of class and strength alone."""
        self.grow()
        clips = [self._pick() for _ in range(num_windows)]
        log_mels, strengths = self._log_mels(clips)
        return {
            "log_mel": log_mels,
            "kind": torch.tensor([clip.kind for clip in clips]),
            "envelope": torch.tensor(strengths, dtype=torch.float32),
            "real": torch.tensor([clip.source is not None for clip in clips]),
            "source": [clip.source or "" for clip in clips],
            "caption": [caption(KINDS[clip.kind], None, strength, self.rng) for clip, strength in zip(clips, strengths, strict=True)],
        }

    def others(self, num_windows: int) -> torch.Tensor:
        """Windows [n, 1, resized_mels, resized_frames] of sounds that are no scene (`world.other_sounds`); some are made anew each time."""
        if len(self._others) >= self.max_clips // len(KINDS):
            self._others.pop(int(self.rng.integers(len(self._others))))
        for _ in range(1 if self._others else len(OTHER_SOUNDS)):
            self._others.append(self._hear_other())
        return self._log_mels([self._others[int(i)] for i in self.rng.integers(len(self._others), size=num_windows)])[0]
