"""The whole sound that curves are made of: a file, read in chunks, or samples in memory."""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import torch

from ..audio import mono_pieces
from ..media import SoundReader, SoundTrack, probe_sound

_CHUNK_SECONDS = 4.0


def _nothing() -> None:
    """A tick that stops nothing."""


@dataclasses.dataclass(frozen=True)
class SoundSource:
    """A sound as a whole, from its first sample to its last, that can be read as often as needed."""

    track: SoundTrack

    @classmethod
    def from_file(cls, path: str | Path, track: int | None = None, *, tick: Callable[[], None] = _nothing) -> "SoundSource":
        """The sound of a file; `track` is one of several sound tracks, from 1 (None: the one marked default, else the first).

        `tick` is called a packet and may raise. Raises MediaError.
        """
        return cls(SoundTrack.from_file(path, track=track, tick=tick))

    @classmethod
    def from_waveform(cls, waveform: torch.Tensor, sample_rate: int) -> "SoundSource":
        """Samples [C, N] in -1..1. Raises MediaError."""
        return cls(SoundTrack.from_waveform(waveform, sample_rate))

    @property
    def sample_rate(self) -> int:
        """Samples a second, as the file has them."""
        return self.track.sample_rate

    @property
    def channel_names(self) -> tuple[str, ...]:
        """FFmpeg's name of each channel ("FL", "FR", "LFE", ...); those of an unnamed layout count as front channels."""
        known = av.AudioLayout(self.track.layout).channels if self.track.layout else ()
        names = tuple(channel.name for channel in known)
        return names if len(names) == self.track.num_channels else ("FC",) * self.track.num_channels

    @property
    def announced_seconds(self) -> float | None:
        """How long it is by what the file says of itself, for a bar of progress; None where it doesn't say."""
        if self.track.waveform is not None:
            return self.track.waveform.shape[1] / self.track.sample_rate
        info = probe_sound(self.track.path, self.track.track) if self.track.path is not None else None
        return (info.duration_seconds or None) if info is not None and info.exact else None

    def channels(self) -> Iterator[torch.Tensor]:
        """All channels at the file's own rate, in chunks [C, n]."""
        for array in self.track.arrays():
            yield torch.from_numpy(array)

    def mono(self, sample_rate: int) -> Iterator[torch.Tensor]:
        """The mean of the channels (the loudest where they cancel each other) at `sample_rate`, in chunks [n]."""
        if self.track.waveform is not None:
            yield from mono_pieces(self.track.waveform, self.track.sample_rate, sample_rate)
        elif self.track.path is not None:
            for chunk in SoundReader(self.track.path, sample_rate=sample_rate, mono=True, chunk_seconds=_CHUNK_SECONDS,
                                     track=self.track.track, tick=self.track.tick):
                yield chunk[0]
