"""Where the clips come from that methods are measured on: the procedural world, or the test split of a prepared data set."""

import dataclasses
import functools
import math
from fractions import Fraction
from typing import Protocol

import numpy as np
import torch

from ...clock import num_frames
from ...datasets import ClipData, ClipInfo
from ...errors import ConfigError
from ...generation import Sound
from ...hashing import fingerprint
from ...pixels import to_uint8
from ...randomness import generator_for
from ...world import KINDS
from ...world.probes import probe_envelopes, probe_images, probe_sounds
from ..judged.table import (
    SOUND_RATE,
    held_out_clip,
    held_out_envelope,
    held_out_seed,
    rendered_frames,
)

_OTHER_SCENE = 400_000_000
"""Added to a clip's seed for the same sound in another scene."""


@dataclasses.dataclass(frozen=True)
class MeasuredClip:
    """A sound that no training saw, with what is known of it."""

    index: int
    """Its place among the source's clips."""
    key: str
    """Its name; files of what was measured bear it."""
    label: str | None
    """In words; None: unknown."""
    seed: int
    """Of its start latent, the same for every method."""
    num_frames: int
    envelope: np.ndarray | None = None
    """The hidden strength at the frames, [T]; only the world knows it."""


class ClipSource(Protocol):
    """Clips with sounds and real pictures."""

    name: str
    """Which clips these are; clip k of a name is always the same, however many there are."""
    fps: Fraction
    clips: list[MeasuredClip]

    @property
    def labels(self) -> tuple[str, ...]:
        """Every label that a clip may have."""

    def sound(self, clip: MeasuredClip) -> Sound:
        """The clip's sound."""

    def real(self, clip: MeasuredClip, size: int) -> torch.Tensor:
        """The clip's own frames, uint8 [T, H, W, 3]; the shorter side is `size`."""

    def real_again(self, clip: MeasuredClip, size: int) -> torch.Tensor | None:
        """Other real frames, for the distance of real clips from real clips; None if there are none. `size` is their shorter side in pixels."""


class WorldSource:
    """Held-out clips of the procedural world, the same as in the table of the judge: `num_clips` of `seconds`."""

    labels: tuple[str, ...] = KINDS

    def __init__(self, num_clips: int, seed: int, seconds: float, fps: float) -> None:
        self.fps = Fraction(fps).limit_denominator(1001)
        now = fingerprint([probe_images(), probe_sounds(), probe_envelopes()])[:8]  # another renderer or synthesiser makes other clips
        self.name = f"world {now}, seed {seed}, {seconds:g} s"
        self._held_out = functools.lru_cache(maxsize=2)(functools.partial(held_out_clip, seed=seed, seconds=seconds, fps=fps))
        self.clips = [self._described(index, seed, seconds, fps) for index in range(num_clips)]

    def _described(self, index: int, seed: int, seconds: float, fps: float) -> MeasuredClip:
        """A clip without its sound, which is made when it's asked for."""
        envelope = held_out_envelope(index, seed, seconds, fps)
        return MeasuredClip(index, f"{index:05d}", KINDS[index % len(KINDS)], seed + held_out_seed(index, seed), len(envelope), envelope=envelope)

    def sound(self, clip: MeasuredClip) -> Sound:
        return Sound.from_waveform(self._held_out(clip.index).waveform[None], SOUND_RATE)

    def real(self, clip: MeasuredClip, size: int) -> torch.Tensor:
        """Rendered frames at `size` pixels."""
        return rendered_frames(self._held_out(clip.index), float(self.fps), size)

    def real_again(self, clip: MeasuredClip, size: int) -> torch.Tensor:
        """The frames of another rendered clip of the kind at `size` pixels."""
        held = self._held_out(clip.index)
        return rendered_frames(dataclasses.replace(held, seed=held.seed + _OTHER_SCENE), float(self.fps), size)


class PreparedSource:
    """At most `num_clips` clips of a prepared data set's test split, drawn by `seed`, at most `seconds` of each (from its beginning).

    Raises ConfigError for a data set of sounds alone, or without a test split.
    """

    def __init__(self, data: ClipData, num_clips: int, seed: int, seconds: float) -> None:
        if data.fps is None:
            raise ConfigError(f"{data.folder}: holds sounds alone; measuring films needs clips with frames")
        self._data = data
        self.fps, self.labels = data.fps, data.labels
        self.name = f"data {data.hash[:16]}, seed {seed}, {seconds:g} s"
        self._test = _drawn(data.clips("test"), num_clips, seed, "test")
        self._train = _drawn(data.clips("train"), num_clips, seed, "train")
        if not self._test:
            raise ConfigError(f"{data.folder}: its test split is empty; prepare the data with some sources held out")
        self.clips = [
            MeasuredClip(index, clip.key, clip.label, generator_for(seed, "start of a test clip", index).initial_seed() % 2**31,
                         min(clip.num_frames, num_frames(min(seconds, clip.seconds), self.fps)))
            for index, clip in enumerate(self._test)
        ]  # fmt: skip

    def sound(self, clip: MeasuredClip) -> Sound:
        samples, rate = self._data.waveform(self._test[clip.index])
        return Sound.from_waveform(samples[None, : math.ceil(clip.num_frames / self.fps * rate)], rate)

    def real(self, clip: MeasuredClip, size: int) -> torch.Tensor:
        """The clip's own frames, their shorter side `size`."""
        return self._frames(self._test[clip.index], clip.num_frames, size)

    def real_again(self, clip: MeasuredClip, size: int) -> torch.Tensor | None:
        """Frames of a training clip, their shorter side `size`; None if there is none."""
        if not self._train:
            return None
        other = self._train[clip.index % len(self._train)]
        return self._frames(other, min(clip.num_frames, other.num_frames), size)

    def _frames(self, info: ClipInfo, count: int, size: int) -> torch.Tensor:
        return to_uint8(self._data.frames(info, 0, count, size)).contiguous()


def _drawn(clips: list[ClipInfo], num: int, seed: int, split: str) -> list[ClipInfo]:
    """`num` of the clips in a random order of `seed`; all of them if there are fewer."""
    order = torch.randperm(len(clips), generator=generator_for(seed, f"clips of {split}")).tolist()
    return [clips[index] for index in order[:num]]
