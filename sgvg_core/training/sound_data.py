"""Windows of sound to learn from: synthesised ones, and real recordings where a folder of them is given.

Clips are made, disturbed as waveforms and turned into mel power once, then kept; each window drawn from them is worn once more
in ways that are cheap on mel power (equaliser, noise, band limits, a little pitch, holes). The bank grows with every batch.
"""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
import torchaudio
from numpy.typing import NDArray

from ..config import MelConfig
from ..media.decode import read_sound
from ..world.captions import NAMES, caption
from ..world.disturb import change_speed, disturb
from ..world.envelopes import make_envelope
from ..world.recordings import Recording, read_recordings
from ..world.sounds import synth

KINDS = tuple(NAMES)
DYNAMIC_RANGE = 80.0
"""Decibels between 0 and 1 of a log-mel picture."""
STEADY_SHARE = 0.3
"""Share of synthesised clips whose envelope hardly moves, as that of real rain or a real fall."""
LONGEST_SECONDS = 12.0
"""So much of a long recording is kept in one variant, from a random moment."""


@dataclasses.dataclass(frozen=True)
class HeardClip:
    """A clip as mel power [n_mels, T], with its class, its source (None: synthesised) and its envelope [T] (None: not known)."""

    kind: int
    source: str | None
    power: NDArray[np.float32]
    envelope: NDArray[np.float32] | None


class Ear:
    """Waveforms [N] to mel power [n_mels, T], and back how many frames a window has."""

    def __init__(self, mel: MelConfig) -> None:
        self.mel = mel
        self._transform = torchaudio.transforms.MelSpectrogram(
            mel.sample_rate, n_fft=mel.n_fft, hop_length=mel.hop, n_mels=mel.n_mels, norm="slaney", mel_scale="slaney", power=2.0)
        self.window_frames = 1 + int(mel.segment_seconds * mel.sample_rate) // mel.hop

    def power(self, waveform: NDArray[np.floating]) -> NDArray[np.float32]:
        wave = np.asarray(waveform, np.float32)
        wave = np.pad(wave, (0, max(0, self.mel.n_fft - len(wave))))
        with torch.no_grad():
            return np.asarray(self._transform(torch.from_numpy(wave)).numpy(), np.float32)


def decibel_picture(power: NDArray[np.floating], reference: float) -> NDArray[np.float32]:
    """Mel power as a picture in 0..1: 1 is the reference, 0 is 80 dB below it or less."""
    level = 10 * np.log10(np.maximum(power, 1e-20) / max(reference, 1e-20))
    return np.clip(level / DYNAMIC_RANGE + 1, 0, 1).astype(np.float32)


def load_recordings(folder: Path, sample_rate: int, exclude_sources: Iterable[str] = ()) -> list[Recording]:
    """Every recording below `folder` (`DIR/<scene>/*`), mono, but for those of the excluded sources. Raises MediaError."""
    excluded = set(exclude_sources)

    def load(path: Path) -> NDArray[np.floating]:
        return np.asarray(read_sound(path, sample_rate=sample_rate, mono=True)[0][0].numpy())

    return [recording for recording in read_recordings(folder, load) if recording.source not in excluded]


class Wear:
    """Random damage to mel power [n_mels, T] that a waveform need not be made anew for."""

    def __init__(self, rng: np.random.Generator, num_mels: int) -> None:
        self.rng, self.num_mels = rng, num_mels

    def colour(self, tilt: float, ripple: float) -> NDArray[np.float64]:
        """Gains of power [n_mels, 1]: a tilt from the lowest to the highest band, and smooth ripples, in decibels."""
        num_knots = int(self.rng.integers(4, 10))
        knots = self.rng.normal(0, ripple, num_knots) + tilt * np.linspace(-1, 1, num_knots)
        return 10 ** (np.interp(np.linspace(0, 1, self.num_mels), np.linspace(0, 1, num_knots), knots)[:, None] / 10)

    def __call__(self, power: NDArray[np.floating]) -> NDArray[np.floating]:
        rng = self.rng
        out = np.asarray(power, np.float64)
        if rng.random() < 0.5:  # pitch: up or down by some bands
            shift = int(rng.integers(-3, 4))
            out = np.take(out, np.clip(np.arange(self.num_mels) - shift, 0, self.num_mels - 1), axis=0)
        if rng.random() < 0.8:
            out = out * self.colour(rng.normal(0, 4), rng.uniform(0, 3))
        if rng.random() < 0.4:
            level = out.mean() * 10 ** rng.uniform(-5, -1)
            out = out + level * self.colour(rng.normal(-6, 8), 3) * rng.gamma(2.5, 0.4, out.shape)
        if rng.random() < 0.3:  # a band limit, down to that of 8 kHz material
            first = int(rng.integers(self.num_mels * 2 // 3, self.num_mels))
            out[first:] *= 10.0 ** -rng.uniform(3, 9)
        return out


class SoundWindows:
    """An endless stream of batches of sound windows with what they mean.

    `recordings`: a folder of real ones; of the windows of a class that has some, `real_share` are real. `exclude_sources` holds
    out recordings by where they come from (`world.recordings.source_of`). Every class is as frequent as any other, and in the real
    share of a class every source. `worn` False leaves out the damage on mel power.
    """

    def __init__(self, seed: int, mel: MelConfig, recordings: Path | None = None, *, real_share: float = 0.5,
                 exclude_sources: Sequence[str] = (), clip_seconds: float = 4.0, first_clips: int = 8, max_clips: int = 2400,
                 fresh_per_batch: int = 2, variants: int = 12, worn: bool = True, synthesised: bool = True,
                 loaded: Sequence[Recording] | None = None) -> None:
        self.rng = np.random.default_rng([seed & 0xFFFFFFFFFFFFFFFF, 0x50D])
        self.mel, self.ear = mel, Ear(mel)
        self.real_share, self.clip_seconds, self.max_clips = real_share, clip_seconds, max_clips
        self.fresh_per_batch, self.variants, self.worn = fresh_per_batch, variants, worn
        self.wear = Wear(self.rng, mel.n_mels)
        if loaded is None:
            loaded = load_recordings(recordings, mel.sample_rate, exclude_sources) if recordings is not None else []
        self._recordings = [recording for recording in loaded if recording.source not in set(exclude_sources)]
        self._real: dict[int, dict[str, list[HeardClip]]] = {}
        for recording in self._recordings:
            self._keep_real(self._hear_real(recording, first=True))
        self._made: list[list[HeardClip]] = [[] for _ in KINDS]
        for _ in range(first_clips if synthesised else 0):
            for kind in range(len(KINDS)):
                self._keep_made(self._hear_made(kind))

    # -------------------------------------------------- the bank

    def _hear_made(self, kind: int) -> HeardClip:
        rng, rate = self.rng, self.mel.sample_rate
        seed = int(rng.integers(1 << 62))
        envelope = make_envelope(KINDS[kind], seed, self.clip_seconds, rate)
        if rng.random() < STEADY_SHARE:
            envelope = envelope.mean() + rng.uniform(0.05, 0.5) * (envelope - envelope.mean())
        wave = synth(KINDS[kind], seed, envelope, rate)
        if rng.random() < 0.5:
            factor = float(np.exp(rng.uniform(-0.2, 0.2)))
            wave, envelope = change_speed(wave, factor), change_speed(envelope, factor)
        if rng.random() < 0.85:
            wave = disturb(wave, rng, rate)
        power = self.ear.power(wave)
        at = np.minimum(np.arange(power.shape[1]) * self.mel.hop, len(envelope) - 1)
        return HeardClip(kind, None, power, np.asarray(envelope, np.float32)[at])

    def _hear_real(self, recording: Recording, first: bool) -> HeardClip:
        rng, rate = self.rng, self.mel.sample_rate
        wave = recording.waveform
        longest = int(LONGEST_SECONDS * rate)
        if len(wave) > longest:
            start = int(rng.integers(len(wave) - longest))
            wave = wave[start:start + longest]
        if not first:
            wave = change_speed(wave, float(np.exp(rng.uniform(-0.2, 0.2))))
            wave = disturb(wave, rng, rate)
        return HeardClip(KINDS.index(recording.kind), recording.source, self.ear.power(wave), None)

    def _keep_made(self, clip: HeardClip) -> None:
        bank = self._made[clip.kind]
        if len(bank) < self.max_clips // len(KINDS):
            bank.append(clip)
        else:
            bank[int(self.rng.integers(len(bank)))] = clip

    def _keep_real(self, clip: HeardClip) -> None:
        bank = self._real.setdefault(clip.kind, {}).setdefault(str(clip.source), [])
        if len(bank) < 2 * self.variants:
            bank.append(clip)
        else:
            bank[int(self.rng.integers(len(bank)))] = clip

    def grow(self) -> None:
        """Make some clips more, synthesised ones and variants of the recordings in turn."""
        for _ in range(self.fresh_per_batch):
            if self._made[0]:
                self._keep_made(self._hear_made(int(self.rng.integers(len(KINDS)))))
            if self._real:
                kind = list(self._real)[int(self.rng.integers(len(self._real)))]
                same = [recording for recording in self._recordings if recording.kind == KINDS[kind]]
                self._keep_real(self._hear_real(same[int(self.rng.integers(len(same)))], first=False))

    # -------------------------------------------------- windows

    def _pick(self) -> HeardClip:
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

    def _window(self, clip: HeardClip) -> tuple[NDArray[np.float32], float]:
        """One picture [n_mels, window frames] of a clip, and the mean envelope in it (NaN where none is known)."""
        rng, num_frames = self.rng, self.ear.window_frames
        power = clip.power
        if power.shape[1] < num_frames:
            power = np.pad(power, ((0, 0), (0, num_frames - power.shape[1])))
        heard_frames = int(np.exp(rng.uniform(np.log(num_frames), np.log(power.shape[1] + 1))))  # files may be short
        begin = int(rng.integers(power.shape[1] - heard_frames + 1))
        heard = power[:, begin:begin + heard_frames]
        if self.worn:
            heard = self.wear(heard)
        first = int(rng.integers(heard_frames - num_frames + 1))
        picture = decibel_picture(heard[:, first:first + num_frames], float(heard.max()))
        if self.worn:
            self._holes(picture)
        if clip.envelope is None:
            return picture, float("nan")
        middle = begin + first + num_frames // 2
        reach = max(1, num_frames // 6)
        return picture, float(clip.envelope[max(0, middle - reach):middle + reach + 1].mean())

    def _holes(self, picture: NDArray[np.float32]) -> None:
        """Some frames or bands unheard, and now and then silence before a beginning or after an end."""
        rng = self.rng
        if rng.random() < 0.3:
            width = int(rng.integers(1, 13))
            first = int(rng.integers(picture.shape[1] - width))
            picture[:, first:first + width] = picture.mean()
        if rng.random() < 0.3:
            width = int(rng.integers(1, 9))
            first = int(rng.integers(picture.shape[0] - width))
            picture[first:first + width] = picture.mean()
        if rng.random() < 0.08:
            width = int(rng.integers(1, picture.shape[1] // 3))
            picture[:, slice(width) if rng.random() < 0.5 else slice(-width, None)] = 0

    def batch(self, num_windows: int) -> dict[str, torch.Tensor | list[str]]:
        """The next windows: `log_mel` [n, 1, picture_mels, picture_frames] in 0..1, `kind` [n] int64 (index into `KINDS`),
        `envelope` [n] float32 around the window's middle (NaN for real ones), `real` [n] bool, and `caption` [n], which speaks of class
        and strength alone."""
        self.grow()
        clips = [self._pick() for _ in range(num_windows)]
        drawn = [self._window(clip) for clip in clips]
        pictures = torch.from_numpy(np.stack([picture for picture, _ in drawn]))[:, None]
        size = (self.mel.picture_mels, self.mel.picture_frames)
        if pictures.shape[-2:] != size:
            pictures = torch.nn.functional.interpolate(pictures, size, mode="bilinear", align_corners=False)
        return {
            "log_mel": pictures,
            "kind": torch.tensor([clip.kind for clip in clips]),
            "envelope": torch.tensor([strength for _, strength in drawn], dtype=torch.float32),
            "real": torch.tensor([clip.source is not None for clip in clips]),
            "caption": [caption(KINDS[clip.kind], None, strength, self.rng) for clip, (_, strength) in zip(clips, drawn, strict=True)],
        }


Listener = Callable[[torch.Tensor], torch.Tensor]
"""Log-mel windows [S, 1, M, F] to class probabilities [S, classes]."""
