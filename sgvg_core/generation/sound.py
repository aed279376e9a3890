"""A sound that can be read as often as needed, from a file in chunks or from memory."""

import dataclasses
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import torch

from ..audio import SoundLevel, measure, resample, to_mono
from ..config import MelConfig
from ..errors import MediaError
from ..media import SoundReader, SoundTrack, probe_sound
from ..progress import Progress, silent

_CHUNK_SECONDS = 1.0


@dataclasses.dataclass(frozen=True)
class Sound:
    """A file (from `start` on, `seconds` long), or samples [C, N] at `sample_rate`, which may name the file they were cut from."""

    path: Path | None = None
    start: float = 0.0
    seconds: float | None = None
    waveform: torch.Tensor | None = None
    sample_rate: int = 0

    @classmethod
    def from_file(cls, path: str | Path, start: float = 0.0, seconds: float | None = None) -> "Sound":
        """The sound of a file: `seconds` of it (None: all) from `start` seconds on."""
        if start < 0 or (seconds is not None and seconds <= 0):
            raise MediaError(f"{path}: got start {start} and length {seconds}, expected a start of 0 or more seconds and a length above 0")
        return cls(path=Path(path), start=start, seconds=seconds)

    @classmethod
    def from_waveform(cls, waveform: torch.Tensor, sample_rate: int) -> "Sound":
        """Samples in memory, [C, N] in -1..1."""
        if waveform.ndim != 2 or waveform.shape[1] == 0:
            raise MediaError(f"sound: got samples of shape {list(waveform.shape)}, expected [channels, samples] with at least one sample")
        return cls(waveform=waveform.float(), sample_rate=sample_rate)

    def reader(self, sample_rate: int) -> SoundReader:
        """A streaming reader of the file, mono at `sample_rate`."""
        return SoundReader(
            self.path, sample_rate=sample_rate, mono=True, start=self.start, length=self.seconds, chunk_seconds=_CHUNK_SECONDS  # type: ignore[arg-type]
        )

    def mono_chunks(self, sample_rate: int) -> Iterator[torch.Tensor]:
        """The mean of the channels at `sample_rate`, in chunks [n] of about a second; may be called again and again."""
        if self.waveform is not None:
            return iter(resample(to_mono(self.waveform)[None], self.sample_rate, sample_rate)[0].split(sample_rate))
        return (chunk[0] for chunk in self.reader(sample_rate))

    def announced_seconds(self) -> float | None:
        """How long it is by what the file says of itself, for a bar of progress; None where the file doesn't say."""
        if self.waveform is not None:
            return self.waveform.shape[1] / self.sample_rate
        declared = probe_sound(self.path).duration_seconds  # type: ignore[arg-type]
        left = max(declared - self.start, 0.0)
        return (left if self.seconds is None else min(left, self.seconds)) or None

    def track(self) -> SoundTrack:
        """The sound as it goes into a video file: the original, all its channels."""
        if self.waveform is not None:
            return SoundTrack.from_waveform(self.waveform, self.sample_rate)
        return SoundTrack.from_file(self.path, self.start, self.seconds)  # type: ignore[arg-type]


@dataclasses.dataclass(frozen=True)
class HeardSound:
    """A sound after its first pass: one level for all its windows, and its exact duration."""

    sound: Sound
    mel: MelConfig
    level: SoundLevel
    duration: Fraction
    """Seconds."""


def hear(sound: Sound, mel: MelConfig, progress: Progress = silent) -> HeardSound:
    """The first streaming pass: the dB reference (ONE number a clip, so that loud and quiet stay apart) and the duration."""

    reader = None if sound.waveform is not None else sound.reader(mel.sample_rate)
    chunks = sound.mono_chunks(mel.sample_rate) if reader is None else (chunk[0] for chunk in reader)
    total = sound.announced_seconds()

    def watched() -> Iterator[torch.Tensor]:
        done = 0
        for chunk in chunks:
            done += len(chunk)
            seconds = done / mel.sample_rate
            progress(seconds if total is None else min(seconds, total), total, "listening")
            yield chunk

    level = measure(watched(), mel)
    if reader is None:
        return HeardSound(sound, mel, level, Fraction(sound.waveform.shape[1], sound.sample_rate))  # type: ignore[union-attr]
    return HeardSound(sound, mel, level, reader.duration or Fraction(level.num_samples, mel.sample_rate))
