"""The curves of a film's sound by their names, analysed once a source and read where the film's cut of it lies."""

import dataclasses
from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path

import torch

from ..curves.analysis import SoundAnalysis, analyse_sound
from ..curves.curve import Curve
from ..curves.measures import ALIASES, MEASURES, expanded
from ..curves.source import SoundSource
from ..errors import ConfigError
from ..motion import BeatGrid, Expression, measure_swing
from ..progress import Progress, silent
from .driven import CurvesOfSound, Driven
from .sound import Sound

_SWING_RATE = Fraction(200)
_MOST_KEPT = 4


@dataclasses.dataclass(frozen=True, eq=False)
class SoundCurves:
    """A source after its analysis; moments are those of the film, whose time 0 is `start` seconds into the source."""

    analysis: SoundAnalysis
    start: Fraction = Fraction(0)

    def at(self, name: str, fps: Fraction, num_frames: int | None = None) -> Curve:
        """One curve at the film's frames, 0..1 between what is quiet and loud in the whole source."""
        return self.analysis.curve(name, fps, num_frames, start=self.start)

    def grid(self) -> BeatGrid | None:
        """The beats with their swing; None where none were found."""
        beats, bars = self.analysis.beats.seconds, self.analysis.bars
        if len(beats) < 2:
            return None
        onsets = self.analysis.curve("onset", _SWING_RATE)
        swing, sure = measure_swing(onsets, beats.tolist())
        moments = tuple(float(beat - float(self.start)) for beat in beats)
        first = int(abs(beats - bars.downbeats[0]).argmin()) if len(bars.downbeats) else 0
        return BeatGrid(moments, bars.beats_a_bar or 4, first, swing if sure >= 0.5 else 0.5)


def curves_of_source(sound: Sound, names: Iterable[str], progress: Progress = silent) -> SoundCurves:
    """The analysis of the whole source of a sound, whatever cut of it the film takes. Raises ConfigError for names that aren't known.

    `names` are those of `curves.measures`. `progress` may raise to stop.
    """
    wanted = expanded(sorted(set(names)))
    if sound.path is None:
        return SoundCurves(analyse_sound(SoundSource.from_waveform(_samples(sound), sound.sample_rate), wanted, progress=progress))
    return SoundCurves(_of_file(sound.path, sound.track_number, wanted, progress), Fraction(sound.start))


def _samples(sound: Sound) -> torch.Tensor:
    if sound.waveform is None:
        raise ConfigError("sound: got neither a file nor samples")
    return sound.waveform


_kept: dict[tuple[object, ...], SoundAnalysis] = {}
"""The last analyses: several films of one source (loops of 1, 2, 4 and 8 bars) share them; a changed file is another source."""


def _of_file(path: Path, track: int | None, names: tuple[str, ...], progress: Progress) -> SoundAnalysis:
    key = (path.resolve(), track, path.stat().st_mtime_ns, names)
    if key not in _kept:
        found = analyse_sound(SoundSource.from_file(path, track), names, progress=progress)
        while len(_kept) >= _MOST_KEPT:
            _kept.pop(next(iter(_kept)))
        _kept[key] = found
    return _kept[key]


def names_in(driven: Mapping[str, Driven]) -> tuple[str, ...]:
    """The curves that expressions ask for."""
    return tuple(dict.fromkeys(name for value in driven.values() if isinstance(value, Expression) for name in value.names))


def refuse_unknown(driven: Mapping[str, Driven]) -> None:
    """Raise ConfigError, pointing at the character, where an expression asks for a curve that no sound has."""
    known = [*MEASURES, *(alias for alias, names in ALIASES.items() if len(names) == 1)]
    for value in driven.values():
        if isinstance(value, Expression):
            value.refuse_unknown(known)


def curves_of_sound(sound: Sound, driven: Mapping[str, Driven], fps: Fraction, progress: Progress = silent) -> CurvesOfSound:
    """Gives each curve that the expressions among `driven` ask for; time 0 is where the sound's cut begins."""
    refuse_unknown(driven)
    names = names_in(driven)
    found = curves_of_source(sound, names, progress) if names else None

    def curve(name: str) -> Curve:
        if found is None:
            raise ConfigError(f"no curve {name}")
        return found.at(name, fps)

    return curve
