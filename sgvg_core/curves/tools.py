"""Tools on curves: each takes a curve and gives another of the same rate. Times are in seconds, so a tool does the same at 24 and 60 fps."""

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import torch

from ..config import check_choice
from ..errors import ConfigError
from ..randomness import generator_for
from .curve import Curve, Number

SHAPES = ("linear", "smooth", "square", "root")
"""What `remap` does between its ends."""


def _not_negative(**seconds: float) -> None:
    for name, value in seconds.items():
        if not (0 <= value < math.inf):
            raise ConfigError(f"{name}: got {value}, expected 0 seconds or more")


def smooth(curve: Curve, seconds: float) -> Curve:
    """A Gaussian mean whose standard deviation is `seconds`, without delay; beyond the ends nothing is counted, so a constant stays one."""
    _not_negative(seconds=seconds)
    width = seconds * float(curve.rate)
    if width < 0.05:
        return curve
    reach = min(math.ceil(4 * width), len(curve))
    offsets = torch.arange(-reach, reach + 1, dtype=torch.float64)
    # The mean of the bell over each frame, so that a bell narrower than a frame is right too.
    edges = torch.special.erf(torch.stack([offsets - 0.5, offsets + 0.5]) / (width * math.sqrt(2)))
    kernel = (edges[1] - edges[0])[None, None]
    values = torch.stack([curve.values.double(), torch.ones(len(curve), dtype=torch.float64)])[:, None]
    made = torch.nn.functional.conv1d(values, kernel, padding=reach)[:, 0]
    return curve.with_values(made[0] / made[1])


def envelope(curve: Curve, attack: float = 0.0, hold: float = 0.0, release: float = 0.0) -> Curve:
    """A follower: rises towards the curve with time constant `attack`, keeps a peak for `hold`, falls with time constant `release` (seconds).

    Between frames the curve is taken as a straight line and followed exactly, so that the answer doesn't depend on the rate.
    """
    _not_negative(attack=attack, hold=hold, release=release)
    period = 1 / float(curve.rate)
    values = curve.values.double().tolist()
    level, peak_age, made = values[0], 0.0, []
    for before, value in zip([values[0], *values], values, strict=False):
        if value >= level:
            level, peak_age = _followed(level, before, value, attack, period), 0.0
        else:
            peak_age += period
            falling = min(period, peak_age - hold)
            if falling > 0:
                level = max(value, _followed(level, before, value, release, falling))
        made.append(level)
    return curve.with_values(torch.tensor(made))


def _followed(level: float, before: float, value: float, constant: float, period: float) -> float:
    """First-order following of a line from `before` to `value` over `period`."""
    if constant < 1e-9:
        return value
    left, slope = math.exp(-period / constant), (value - before) / period
    return value - slope * constant + (level - before + slope * constant) * left


def gate(curve: Curve, threshold: float, *, low: float | None = None, hold: float = 0.0, closed: float = 0.0) -> Curve:
    """The curve where it's open, else `closed`: opens at `threshold`, shuts below `low` (None: the same) after `hold` seconds. Raises
    ConfigError where `low` lies above the threshold. `hold` is in seconds.
    """
    _not_negative(hold=hold)
    shut = threshold if low is None else low
    if shut > threshold:
        raise ConfigError(f"low: got {shut}, expected at most the threshold {threshold}")
    period, is_open, since, made = 1 / float(curve.rate), False, 0.0, []
    for value in curve.values.tolist():
        if value >= threshold:
            is_open, since = True, 0.0
        elif value < shut and is_open:
            since += period
            is_open = since <= hold
        else:
            since = 0.0
        made.append(value if is_open else closed)
    return curve.with_values(torch.tensor(made))


def gain(curve: Curve, factor: float) -> Curve:
    """Times a factor."""
    return curve * factor


def remap(curve: Curve, from_low: float, from_high: float, to_low: float = 0.0, to_high: float = 1.0, *, shape: str = "linear") -> Curve:
    """`from_low`..`from_high` onto `to_low`..`to_high`, held beyond; `shape`, one of `SHAPES`, is what happens between. Raises ConfigError."""
    check_choice("shape", shape, SHAPES)
    if from_low == from_high:
        raise ConfigError(f"from_low, from_high: got {from_low} twice, expected two different numbers")
    share = ((curve.values.double() - from_low) / (from_high - from_low)).clamp(0, 1)
    shaped = {"linear": share, "smooth": share * share * (3 - 2 * share), "square": share.square(), "root": share.sqrt()}[shape]
    return curve.with_values(to_low + (to_high - to_low) * shaped, "" if (to_low, to_high) != (0.0, 1.0) else "0..1")


def through_points(curve: Curve, points: Sequence[Number] | np.ndarray) -> Curve:
    """The curve (0..1) through a table of values at evenly spaced places from 0 to 1 (`points` [n]), as a drawn transfer curve has them.

    Raises ConfigError for fewer than two, or numbers that aren't finite.
    """
    table = np.asarray(points, np.float64)
    if table.ndim != 1 or len(table) < 2 or not np.isfinite(table).all():
        raise ConfigError(f"points: got shape {list(table.shape)}, expected two finite numbers or more")
    return curve.with_values(np.interp(curve.values.double().numpy(), np.linspace(0, 1, len(table)), table))


def invert(curve: Curve, low: float = 0.0, high: float = 1.0) -> Curve:
    """Upside down within `low`..`high`."""
    return (low + high) - curve


def mix(curves: Sequence[Curve], weights: Sequence[float] | None = None) -> Curve:
    """The sum of curves by weights (None: their mean), at the first one's rate and length. Raises ConfigError where they aren't as many."""
    if not curves or (weights is not None and len(weights) != len(curves)):
        raise ConfigError(f"mix: got {len(curves)} curves and {'no' if weights is None else len(weights)} weights, expected a weight a curve")
    each = [1 / len(curves)] * len(curves) if weights is None else weights
    made = curves[0] * float(each[0])
    for curve, weight in zip(curves[1:], each[1:], strict=True):
        made = made + curve * float(weight)
    return made


def delay(curve: Curve, seconds: float) -> Curve:
    """Later by `seconds` (earlier where negative), exactly, between frames too; what comes from beyond an end is held. Raises ConfigError
    unless that is a finite number.
    """
    if not math.isfinite(seconds):
        raise ConfigError(f"seconds: got {seconds}, expected a finite number")
    return curve.at(curve.rate, len(curve), start=-Fraction(seconds).limit_denominator(1_000_000))


def quantise(curve: Curve, beats: Sequence[float] | np.ndarray) -> Curve:
    """Held from beat to beat at its mean between them; before the first beat at its first value. `beats` [n] are in seconds, ascending."""
    marks = np.asarray(beats, np.float64)
    if not len(marks):
        return curve
    seconds = np.arange(len(curve)) / float(curve.rate)
    place = np.searchsorted(marks, seconds + 1e-9, side="right")
    values = curve.values.double().numpy()
    sums = np.bincount(place, values, minlength=len(marks) + 1)
    counts = np.bincount(place, minlength=len(marks) + 1)
    means = sums / np.maximum(counts, 1)
    means[0] = values[0]
    return curve.with_values(means[place])


def wander(rate: Fraction, num_frames: int, *, seed: int = 0, seconds: float = 2.0, low: float = 0.0, high: float = 1.0) -> Curve:
    """A seeded, smooth wander within `low`..`high` that turns about every `seconds`, `rate` values a second; the same film time gives the same
    value at
    every rate. Raises ConfigError for `seconds` below 0.001.
    """
    if not 1e-3 <= seconds < math.inf:
        raise ConfigError(f"seconds: got {seconds}, expected 0.001 or more")
    length = math.ceil(num_frames / float(rate) / seconds) + 4
    knots = torch.rand(length, generator=generator_for(seed, "curve wander"), dtype=torch.float64).numpy()
    place = np.arange(num_frames) / float(rate) / seconds + 1
    whole = np.floor(place).astype(int)
    return Curve(torch.from_numpy(low + (high - low) * _cubic(knots, whole, place - whole)), rate, "wander", "0..1" if (low, high) == (0, 1) else "")


def _cubic(knots: np.ndarray, whole: np.ndarray, part: np.ndarray) -> np.ndarray:
    """A cubic B-spline: smooth, and never beyond its knots."""
    weights = ((1 - part) ** 3, 3 * part**3 - 6 * part**2 + 4, -3 * part**3 + 3 * part**2 + 3 * part + 1, part**3)
    return sum((weight * knots[whole + shift] for shift, weight in zip((-1, 0, 1, 2), weights, strict=True)), np.zeros(len(part))) / 6
