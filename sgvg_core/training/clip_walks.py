"""The walks of a step: what each hears, where it begins, and the real frames of its last moments.

A walk hears a moment of its own clip. Before that it may have heard other clips, one after another: so walks are learned from that are
longer than any clip, and that come from another sound. Films are as long as their sounds; a walker that only ever took the steps of a
clip of a few seconds drifts off after them.
"""

import dataclasses
import math
from collections import defaultdict

import torch

from ..datasets import ClipInfo
from ..generation.start import random_start
from ..generation.walk import to_rate
from ..randomness import generator_at
from ..synthesis import Generator
from .clip_sgvg_config import ClipSgvgConfig
from .clip_windows import ClipWindows, rng_of
from .pictures import Epochs

_OWN_SECONDS = 1.0
"""After other clips a walk hears its own for so long before its frames count: a picture can't change as fast as a sound."""
_ALIKE_SHARE = 0.5
"""Share of the walks that heard other clips of their own label alone, as a long film does; the rest heard clips of any."""


@dataclasses.dataclass(frozen=True)
class Walks:
    """Items of a step: sounds [n, before + T, 1, M, F] in 0..1, labels [n] (-1: none), start latents [n, L, D], and the frames of the last T
    moments as the discriminators see them [n, T, 3, s, s]."""

    sounds: torch.Tensor
    labels: torch.Tensor
    start_ws: torch.Tensor
    real: torch.Tensor

    def to(self, device: torch.device) -> "Walks":
        """The same on a device."""
        return Walks(*(getattr(self, field.name).to(device, non_blocking=True) for field in dataclasses.fields(self)))

    def some(self, rows: slice) -> "Walks":
        """Some of the items."""
        return Walks(*(getattr(self, field.name)[rows] for field in dataclasses.fields(self)))


class WalkReader:
    """Walks of a step, each drawn by its own numbers."""

    def __init__(self, windows: ClipWindows, generator: Generator, config: ClipSgvgConfig) -> None:
        self.windows, self.generator, self.config = windows, generator, config
        self.rate = to_rate(config.walker.walk_rate)
        self._epochs = Epochs(len(windows), config.batch, config.seed)
        self._alike: dict[int, list[ClipInfo]] = defaultdict(list)  # the clips of each label
        for clip in windows.clips:
            self._alike[windows.label(clip)].append(clip)

    def read(self, step: int, items: range) -> Walks:
        """Items of a step; all of a step have made the same number of steps before."""
        num_others, num_before = self.steps_before(step)
        read = [self._read_one(step, item, num_others, num_before) for item in items]
        sounds, labels, real = (list(column) for column in zip(*read, strict=True))
        first = step * self.config.batch + items.start
        start_ws = random_start(self.generator, self.config.seed, num_codes=len(items), first=first)
        return Walks(torch.stack(sounds), torch.tensor(labels), start_ws, torch.stack(real))

    def steps_before(self, step: int) -> tuple[int, int]:
        """How many steps the walks of a step make with other clips, and then with their own, before their frames count."""
        config, drawn = self.config, generator_at(self.config.seed, "steps before", step)
        num_before = config.steps_before[int(torch.randint(len(config.steps_before), (), generator=drawn))]
        num_others = config.steps_of_others[int(torch.randint(len(config.steps_of_others), (), generator=drawn))]
        return num_others, max(num_before, math.ceil(_OWN_SECONDS * self.rate)) if num_others else num_before

    def _read_one(self, step: int, item: int, num_others: int, num_before: int) -> tuple[torch.Tensor, int, torch.Tensor]:
        clip = self.windows.clips[self._epochs.index(step, item)]
        generator = generator_at(self.config.seed, "moment", step, item)
        num_frames = self.config.critics.num_frames
        seconds = (num_before + num_frames) / self.rate
        begin = torch.rand((), generator=generator).item() * max(0.0, clip.seconds - float(seconds))
        sounds = self.windows.windows(clip, begin, self.rate, num_before + num_frames, rng_of(generator))
        size = self.config.critics.picture_size
        real = self.windows.frames(clip, begin + float(num_before / self.rate), self.rate, num_frames, size)
        label = self.windows.label(clip)
        if num_others:
            sounds = torch.cat([self._others(label, num_others, generator_at(self.config.seed, "other clips", step, item)), sounds])
        return sounds, label, real

    def _others(self, label: int, num_steps: int, generator: torch.Generator) -> torch.Tensor:
        """What a walk hears before a clip of a label: as much as there's room for of one other clip after another, [num_steps, 1, M, F]."""
        alike = label >= 0 and torch.rand((), generator=generator).item() < _ALIKE_SHARE
        clips, heard, left = self._alike[label] if alike else self.windows.clips, [], num_steps
        while left:
            clip = clips[int(torch.randint(len(clips), (), generator=generator))]
            count = min(left, max(1, math.floor(clip.seconds * self.rate)))
            begin = torch.rand((), generator=generator).item() * max(0.0, clip.seconds - float(count / self.rate))
            heard.append(self.windows.windows(clip, begin, self.rate, count, rng_of(generator)))
            left -= count
        return torch.cat(heard)
