"""One clock: frame k is shown at k / fps seconds, fps an exact fraction."""

import math
import re
from fractions import Fraction

from .errors import ConfigError, shown

_NTSC = [Fraction(n * 1000, 1001) for n in (24, 30, 48, 60, 120)]
_MIN_FPS, _MAX_FPS = Fraction(1, 10), Fraction(1000)


def to_fps(value: "Fraction | int | float | str") -> Fraction:
    """The exact frame rate meant by `value`: a number, ``"24000/1001"`` or ``"29.97"``.

    23.976 (23.98 too), 29.97, 47.952, 59.94 and 119.88 snap to their n * 1000 / 1001 values, as does any number within 0.02 % of them.
    Raises ConfigError below 0.1 or above 1000 frames a second.
    """
    if isinstance(value, str) and not re.fullmatch(r"\s*\d+(\.\d+)?\s*(/\s*\d+\s*)?", value):
        raise ConfigError(f"fps: got {_said(value)}, expected a number such as 25, 29.97 or 24000/1001")
    try:
        if isinstance(value, str) and "/" in value:
            over, under = value.split("/")
            exact = Fraction(over.strip()) / int(under)
        else:
            exact = Fraction(str(value).strip()) if isinstance(value, float | str) else Fraction(value)
    except (ValueError, ZeroDivisionError, OverflowError, TypeError) as error:
        raise ConfigError(f"fps: got {_said(value)}, expected a number such as 25, 29.97 or 24000/1001") from error
    if not _MIN_FPS <= exact <= _MAX_FPS:
        raise ConfigError(f"fps: got {shown(value, 40)}, expected {float(_MIN_FPS)} to {int(_MAX_FPS)} frames a second")
    for ntsc in _NTSC:
        if abs(exact / ntsc - 1) < Fraction(1, 5000):
            return ntsc
    return exact.limit_denominator(100_000)


def _said(value: object) -> str:
    return f"'{shown(value, 40)}'" if isinstance(value, str) else shown(value, 40)


def num_frames(duration_seconds: "Fraction | float", fps: Fraction) -> int:
    """How many frames cover a sound of `duration_seconds`: ceil(duration x fps), at least one. A surplus under 1e-6 frame is rounding and is
    dropped.
    """
    exact = Fraction(duration_seconds) * fps
    return max(1, math.ceil(exact - Fraction(1, 1_000_000)))


def frame_seconds(frame: int, fps: Fraction) -> float:
    """The time of frame `frame`, in seconds."""
    return float(Fraction(frame) / fps)
