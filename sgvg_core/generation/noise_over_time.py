"""Noise inputs that flow: sets of maps that turn into one another evenly, for ever or round and round, as fast as the sound says."""

import dataclasses
import math
from collections.abc import Sequence
from fractions import Fraction

import torch

from ..curves.curve import Curve
from ..randomness import normal
from ..synthesis import Generator, StyleGAN2Generator


@dataclasses.dataclass(frozen=True, eq=False)
class NoisePath:
    """Where the noise of each frame is among its sets: 2.25 is a quarter of the way from set 2 to set 3."""

    positions: torch.Tensor
    """[T], float64; frames beyond the last continue as the last two did."""
    period: int | None = None
    """Number of sets after which the first comes again; None: it never does."""

    def at(self, frame: int) -> float:
        """The position of a frame."""
        last = len(self.positions) - 1
        if frame <= last or last < 1:
            return float(self.positions[min(frame, last)])
        return float(self.positions[-1] + (frame - last) * (self.positions[-1] - self.positions[-2]))


def noise_path(fps: Fraction, num_frames: int, *, seconds: float = 1.0, speed: Curve | None = None, closed: bool = False) -> NoisePath:
    """The path of a film's noise, which has changed altogether after `seconds`; `speed` multiplies that, frame by frame (None: it's steady).

    A `closed` path comes back to its beginning after the last frame: the way is stretched to a whole number of sets.
    """
    steps = torch.full((num_frames,), float(1 / (fps * Fraction(seconds).limit_denominator(10**6))), dtype=torch.float64)
    if speed is not None:
        steps = steps * speed.at(fps, num_frames).values.double()
    ends = steps.cumsum(0)
    positions = torch.cat([ends.new_zeros(1), ends[:-1]])
    if not closed:
        return NoisePath(positions)
    period = max(2, round(float(ends[-1])))
    total = float(ends[-1])
    return NoisePath(positions * (period / total) if total > 0 else positions, period)


class FlowingNoise:
    """The maps of each layer for frame after frame. Between two sets the mix keeps the variance: cos and sin of a right angle's share."""

    def __init__(self, generator: Generator, path: NoisePath, seed: int) -> None:
        convs = generator.synthesis.convs if isinstance(generator, StyleGAN2Generator) else []
        self._shapes = [tuple(conv.noise_const.shape) for conv in convs]
        self._path, self._seed = path, seed
        self._sets: dict[int, list[torch.Tensor]] = {}

    def maps(self, frames: Sequence[int], device: torch.device) -> list[torch.Tensor] | None:
        """One map a layer, [n, 1, H, W], for the `frames` of these numbers; None where the generator has no noise."""
        if not self._shapes:
            return None
        mixed = [self._of_frame(frame) for frame in frames]
        return [torch.stack(layer)[:, None].to(device) for layer in zip(*mixed, strict=True)]

    def _of_frame(self, frame: int) -> list[torch.Tensor]:
        position = self._path.at(frame)
        below = math.floor(position)
        angle = (position - below) * math.pi / 2
        one, other = self._set(below), self._set(below + 1)
        return [math.cos(angle) * a + math.sin(angle) * b for a, b in zip(one, other, strict=True)]

    def _set(self, number: int) -> list[torch.Tensor]:
        number = number if self._path.period is None else number % self._path.period
        if number not in self._sets:
            while len(self._sets) >= 3:
                self._sets.pop(next(iter(self._sets)))
            self._sets[number] = [normal(self._seed, f"flowing noise {layer}", number, *shape) for layer, shape in enumerate(self._shapes)]
        return self._sets[number]
