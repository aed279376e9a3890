"""A sound that can be read as often as needed, from a file in chunks or from memory."""

import dataclasses
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from ..audio import SoundLevel, measure, mono_pieces
from ..config import MelConfig
from ..downmix import ChannelLevels, said_of
from ..errors import MediaError
from ..progress import Progress, silent

if TYPE_CHECKING:  # media are read where a file is: sounds in memory need none
    from ..media import SoundReader, SoundTrack, Tick

_CHUNK_SECONDS = 1.0


def _nothing() -> None:
    """A tick that stops nothing."""


@dataclasses.dataclass(frozen=True)
class Sound:
    """A file (from `start` on, `seconds` long), or samples [C, N] at `sample_rate`, which may name the file they were cut from."""

    path: Path | None = None
    start: float = 0.0
    seconds: float | None = None
    waveform: torch.Tensor | None = None
    sample_rate: int = 0
    track_number: int | None = None
    """Which of a file's sound tracks, from 1; None: the one marked default, else the first."""
    strict: bool = False
    """Whether a file that lost some of its sound to damage is refused."""
    tick: "Tick | None" = dataclasses.field(default=None, compare=False, repr=False)
    """Called for every packet of a file that's read, and may raise to stop."""

    @classmethod
    def from_file(cls, path: str | Path, start: float = 0.0, seconds: float | None = None, *, track: int | None = None,
                  strict: bool = False) -> "Sound":
        """The sound of a file, or of a pipe ("-" is standard input): `seconds` of it (None: all) from `start` seconds on.

        `track` is one of several sound tracks, from 1 (None: the one marked default, else the first); `strict` refuses a damaged file.
        """
        if start < 0 or (seconds is not None and seconds <= 0):
            raise MediaError(f"{path}: got start {start} and length {seconds}, expected a start of 0 or more seconds and a length above 0")
        from ..media import local_file

        return cls(path=local_file(path), start=start, seconds=seconds, track_number=track, strict=strict)

    @classmethod
    def from_waveform(cls, waveform: torch.Tensor, sample_rate: int) -> "Sound":
        """Samples in memory, [C, N] in -1..1. Raises MediaError where there are none."""
        if waveform.ndim != 2 or waveform.shape[1] == 0:
            raise MediaError(f"sound: got samples of shape {list(waveform.shape)}, expected [channels, samples] with at least one sample")
        return cls(waveform=waveform.float(), sample_rate=sample_rate)

    def reader(self, sample_rate: int) -> "SoundReader":
        """A streaming reader of the file, mono at `sample_rate`."""
        from ..media import SoundReader

        return SoundReader(
            self.path, sample_rate=sample_rate, mono=True, start=self.start, length=self.seconds, chunk_seconds=_CHUNK_SECONDS,  # type: ignore[arg-type]
            track=self.track_number, strict=self.strict, tick=self.tick or _nothing
        )

    def mono_chunks(self, sample_rate: int) -> Iterator[torch.Tensor]:
        """The mean of the channels at `sample_rate`, in chunks [n] of about a second; may be called again and again."""
        if self.waveform is not None:
            return mono_pieces(self.waveform, self.sample_rate, sample_rate)
        return (chunk[0] for chunk in self.reader(sample_rate))

    def announced_seconds(self) -> float | None:
        """How long it is by what the file says of itself, for a bar of progress; None where it doesn't say, or it's only an estimate."""
        if self.waveform is not None:
            return self.waveform.shape[1] / self.sample_rate
        from ..media import probe_sound

        info = probe_sound(self.path, self.track_number)  # type: ignore[arg-type]
        if not info.exact:
            return None
        left = max(info.duration_seconds - self.start, 0.0)
        return (left if self.seconds is None else min(left, self.seconds)) or None

    def track(self) -> "SoundTrack":
        """The sound as it goes into a video file: the original, all its channels."""
        from ..media import SoundTrack

        if self.waveform is not None:
            return SoundTrack.from_waveform(self.waveform, self.sample_rate)
        return SoundTrack.from_file(self.path, self.start, self.seconds, self.track_number, strict=self.strict,  # type: ignore[arg-type]
                                    tick=self.tick or _nothing)


@dataclasses.dataclass(frozen=True)
class AnalysedSound:
    """A sound after its first pass: one level for all its windows, and its exact duration."""

    sound: Sound
    mel: MelConfig
    level: SoundLevel
    duration: Fraction
    """Seconds."""
    notes: tuple[str, ...] = ()
    """What the user should know of it, a sentence each: which of several tracks is heard, channels that cancel each other, what's missing."""


def analyse_sound(sound: Sound, mel: MelConfig, progress: Progress = silent) -> AnalysedSound:
    """The first streaming pass: the dB reference (ONE number a clip, so that loud and quiet stay apart) and the duration.

    `mel` are the spectrograms that E_a hears; of `sound` only its own cut is read. Raises MediaError for a file that can't be read or
    holds no samples.

    `progress` is called for every packet, so that what takes long can be stopped; its `check`, if it has one, in all later passes too.
    """
    total, done = sound.announced_seconds(), 0.0

    def tell() -> None:
        progress(done if total is None else min(done, total), total, "listening")

    def watched(chunks: Iterator[torch.Tensor]) -> Iterator[torch.Tensor]:
        nonlocal done
        for chunk in chunks:
            done += len(chunk) / mel.sample_rate
            tell()
            yield chunk

    if sound.waveform is not None:
        level = measure(watched(sound.mono_chunks(mel.sample_rate)), mel)
        return AnalysedSound(sound, mel, level, Fraction(sound.waveform.shape[1], sound.sample_rate), _notes_of(sound.waveform))
    reader = dataclasses.replace(sound, tick=tell).reader(mel.sample_rate)
    level = measure(watched(chunk[0] for chunk in reader), mel)
    kept = dataclasses.replace(sound, tick=sound.tick or getattr(progress, "check", None))
    return AnalysedSound(kept, mel, level, reader.duration or Fraction(level.num_samples, mel.sample_rate), reader.notes)


def _notes_of(waveform: torch.Tensor) -> tuple[str, ...]:
    """What the user should know of samples [C, N] in memory."""
    levels = ChannelLevels()
    levels.add(waveform)
    return () if levels.loudest is None else (f"the sound: {said_of(levels.loudest)}",)
