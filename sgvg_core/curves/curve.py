"""One curve: a number a frame, the frames' rate, a name and a unit."""

import dataclasses
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import torch

from ..clock import to_fps
from ..config import check_choice
from ..errors import ConfigError, ShapeError, shown

READINGS = ("linear", "mean", "peak")
"""How a curve is read at other times; see `Curve.at`."""

Number = int | float
Numbers = Number | Sequence[Number] | np.ndarray | torch.Tensor


@dataclasses.dataclass(frozen=True, eq=False)
class Curve:
    """A number a frame; frame k is centred at k / rate seconds.

    `values` [T], at least one, all finite, is kept as float32 on the CPU; a list or array may be given. `rate` is in frames a second,
    exact (text, floats and whole numbers as for `to_fps`). `unit` is free text for readers ("dB", "LUFS", "0..1"). Raises ShapeError,
    ConfigError.

    Arithmetic (+ - * / **, abs, minimum, maximum, clip) takes numbers and curves. A curve of another rate or length is read at this
    one's frames first, linearly, and held beyond its ends; name and unit are those of the left side.
    """

    values: torch.Tensor
    """[T], float32."""
    rate: Fraction
    name: str = "curve"
    unit: str = ""

    def __post_init__(self) -> None:
        given: Any = self.values
        values = torch.as_tensor(np.asarray(given) if isinstance(given, list | tuple) else given)
        if values.ndim != 1 or not len(values):
            raise ShapeError(f"curve {shown(self.name, 40)}: got shape {list(values.shape)}, expected [T], a number a frame, at least one")
        values = values.detach().to("cpu", torch.float32).contiguous()
        bad = (~torch.isfinite(values)).nonzero()
        if len(bad):
            raise ConfigError(f"curve {shown(self.name, 40)}: frame {int(bad[0])} is {values[int(bad[0])].item()}, expected finite numbers; "
                              "was something divided by 0?")
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "rate", self.rate if isinstance(self.rate, Fraction) else to_fps(self.rate))
        if self.rate <= 0:
            raise ConfigError(f"curve {shown(self.name, 40)}: got a rate of {self.rate}, expected a number of frames a second above 0")

    @classmethod
    def constant(cls, value: float, rate: Fraction, num_frames: int, name: str = "constant") -> "Curve":
        """The same number in every frame, `rate` frames a second. `value` is in the unit of whatever it drives."""
        return cls(torch.full((num_frames,), float(value)), rate, name)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def duration(self) -> Fraction:
        """Seconds that the frames cover, T / rate."""
        return Fraction(len(self)) / self.rate

    def at(self, fps: "Fraction | int | float | str", num_frames: int | None = None, *, start: "Fraction | int | float" = 0,
           how: str = "linear") -> "Curve":
        """This curve at other times: frame k of the answer is at `start` + k / `fps` seconds of this curve's time.

        `num_frames` None covers the rest of the curve. Beyond the ends the first or last value is held. Times are exact fractions, so
        nothing drifts, and frames that coincide keep their values to the bit. `how`: "linear" between the two nearest frames; "mean"
        a Hann window of 2 / fps seconds where `fps` is lower than the rate (else linear); "peak" the largest value within half a frame
        of `fps` on either side (for onsets, which a thinner reading would miss). Raises ConfigError.
        """
        check_choice("how", how, READINGS)
        fps = fps if isinstance(fps, Fraction) else to_fps(fps)
        start = Fraction(start)
        if num_frames is None:
            num_frames = max(1, -int(-((self.duration - start) * fps) // 1))
        if num_frames < 1:
            raise ConfigError(f"curve {shown(self.name, 40)}: asked for {num_frames} frames, expected 1 or more")
        values = self.values.double().numpy()
        if how != "linear" and fps < self.rate:
            values = (_hann_means if how == "mean" else _peaks)(values, _Places(self.rate, fps, start, num_frames))
        else:
            values = _linear(values, _Places(self.rate, fps, start, num_frames))
        return dataclasses.replace(self, values=torch.from_numpy(values), rate=fps)

    def cut(self, start: "Fraction | float", seconds: "Fraction | float | None" = None) -> "Curve":
        """The part from `start` on, `seconds` of it (None: the rest), at the same rate; time 0 of the answer is `start`."""
        length = None if seconds is None else max(1, round(Fraction(seconds) * self.rate))
        return self.at(self.rate, length, start=start)

    def renamed(self, name: str, unit: str | None = None) -> "Curve":
        """The same values under another name, and in another `unit` (None: the same)."""
        return dataclasses.replace(self, name=name, unit=self.unit if unit is None else unit)

    def with_values(self, values: torch.Tensor | np.ndarray, unit: str | None = None) -> "Curve":
        """Other values [T] at the same rate, under the same name, and in another `unit` (None: the same)."""
        return dataclasses.replace(self, values=torch.as_tensor(values), unit=self.unit if unit is None else unit)

    def tolist(self) -> list[float]:
        """The values as a plain list of T floats."""
        return [float(value) for value in self.values.tolist()]

    def _with(self, other: Any, work: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], swapped: bool = False) -> "Curve":
        if isinstance(other, Curve):
            same = other.rate == self.rate and len(other) == len(self)
            right = (other if same else other.at(self.rate, len(self))).values.double()
        elif isinstance(other, int | float) and not isinstance(other, bool):
            right = torch.tensor(float(other), dtype=torch.float64)
        else:
            return NotImplemented
        left = self.values.double()
        return self.with_values(work(right, left) if swapped else work(left, right))

    def __add__(self, other: "Curve | Number") -> "Curve":
        return self._with(other, torch.add)

    def __radd__(self, other: Number) -> "Curve":
        return self._with(other, torch.add, True)

    def __sub__(self, other: "Curve | Number") -> "Curve":
        return self._with(other, torch.sub)

    def __rsub__(self, other: Number) -> "Curve":
        return self._with(other, torch.sub, True)

    def __mul__(self, other: "Curve | Number") -> "Curve":
        return self._with(other, torch.mul)

    def __rmul__(self, other: Number) -> "Curve":
        return self._with(other, torch.mul, True)

    def __truediv__(self, other: "Curve | Number") -> "Curve":
        return self._with(other, torch.div)

    def __rtruediv__(self, other: Number) -> "Curve":
        return self._with(other, torch.div, True)

    def __pow__(self, other: "Curve | Number") -> "Curve":
        return self._with(other, torch.pow)

    def __rpow__(self, other: Number) -> "Curve":
        return self._with(other, torch.pow, True)

    def __neg__(self) -> "Curve":
        return self.with_values(-self.values)

    def __abs__(self) -> "Curve":
        return self.with_values(self.values.abs())

    def minimum(self, other: "Curve | Number") -> "Curve":
        """The smaller of the two in each frame."""
        return self._with(other, torch.minimum)

    def maximum(self, other: "Curve | Number") -> "Curve":
        """The larger of the two in each frame."""
        return self._with(other, torch.maximum)

    def clip(self, low: "Curve | Number", high: "Curve | Number") -> "Curve":
        """Held to `low` .. `high`."""
        return self.maximum(low).minimum(high)


def as_curve(value: "Curve | Numbers", rate: Fraction, num_frames: int, name: str = "curve") -> Curve:
    """A `value` as a curve of `num_frames` at `rate`: a number, a list or array [T] with a number a frame at `rate`, or a Curve of any rate.

    A list that's shorter is held at its last number; one that's longer is cut. Raises ConfigError, ShapeError.
    """
    if isinstance(value, Curve):
        return value if value.rate == rate and len(value) == num_frames else value.at(rate, num_frames)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Curve.constant(value, rate, num_frames, name)
    try:
        values = torch.as_tensor(np.asarray(value) if isinstance(value, Sequence) else value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ConfigError(f"{name}: got {type(value).__name__}, expected a number, a list of numbers or a curve") from error
    values = values.reshape(1) if values.ndim == 0 else values
    given = Curve(values, rate, name)
    return given if len(given) == num_frames else given.at(rate, num_frames)


@dataclasses.dataclass(frozen=True)
class _Places:
    """Frames `start` + k / fps in the frames of another rate, as whole places and exact remainders."""

    rate: Fraction
    fps: Fraction
    start: Fraction
    num_frames: int

    def exact(self) -> tuple[np.ndarray, np.ndarray]:
        """Whole places [T] (int64) and what is left of each, in 0..1 (float64)."""
        step, first = self.rate / self.fps, self.start * self.rate
        under = step.denominator * first.denominator
        over, offset = step.numerator * first.denominator, first.numerator * step.denominator
        if under < 2**40 and abs(over) * self.num_frames + abs(offset) < 2**62:
            whole, left = np.divmod(np.arange(self.num_frames, dtype=np.int64) * over + offset, under)
            return whole, left / under
        pairs = [divmod(k * over + offset, under) for k in range(self.num_frames)]
        return np.array([whole for whole, _ in pairs], np.int64), np.array([left / under for _, left in pairs])

    def width(self) -> float:
        """A frame of `fps` in frames of `rate`."""
        return float(self.rate / self.fps)


def _linear(values: np.ndarray, places: _Places) -> np.ndarray:
    whole, left = places.exact()
    last = len(values) - 1
    low, high = values[np.clip(whole, 0, last)], values[np.clip(whole + 1, 0, last)]
    return np.where(left == 0, low, low + (high - low) * left)


def _hann_means(values: np.ndarray, places: _Places) -> np.ndarray:
    whole, left = places.exact()
    width = places.width()
    offsets = np.arange(-int(np.ceil(width)), int(np.ceil(width)) + 2)
    made = np.empty(len(whole))
    for first in range(0, len(whole), 4096):
        part = slice(first, first + 4096)
        distance = (offsets[None] - left[part, None]) / width
        inside = whole[part, None] + offsets[None]
        weight = np.where(np.abs(distance) < 1, 1 + np.cos(np.pi * np.clip(distance, -1, 1)), 0) * ((inside >= 0) & (inside < len(values)))
        total = weight.sum(1)
        sums = (weight * values[np.clip(inside, 0, len(values) - 1)]).sum(1)
        held = values[np.clip(whole[part], 0, len(values) - 1)]
        made[part] = np.where(total > 0, sums / np.where(total > 0, total, 1), held)
    return made


def _peaks(values: np.ndarray, places: _Places) -> np.ndarray:
    whole, left = places.exact()
    half = places.width() / 2
    offsets = np.arange(-int(np.ceil(half)), int(np.ceil(half)) + 2)
    inside = np.abs(offsets[None] - left[:, None]) <= half
    found = values[np.clip(whole[:, None] + offsets[None], 0, len(values) - 1)]
    return np.where(inside, found, -np.inf).max(1)
