"""What multiplies an edit's strength over time: numbers, or a curve or expression of the film's sound."""

from fractions import Fraction

import torch

from ..curves.curve import Curve
from ..curves.spectrum import loudness, smoothed, spectra
from ..errors import ConfigError
from ..generation.sound import Sound
from ..generation.sound_curves import curves_of_sound
from ..motion import read_expression
from ..progress import Progress, silent
from .edits import StrengthCurve

_RATE = 22_050
_SMOOTH_SECONDS = 0.12


def amounts_of(curve: StrengthCurve, num_frames: int, fps: Fraction, sound: Sound | None = None, progress: Progress = silent) -> torch.Tensor:
    """A strength curve as one number a frame, [T], or [1] where it's the same throughout (None: 1).

    `sound` is the one whose curves an expression means; None: expressions are refused. Raises ConfigError.
    """
    if curve is None:
        return torch.ones(1)
    if isinstance(curve, str):
        if sound is None:
            raise ConfigError(f"curve: got {curve!r}, which is a curve of a sound, but there's no sound here; give numbers such as 0,1,0.5")
        return expression_of_sound(curve, num_frames, fps, sound, progress)
    if isinstance(curve, Curve):
        return curve.at(fps, num_frames).values
    if isinstance(curve, int | float):
        return torch.tensor([float(curve)])
    return spread_evenly(torch.tensor(curve, dtype=torch.float32), num_frames)


def spread_evenly(values: torch.Tensor, num_frames: int) -> torch.Tensor:
    """Values [K] as [T]: the first at the first frame, the last at the last, straight lines between."""
    if len(values) == 1 or num_frames == 1:
        return values[:1].expand(num_frames).clone()
    places = torch.linspace(0, len(values) - 1, num_frames, dtype=torch.float64)
    low = places.floor().long().clamp(max=len(values) - 2)
    return torch.lerp(values[low], values[low + 1], (places - low).float())


def expression_of_sound(text: str, num_frames: int, fps: Fraction, sound: Sound, progress: Progress = silent) -> torch.Tensor:
    """An expression of a sound's curves (`text` such as "loudness" or "1 - bass"), at the film's frames, [T]. Raises ConfigError."""
    expression = read_expression(text)
    curves = curves_of_sound(sound, {"strength": expression}, fps, progress)
    return expression.curve(curves, Curve.constant(0, fps, num_frames)).at(fps, num_frames).values


def level_over_time(sound: Sound, num_frames: int, fps: Fraction) -> torch.Tensor:
    """The level of a sound at the film's frames, [T] in 0..1 over 60 dB below its loudest, smoothed over an eighth of a second."""
    waveform = torch.cat(list(sound.mono_chunks(_RATE)))
    return smoothed(loudness(spectra(waveform, _RATE, float(fps), num_frames)), float(fps), _SMOOTH_SECONDS)
