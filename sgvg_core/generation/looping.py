"""A sound as a loop of whole bars, and the walk that goes round with it."""

import dataclasses
import math
from collections.abc import Mapping
from fractions import Fraction
from functools import cached_property

import torch

from ..curves.curve import Curve, as_curve
from ..errors import ConfigError
from ..motion import BeatGrid, Expression, LoopSpan, LoopWalk, bars_span, closed_curve, closed_list, closed_sound, rolled, seconds_span
from ..progress import Progress, silent
from .driven import CurvesOfSound, Driven, film_numbers
from .loop_settings import LoopSettings
from .sound import Sound, analyse_sound
from .sound_curves import SoundCurves, curves_of_source, names_in
from .trajectory import Walk

_BURN_IN_SECONDS = 6.0
_BEATS = ("beat", "onset")


@dataclasses.dataclass(frozen=True)
class SoundLoop:
    """A loop's part of a sound."""

    span: LoopSpan
    once: Sound
    """One pass, as long as its frames."""
    curves: SoundCurves
    """Those of the whole source."""
    duration: Fraction
    """Seconds of the whole sound."""

    @property
    def num_passes(self) -> int:
        """How many passes are walked; the last is the film's. Those before bring the walk to where the loop itself leaves it."""
        return 1 + max(1, math.ceil(_BURN_IN_SECONDS / self.span.duration))

    @cached_property
    def tiled(self) -> Sound:
        """Pass after pass, one more than are walked, so that each hears what comes after it. Raises ConfigError for a sound that has no samples."""
        once = self.once.waveform
        if once is None:
            raise ConfigError("loop: its sound has no samples")
        return Sound.from_waveform(once.repeat(1, self.num_passes + 1), self.once.sample_rate)

    def grid(self) -> BeatGrid | None:
        """The beats, as the loop's own time counts them: its first bar begins at 0."""
        grid = self.curves.grid()
        if grid is None:
            return None
        beats = tuple(beat - self.span.start for beat in grid.beats)
        return dataclasses.replace(grid, beats=beats, first=min(range(len(beats)), key=lambda k: abs(beats[k])))

    def numbers(self, driven: Mapping[str, Driven]) -> dict[str, Curve]:
        """Each driven number as one closed pass. Expressions and curves are those of the sound; lists are the loop's own. Raises ConfigError."""
        span = self.span
        of_sound = {name: value for name, value in driven.items() if isinstance(value, Expression | Curve)}
        length = max(1, math.ceil(self.duration * span.fps))
        found = {name: closed_curve(curve, span) for name, curve in film_numbers(of_sound, self.curve_of, span.fps, length).items()}
        own = {name: as_curve(value, span.fps, span.num_frames, name) for name, value in driven.items() if name not in of_sound}  # type: ignore[arg-type]
        closed = {name: closed_list(curve, span) for name, curve in own.items()}
        return film_numbers({**found, **closed}, self.curve_of, span.fps, span.num_frames)

    @property
    def curve_of(self) -> CurvesOfSound:
        """A curve of the whole sound by its name."""
        return lambda name: self.curves.at(name, self.span.fps)

    def for_the_walk(self, numbers: Mapping[str, Curve]) -> dict[str, Curve]:
        """Closed numbers for all passes."""
        return {name: rolled(curve, self.num_passes + 1) for name, curve in numbers.items()}


def loop_of_sound(sound: Sound, settings: LoopSettings, fps: Fraction, driven: Mapping[str, Driven], progress: Progress = silent) -> SoundLoop:
    """The loop that the settings ask for. Raises ConfigError where the sound has no beats, or not as many bars."""
    curves = curves_of_source(sound, (*_BEATS, *names_in(driven)), progress)
    duration = curves.analysis.duration - curves.start
    duration = duration if sound.seconds is None or sound.waveform is not None else min(duration, Fraction(sound.seconds))
    if settings.bars:
        grid = curves.grid()
        if grid is None:
            raise ConfigError("loop: no beats were found in the sound; give seconds instead of bars, such as 4s")
        span = bars_span(grid, settings.bars, fps, float(duration))
    else:
        span = seconds_span(settings.seconds, fps, float(duration))
    waveform, rate = _samples(sound, span, settings.crossfade)
    shifted = dataclasses.replace(span, start=min(span.start, settings.crossfade + 1.0))
    return SoundLoop(span, Sound.from_waveform(closed_sound(waveform, rate, shifted, settings.crossfade), rate), curves, duration)


def _samples(sound: Sound, span: LoopSpan, crossfade: float) -> tuple[torch.Tensor, int]:
    """The samples around a loop's part, from `crossfade` + 1 seconds before it (or the sound's beginning) on."""
    ahead = min(span.start, crossfade + 1.0)
    length = ahead + float(span.duration) + crossfade + 1.0
    if sound.waveform is not None:
        first = round((span.start - ahead) * sound.sample_rate)
        return sound.waveform[:, first : first + round(length * sound.sample_rate)], sound.sample_rate
    from ..media import read_sound

    return read_sound(sound.path, start=sound.start + span.start - ahead, length=length, track=sound.track_number)  # type: ignore[arg-type]


def looped(walk: Walk, loop: SoundLoop, numbers: Mapping[str, Curve], progress: Progress = silent) -> LoopWalk:
    """One closed pass of a walk, whose settings stay; `numbers` are closed already, and keyframes go round with it."""
    analysed = analyse_sound(loop.tiled, walk.analysed.mel, progress)
    keys = None if walk.keys is None else dataclasses.replace(walk.keys, period=float(loop.span.duration))
    tiled = dataclasses.replace(walk, analysed=analysed, numbers=loop.for_the_walk(numbers), keys=keys)
    return LoopWalk(tiled, loop.span, loop.num_passes, numbers, loop.once)


def loop_walk(walk: Walk, settings: LoopSettings, progress: Progress = silent) -> LoopWalk:
    """A loop of a part of a walk's sound, with the walk's own numbers over time, closed.

    `settings` say which part and how it closes. `progress` may raise to stop. Raises ConfigError.
    """
    loop = loop_of_sound(walk.analysed.sound, settings, walk.fps, {}, progress)
    numbers = {name: closed_curve(curve, loop.span) for name, curve in walk.numbers.items()}
    return looped(walk, loop, numbers, progress)
