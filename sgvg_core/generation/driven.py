"""Numbers of a film that change from frame to frame: what can be driven, within which range, and by what."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import torch

from ..curves.curve import Curve, as_curve
from ..errors import ConfigError
from ..motion import Expression, read_assignments, read_expression
from ..walker import WalkSettings

WALK_NUMBERS = ("coarse", "mid", "fine", "step", "beta", "pull")
"""Those of the walker, read at each of its steps."""
POSE_NUMBERS = ("x", "y", "rotate", "zoom")
"""Those of a StyleGAN3's pose."""

RANGES: dict[str, tuple[float, float]] = {
    "coarse": (-4, 4),
    "mid": (-4, 4),
    "fine": (-4, 4),
    "step": (-4, 4),
    "beta": (0, 1),
    "pull": (0, 100),
    "psi": (-2, 2),
    "centre": (0, 4095),
    "noise": (-8, 8),
    "noise_speed": (0, 60),
    "x": (-8, 8),
    "y": (-8, 8),
    "rotate": (-36_000, 36_000),
    "zoom": (0.05, 20),
    "mix": (0, 1),
}
"""What can be driven, and the range of its values: strengths of the walker's blocks (coarse, mid, fine) and of all steps (step), beta, pull (per
second), psi of every frame's latent, the centre that it draws towards (by number, between two of them in between), strength and speed of
the noise, pose, and the share of the style mix."""

Driven = float | Sequence[float] | np.ndarray | torch.Tensor | Curve | Expression | str
"""A number for the whole film; a number a frame (the last one holds); a curve of any rate; or an expression (see `motion.expressions`)."""

CurvesOfSound = Callable[[str], Curve]
"""Gives a curve of the film's sound by its name, whose time 0 is the film's first frame."""


def read_driven(text: str) -> dict[str, Driven]:
    """What is driven by what, from one line: "mid=bass*1.5, pull=1-onset". Raises ConfigError, pointing at the character."""
    return dict(read_assignments(text, RANGES))


def check_driven(driven: Mapping[str, Driven]) -> dict[str, Driven]:
    """The same with texts read, so that what can't be understood is said before any work. Raises ConfigError."""
    found: dict[str, Driven] = {}
    for name, value in driven.items():
        if name not in RANGES:
            raise ConfigError(f"curves: got {name!r}, which can't be driven; expected {', '.join(RANGES)}")
        found[name] = read_expression(value) if isinstance(value, str) else value
    return found


def film_numbers(driven: Mapping[str, Driven], curves: CurvesOfSound, fps: Fraction, num_frames: int) -> dict[str, Curve]:
    """Each driven number as a curve of the film: `num_frames` values at `fps`.

    `curves` gives what expressions ask of the sound. Raises ConfigError for values out of their range.
    """
    like = Curve.constant(0, fps, num_frames)
    found: dict[str, Curve] = {}
    for name, value in driven.items():
        curve = value.curve(curves, like) if isinstance(value, Expression) else as_curve(value, fps, num_frames, name)  # type: ignore[arg-type]
        found[name] = in_range(name, curve).renamed(name)
    return found


def in_range(name: str, curve: Curve) -> Curve:
    """The curve, if its values may be those of `name`. Raises ConfigError."""
    low, high = RANGES[name]
    least, most = curve.values.min().item(), curve.values.max().item()
    if least < low - 1e-6 or most > high + 1e-6:
        raise ConfigError(f"{name}: its curve goes from {least:.4g} to {most:.4g}, expected {low:g} to {high:g}; write clip(..., {low:g}, {high:g})")
    return curve.clip(low, high)


def steps_settings(settings: WalkSettings, numbers: Mapping[str, Curve], walk_rate: Fraction, num_steps: int) -> Callable[[int], WalkSettings]:
    """The settings of each step of the walker: those of `numbers` are read at the step's time, k / walk_rate seconds."""
    tracks = {name: numbers[name].at(walk_rate, num_steps, how="mean").clip(*RANGES[name]).tolist() for name in WALK_NUMBERS if name in numbers}

    def of_step(step: int) -> WalkSettings:
        return dataclasses.replace(settings, **{name: track[min(step, num_steps - 1)] for name, track in tracks.items()})  # type: ignore[arg-type]

    return of_step


def plain(driven: Mapping[str, Any]) -> dict[str, Any]:
    """What drives what, as it's written into a report: expressions as their text, curves and lists by their length and range."""
    return {name: value if isinstance(value, int | float) else _in_words(value) for name, value in driven.items()}


def _in_words(value: Any) -> str:
    if isinstance(value, Expression | str):
        return value if isinstance(value, str) else value.text
    values = value.values if isinstance(value, Curve) else torch.as_tensor(value, dtype=torch.float32)
    return f"{len(values)} numbers, {values.min().item():.4g} to {values.max().item():.4g}"
