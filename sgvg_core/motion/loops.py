"""Loops that close: curves, sounds and walks whose last frame leads on into the first.

The trick is one for all of them. Something goes round and round, pass after pass; of two passes that aren't quite the same the film takes
one, and over its last frames fades into where the pass before ended. What then follows its last frame is its own first one.
"""

import dataclasses
import math
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

import torch

from ..curves.curve import Curve
from ..errors import ConfigError
from ..latents import LatentWalk
from .beat_grid import BeatGrid


@dataclasses.dataclass(frozen=True)
class LoopSpan:
    """The part of a sound that a loop is made of, as whole frames."""

    start: float
    """Seconds."""
    num_frames: int
    fps: Fraction
    num_bars: float = 0.0
    """Bars of the span; 0 where it's given in seconds."""

    @property
    def duration(self) -> Fraction:
        """Seconds of one pass: exactly its frames, so that picture and sound go round together."""
        return self.num_frames / self.fps


def bars_span(grid: BeatGrid, num_bars: int, fps: Fraction, duration: float) -> LoopSpan:
    """The first `num_bars` whole bars that fit into a sound of `duration` seconds; a pass is rounded to whole frames. Raises ConfigError."""
    start = next((bar for bar in range(-64, 4096) if grid.seconds(bar * grid.beats_a_bar) >= -1e-6), 0)
    begin, end = (grid.seconds((start + bars) * grid.beats_a_bar) for bars in (0, num_bars))
    begin = max(begin, 0.0)
    if end > duration + 0.5 / float(fps):
        fit = sum(grid.seconds((start + bars) * grid.beats_a_bar) <= duration + 0.5 / float(fps) for bars in range(1, 4096))
        raise ConfigError(f"loop: {num_bars} bars from {begin:.2f} s end at {end:.2f} s, but the sound has {duration:.2f} s; {fit} would fit")
    return LoopSpan(begin, max(2, round((end - begin) * fps)), fps, num_bars)


def seconds_span(seconds: float, fps: Fraction, duration: float) -> LoopSpan:
    """A loop of the first `seconds` of a sound of `duration` seconds. Raises ConfigError."""
    if not 0 < seconds <= duration + 0.5 / float(fps):
        raise ConfigError(f"loop: got {seconds:g} s, expected above 0 and at most the sound's {duration:.2f} s")
    return LoopSpan(0.0, max(2, round(seconds * fps)), fps)


def fade_frames(span: LoopSpan) -> int:
    """How many frames the end of a pass takes to fade into the pass before: a quarter of it, at most a second."""
    return max(1, min(span.num_frames // 4, round(span.fps)))


def _soft(num: int) -> torch.Tensor:
    """Shares of a fade over `num` frames, [num] above 0 and below 1: soft at both ends."""
    share = torch.arange(1, num + 1, dtype=torch.float64) / (num + 1)
    return share * share * (3 - 2 * share)


def closed_curve(curve: Curve, span: LoopSpan) -> Curve:
    """A curve of the whole sound as one pass [T] whose last value leads on into the first.

    Over its last quarter (at most a second) it fades into what came before the pass, or, where the sound begins with it, the first frames
    fade in from what follows its end.
    """
    own = curve.at(span.fps, span.num_frames, start=Fraction(span.start))
    num = fade_frames(span)
    share = _soft(num)
    values = own.values.double().clone()
    if span.start >= num / span.fps:
        before = curve.at(span.fps, num, start=Fraction(span.start) - num / span.fps).values.double()
        values[-num:] = torch.lerp(values[-num:], before, share)
    else:
        after = curve.at(span.fps, num, start=Fraction(span.start) + span.duration).values.double()
        values[:num] = torch.lerp(after, values[:num], share)
    return own.with_values(values)


def closed_list(curve: Curve, span: LoopSpan) -> Curve:
    """A loop's own numbers [T]: over their last quarter (at most a second) they fade to the first one."""
    num = fade_frames(span)
    share = _soft(num)
    values = curve.values.double().clone()
    values[-num:] = torch.lerp(values[-num:], values[:1].expand(num), share)
    return curve.with_values(values)


def rolled(curve: Curve, num_passes: int) -> Curve:
    """A closed curve pass after pass, `num_passes` of them."""
    return curve.with_values(curve.values.repeat(num_passes))


def closed_sound(waveform: torch.Tensor, sample_rate: int, span: LoopSpan, crossfade: float = 0.0) -> torch.Tensor:
    """One pass of a sound [C, N]: the samples of `span`, exactly as long as its frames.

    With a `crossfade` of some seconds its end fades into what came before the pass (or its beginning in from what follows it), at equal
    power, so that it goes round without a click. Beyond the sound there is silence.
    """
    first, num = round(span.start * sample_rate), round(span.duration * sample_rate)

    def part(begin: int, length: int) -> torch.Tensor:
        taken = waveform[:, max(begin, 0) : max(begin + length, 0)]
        ahead = min(max(-begin, 0), length)
        return torch.nn.functional.pad(taken, (ahead, length - ahead - taken.shape[1]))

    own = part(first, num).clone()
    fade = min(round(crossfade * sample_rate), num // 2)
    if fade < 1:
        return own
    angle = torch.linspace(0, math.pi / 2, fade)
    if first >= fade:
        own[:, -fade:] = own[:, -fade:] * angle.cos() + part(first - fade, fade) * angle.sin()
    else:
        own[:, :fade] = part(first + num, fade) * angle.cos() + own[:, :fade] * angle.sin()
    return own


@dataclasses.dataclass(frozen=True)
class LoopWalk:
    """One pass of a walk that goes round: `walk` goes through `num_passes` passes of `span`, the last of which is taken.

    The passes before bring its hidden state to where the loop itself leaves it, so that it doesn't start from rest.
    """

    walk: LatentWalk
    span: LoopSpan
    num_passes: int
    numbers: Mapping[str, Curve] = dataclasses.field(default_factory=dict)
    """Numbers of the film that change over time, closed, for one pass."""
    sound: Any = None
    """The sound of one pass (`generation.Sound`)."""

    @property
    def num_frames(self) -> int:
        """Those of one pass."""
        return self.span.num_frames

    @property
    def fps(self) -> Fraction:
        """The walk's."""
        return self.walk.fps

    def __iter__(self) -> Iterator[torch.Tensor]:
        length, num = self.span.num_frames, fade_frames(self.span)
        first, done, kept = (self.num_passes - 1) * length, 0, []
        before: torch.Tensor | None = None
        for ws in self.walk:
            numbers = range(done, done + len(ws))
            done += len(ws)
            kept += [ws[i : i + 1] for i, k in enumerate(numbers) if first - num <= k < first]
            own = ws[max(0, first - numbers.start) : max(0, first + length - numbers.start)]
            if len(own):
                before = torch.cat(kept) if before is None else before
                yield self._faded(own, max(numbers.start - first, 0), before)
            if done >= first + length:
                return

    def _faded(self, ws: torch.Tensor, place: int, before: torch.Tensor) -> torch.Tensor:
        """Frames `place` on of the pass; the last ones fade into `before`, the end of the pass before."""
        num = len(before)
        late = torch.arange(place, place + len(ws)) - (self.span.num_frames - num)
        share = ((late + 1).clamp(min=0) / (num + 1)).to(ws)[:, None, None]
        share = share * share * (3 - 2 * share)
        return torch.lerp(ws, before[late.clamp(min=0)].to(ws), share)
