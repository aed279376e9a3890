"""A pool of clips heard once: log-mel windows of sounds whose kind and envelope are known, at the walker's rate."""

import dataclasses
import functools
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from ...atomic_files import atomic_write
from ...audio.mel import dequantise
from ...augmentation import augment_sound, sounds
from ...augmentation.probes import probe_disturbed
from ...augmentation.sounds import change_speed, draw_speed, looped
from ...config import MelConfig
from ...config.aliases import first_names
from ...curves.loudness import loudness_envelope
from ...errors import TrainingError
from ...generation.trajectory import count_windows, to_rate
from ...generation.windows import log_mel_windows
from ...hashing import MADE_OF, fingerprint, is_kept, note_kept
from ...progress import Progress, silent
from ...world import KINDS
from ...world.recordings import Recording
from ..runs.jobs import results_in_order
from .sound_data import synthesise_clip

_NUM_VARIANTS = 6
"""Variants a recording: the original, and the others at another speed, in another room, through another microphone."""
_FADE_SECONDS = 0.05
"""Length of the crossfade where a recording that is too short begins again."""


@dataclasses.dataclass(frozen=True)
class SoundPool:
    """Windows of C clips, T a clip: spectrograms uint8 [C, T, M, F], kinds int [C], envelopes [C, T]."""

    windows: np.ndarray
    kinds: np.ndarray
    envelopes: np.ndarray
    made_of: str = ""
    """The fingerprint of what it was made of."""

    def log_mels(self, clips: np.ndarray, steps: slice | np.ndarray = slice(None)) -> torch.Tensor:
        """Log-mel spectrograms in 0..1 of some clips, [..., 1, M, F]. `clips` are numbers of clips, `steps` of their windows."""
        return dequantise(torch.from_numpy(self.windows[clips, steps])).unsqueeze(-3)

    def stretch(self, clip: int, first: int, count: int, reach: int) -> tuple[torch.Tensor, torch.Tensor]:
        """`count` windows of a clip from `first` on and `reach` on both sides of them, [reach + count + reach, 1, M, F] in 0..1, and which of them
        are the clip's, bool. The others are empty."""
        places = torch.arange(first - reach, first + count + reach)
        inside = (places >= 0) & (places < self.windows.shape[1])
        log_mels = self.log_mels(np.array(clip), places.clamp(0, self.windows.shape[1] - 1).numpy())
        return log_mels * inside[:, None, None, None], inside

    @functools.cached_property
    def loudest(self) -> torch.Tensor:
        """The greatest value of each row over all windows of a clip, in 0..1: [C, M]."""
        return dequantise(torch.from_numpy(np.stack([windows.max((0, 2)) for windows in self.windows])))


    def first(self, num_clips: int) -> "SoundPool":
        """The first clips alone."""
        return SoundPool(self.windows[:num_clips], self.kinds[:num_clips], self.envelopes[:num_clips], f"{self.made_of}/{num_clips}")


def with_mixture_weights(pools: Sequence[SoundPool], real_share: float, num_made: int = 1) -> list[tuple[SoundPool, float]]:
    """The pools of synthesised sounds, the first `num_made`, with their shares, and those of recordings with theirs.

    `real_share`, 0..1, is what recordings get.
    """
    made, real = pools[:num_made], pools[num_made:]
    synthesised = 1 - real_share if real else 1.0
    return [*((pool, synthesised / len(made)) for pool in made), *((pool, real_share / len(real)) for pool in real)]


def draw_clips(pools: Sequence[tuple[SoundPool, float]], num_clips: int, rng: np.random.Generator) -> list[tuple[SoundPool, int]]:
    """Clips out of pools with their shares. Every kind is as frequent as any other; of a kind, the pools that have it give their shares.

    So kinds of which there are no recordings aren't outweighed by those that have some: what can't be told apart would be taken for these.

    `num_clips` is the number of rows that are drawn.
    """
    kinds = np.unique(np.concatenate([pool.kinds for pool, _ in pools]))
    drawn = []
    for kind in rng.choice(kinds, num_clips):
        having = [(pool, share) for pool, share in pools if (pool.kinds == kind).any()]
        shares = np.array([share for _, share in having])
        pool, _ = having[int(rng.choice(len(having), p=shares / shares.sum()))]
        drawn.append((pool, int(rng.choice(np.flatnonzero(pool.kinds == kind)))))
    return drawn


def _synthetic_job(job: tuple[int, int, float, MelConfig, float]) -> tuple[np.ndarray, np.ndarray]:
    """One clip of the world, disturbed: its windows and the envelope at each."""
    seed, index, seconds, mel, rate = job
    exact, num_samples = to_rate(rate), int(seconds * mel.sample_rate)
    longer = seconds * math.exp(max(sounds.SPEEDS))  # so that a clip played faster is long enough
    waveform, envelope = synthesise_clip(KINDS[index % len(KINDS)], np.random.default_rng([seed, index]), longer, mel.sample_rate)
    num_segments = count_windows(seconds, exact)
    moments = (np.arange(num_segments) / rate * mel.sample_rate).astype(int)
    return log_mel_windows(waveform[:num_samples], mel.sample_rate, mel, exact, num_segments), envelope[moments.clip(max=num_samples - 1)]


def make_sound_pool(
    folder: Path, mel: MelConfig, *, rate: float, seed: int, num_clips: int, seconds: float = 6.0, workers: int = 2, progress: Progress = silent
) -> SoundPool:
    """Make the pool in `folder`, once: what is there of the same seed, numbers and spectrograms, by the same world, is used as it is.

    `rate` is windows a second; each of `num_clips` clips lasts `seconds`.
    """
    paths, note = (folder / "windows.npy", folder / "envelopes.npy"), folder / MADE_OF
    made_with = [first_names(dataclasses.asdict(mel)), rate, seconds, _probe(mel, rate)]
    made_of = fingerprint(["sounds", seed, num_clips, *made_with, _probe_clips(mel)])
    if not is_kept(note, made_of):
        folder.mkdir(parents=True, exist_ok=True)
        num_segments = count_windows(seconds, to_rate(rate))
        envelopes = np.empty((num_clips, num_segments), np.float32)
        jobs = [(seed, index, seconds, mel, rate) for index in range(num_clips)]
        with atomic_write(paths[0], TrainingError) as part:  # under another name: who still reads the old ones keeps them
            windows = np.lib.format.open_memmap(part, "w+", np.uint8, (num_clips, num_segments, mel.resized_mels, mel.resized_frames))
            for index, (some, envelope) in enumerate(results_in_order(_synthetic_job, jobs, workers)):
                windows[index], envelopes[index] = some, envelope
                progress(index, num_clips, "sounds")
            windows.flush()
        with atomic_write(paths[1], TrainingError) as part:
            np.save(part, envelopes)
        note_kept(note, made_of, TrainingError)
    made = np.load(paths[0], mmap_mode="r")
    return SoundPool(made, np.arange(len(made)) % len(KINDS), np.load(paths[1]), made_of)


def _probe_clips(mel: MelConfig) -> np.ndarray:
    """Short clips of every kind as they're synthesised for training, with their envelopes: change with the code and the numbers behind them."""
    clips = [synthesise_clip(kind, np.random.default_rng([71, place]), 0.5, mel.sample_rate) for place, kind in enumerate(KINDS)]
    return np.concatenate([part for clip in clips for part in clip])


def _probe(mel: MelConfig, rate: float) -> np.ndarray:
    """How a noise is heard: changes with the code that makes spectrograms of sounds, and with how many are made."""
    noise = np.random.default_rng(3).standard_normal(mel.sample_rate).astype(np.float32)
    return log_mel_windows(noise, mel.sample_rate, mel, to_rate(rate), count_windows(1.0, to_rate(rate)))


def _recording_job(job: tuple[Recording, int, int, MelConfig, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """One recording in all its variants: windows [C, T, M, F] of parts of `seconds`, and their envelopes [C, T]. One that is shorter, as it
    is or at another speed, begins again: silence isn't the scene."""
    recording, seed, index, mel, rate, seconds = job
    exact, num_samples = to_rate(rate), int(seconds * mel.sample_rate)
    num_segments = count_windows(seconds, exact)
    rng = np.random.default_rng([seed, index])
    windows, envelopes = [], []
    for variant in range(_NUM_VARIANTS):
        whole = change_speed(recording.waveform, draw_speed(rng)) if variant else recording.waveform
        whole = looped(whole, max(num_samples, len(whole)), int(_FADE_SECONDS * mel.sample_rate))
        for first in range(0, len(whole) - num_samples + 1, num_samples):
            part = whole[first : first + num_samples]
            heard = augment_sound(part, rng, mel.sample_rate) if variant else part
            windows.append(log_mel_windows(heard, mel.sample_rate, mel, exact, num_segments))
            envelopes.append(loudness_envelope(part, mel.sample_rate, rate, num_segments))
    return np.stack(windows), np.stack(envelopes)


def _how_looped(recordings: Sequence[Recording], num_samples: int) -> list[list[str | float | np.ndarray]]:
    """How recordings are looped, where one of them is shorter than `num_samples` when it's played fastest."""
    fewest = min((len(recording.waveform) for recording in recordings), default=num_samples)
    return [["looped", _FADE_SECONDS, looped(np.arange(30.0), 50, 5)]] if fewest / math.exp(max(sounds.SPEEDS)) < num_samples + 1 else []


def make_recording_pool(
    folder: Path,
    recordings: Sequence[Recording],
    mel: MelConfig,
    *,
    rate: float,
    seconds: float = 5.0,
    seed: int = 41,
    workers: int = 2,
    progress: Progress = silent,
) -> SoundPool:
    """Windows of real recordings (mono at the mel's sample rate, as `sound_data.load_recordings` reads them), in parts of `seconds`.

    Each is heard as it is and disturbed in several ways; one that is shorter than a part is looped. Its envelope isn't known: it's read off
    the loudness.
    Made in `folder` once: what is there of the same recordings is used as it is.
    """
    windows_path, clips_path, note = folder / "windows.npy", folder / "clips.npz", folder / MADE_OF
    made_with = [first_names(dataclasses.asdict(mel)), rate, seconds, seed, _NUM_VARIANTS, _probe(mel, rate), sounds.SPEEDS, probe_disturbed()]
    made_with += _how_looped(recordings, int(seconds * mel.sample_rate))
    made_of = fingerprint(["recordings", *made_with, *(part for recording in recordings for part in (recording.kind, recording.waveform))])
    if not is_kept(note, made_of):
        folder.mkdir(parents=True, exist_ok=True)
        jobs = [(recording, seed, index, mel, rate, seconds) for index, recording in enumerate(recordings)]
        windows, kinds, envelopes = [], [], []
        for recording, (some, envelope) in zip(recordings, results_in_order(_recording_job, jobs, workers), strict=True):
            windows.append(some)
            envelopes.append(envelope)
            kinds += [KINDS.index(recording.kind)] * len(some)
            progress(len(windows), len(recordings), "recordings")
        with atomic_write(windows_path, TrainingError) as part:
            np.save(part, np.concatenate(windows))
        with atomic_write(clips_path, TrainingError) as part:
            np.savez(part, kinds=kinds, envelopes=np.concatenate(envelopes))
        note_kept(note, made_of, TrainingError)
    clips = np.load(clips_path)
    return SoundPool(np.load(windows_path, mmap_mode="r"), clips["kinds"], clips["envelopes"], made_of)
