"""The walks of a step: what each hears, where it begins, and the real frames of its last moments.

A walk hears a moment of its own clip. Before that it may have heard other clips, one after another: so walks are learned from that are
longer than any clip, and that come from another sound. Films are as long as their sounds; a walker that only ever took the steps of a
clip of a few seconds drifts off after them.
"""

import dataclasses
import math
from collections import defaultdict
from collections.abc import Callable

import torch
from torch.nn import functional as F

from ...datasets import ClipInfo
from ...generation.seeded_start import random_start
from ...generation.trajectory import count_windows, to_rate
from ...randomness import generator_at
from ...synthesis import Generator
from .images import Epochs
from .sgvg_config import ClipSgvgConfig
from .windows import ClipWindows, rng_of

_OWN_SECONDS = 1.0
"""After other clips a walk hears its own for so long before its frames count: a picture can't change as fast as a sound."""
_ALIKE_SHARE = 0.5
"""Share of the walks that heard other clips of their own label alone, as a long film does; the rest heard clips of any."""


@dataclasses.dataclass(frozen=True)
class Walks:
    """Items of a step: sounds [n, r + before + T + r, 1, M, F] in 0..1 (with the r windows around, from which E_a averages textures too), labels
    [n] (-1: none), start latents [n, L, D], and the frames of the last T moments as the discriminators see them [n, T, 3, s, s]."""

    sounds: torch.Tensor
    labels: torch.Tensor
    start_ws: torch.Tensor
    real: torch.Tensor
    inside: torch.Tensor | None = None
    """Which windows lie within their clip, bool [n, r + before + T + r]; the others are empty. None: all do."""

    def to(self, device: torch.device) -> "Walks":
        """The same on a device."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=True))

    def some(self, rows: slice) -> "Walks":
        """Some of the items."""
        return self._each(lambda tensor: tensor[rows])

    def _each(self, change: Callable[[torch.Tensor], torch.Tensor]) -> "Walks":
        inside = None if self.inside is None else change(self.inside)
        return Walks(change(self.sounds), change(self.labels), change(self.start_ws), change(self.real), inside)


class WalkReader:
    """Walks of a step, each drawn by its own numbers."""

    def __init__(self, windows: ClipWindows, generator: Generator, config: ClipSgvgConfig) -> None:
        self.windows, self.generator, self.config = windows, generator, config
        self.rate = to_rate(config.walker.walk_rate)
        self.reach = dataclasses.replace(config.encoder, segment_rate=config.walker.walk_rate).reach
        self._epochs = Epochs(len(windows), config.batch, config.seed)
        self._alike: dict[int, list[ClipInfo]] = defaultdict(list)  # the clips of each label
        for clip in windows.clips:
            self._alike[windows.label(clip)].append(clip)

    def read(self, step: int, items: range) -> Walks:
        """Items of a step; all of a step have made the same number of steps before."""
        num_others, num_before = self.burn_in_steps(step)
        read = [self._read_one(step, item, num_others, num_before) for item in items]
        sounds, inside, labels, real = (list(column) for column in zip(*read, strict=True))
        first = step * self.config.batch + items.start
        start_ws = random_start(self.generator, self.config.seed, num_codes=len(items), first=first)
        return Walks(torch.stack(sounds), torch.tensor(labels), start_ws, torch.stack(real), torch.stack(inside))

    def burn_in_steps(self, step: int) -> tuple[int, int]:
        """How many steps the walks of a step make with other clips, and then with their own, before their frames count."""
        config, drawn = self.config, generator_at(self.config.seed, "steps before", step)
        num_before = config.burn_in_steps[int(torch.randint(len(config.burn_in_steps), (), generator=drawn))]
        num_others = config.burn_in_steps_other_clips[int(torch.randint(len(config.burn_in_steps_other_clips), (), generator=drawn))]
        return num_others, max(num_before, math.ceil(_OWN_SECONDS * self.rate)) if num_others else num_before

    def _read_one(self, step: int, item: int, num_others: int, num_before: int) -> tuple[torch.Tensor, torch.Tensor, int, torch.Tensor]:
        clip = self.windows.clips[self._epochs.index(step, item)]
        generator = generator_at(self.config.seed, "moment", step, item)
        num_frames = self.config.critics.num_frames
        seconds = (num_before + num_frames) / self.rate
        begin = torch.rand((), generator=generator).item() * max(0.0, clip.seconds - float(seconds))
        own = self._heard(clip, begin, num_before + num_frames, generator, before=not num_others, after=True)
        others = self._others(self.windows.label(clip), num_others, generator_at(self.config.seed, "other clips", step, item)) if num_others else []
        sounds, inside = (torch.cat(parts) for parts in zip(*others, own, strict=True))
        size = self.config.critics.image_size
        real = self.windows.frames(clip, begin + float(num_before / self.rate), self.rate, num_frames, size)
        return sounds, inside, self.windows.label(clip), real

    def _heard(
        self, clip: ClipInfo, begin: float, count: int, generator: torch.Generator, *, before: bool, after: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """`count` windows of a clip from `begin` seconds on, and before and after them as many as a texture reaches: windows, and which are the
        clip's. All come out of one stretch of sound; where the clip has none they're empty."""
        last = begin + float((count - 1) / self.rate)
        end = float((count_windows(clip.seconds, self.rate) - 1) / self.rate)  # the moment of the last window that a film hears
        earlier, later = (min(self.reach, math.floor(left * float(self.rate) + 1e-6)) for left in (begin, max(0.0, end - last)))
        earlier, later = earlier * before, later * after
        windows = self.windows.windows(clip, begin - float(earlier / self.rate), self.rate, earlier + count + later, rng_of(generator))
        empty = (0, 0) * 3 + (before * self.reach - earlier, after * self.reach - later)
        return F.pad(windows, empty), F.pad(torch.ones(len(windows), dtype=torch.bool), empty[-2:])

    def _others(self, label: int, num_steps: int, generator: torch.Generator) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """What a walk hears before a clip of a label: as much as there's room for of one other clip after another, `num_steps` windows in all, the
        first of them with what is around it."""
        alike = label >= 0 and torch.rand((), generator=generator).item() < _ALIKE_SHARE
        clips, left = self._alike[label] if alike else self.windows.clips, num_steps
        heard: list[tuple[torch.Tensor, torch.Tensor]] = []
        while left:
            clip = clips[int(torch.randint(len(clips), (), generator=generator))]
            count = min(left, max(1, math.floor(clip.seconds * self.rate)))
            begin = torch.rand((), generator=generator).item() * max(0.0, clip.seconds - float(count / self.rate))
            heard.append(self._heard(clip, begin, count, generator, before=not heard, after=False))
            left -= count
        return heard
