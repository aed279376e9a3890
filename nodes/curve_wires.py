"""Curves on wires: what inputs take of this and other packs, and the forms that outputs give.

Taken are one number; a list of numbers under FLOAT or LIST (KJNodes and others), nested or not; FLOATS (core's hooks, Yvann);
NORMALIZED_AMPLITUDE (AudioScheduler), an array; FEATURE (RyanOnTheInside), an object that is asked for each frame; and SGVG_CURVES, a
`CurveSet`. CURVE of newer ComfyUIs is no curve over time but a response, 0..1 to 0..1, and is taken as that.
"""

from fractions import Fraction
from typing import Any

import numpy as np
import torch
from comfy_api.latest import io

from ..sgvg_core.clock import to_fps
from ..sgvg_core.curves import Curve, CurveSet
from ..sgvg_core.errors import ConfigError
from .adapters import naming, one_number, track_of

CurvesWire = io.Custom("SGVG_CURVES")
FloatsWire = io.Custom("FLOATS")
ResponseWire = io.Custom("CURVE")
_FOREIGN = [io.Custom(name) for name in ("LIST", "NORMALIZED_AMPLITUDE", "FEATURE")]
_MASK_SIDE = 16
_MOST_FRAMES = 10_000_000
_RESPONSE_POINTS = 257

A_CURVE = "One number, a list with one a frame, or a curve of this or another pack (FLOATS, NORMALIZED_AMPLITUDE, FEATURE)."


def curve_input(name: str, tooltip: str, *, optional: bool = False, display_name: str | None = None) -> io.Input:
    """A socket that takes a curve in any form.

    `tooltip` says what it drives; `optional`: it may stay unconnected; `display_name` is what the page calls it (None: its name).
    """
    types = [io.Float, FloatsWire, CurvesWire, *_FOREIGN]
    return io.MultiType.Input(name, types=types, display_name=display_name, optional=optional, tooltip=f"{tooltip} {A_CURVE}")


def curve_outputs() -> list[Any]:
    """The three forms that a curve leaves a node in."""
    return [
        io.Float.Output("values", display_name="values", tooltip="One list with a number a frame: for every node that takes a list of FLOATs."),
        FloatsWire.Output("floats", display_name="FLOATS", tooltip="The same list for core's hook keyframes and for other packs."),
        io.Mask.Output("mask", display_name="mask", tooltip="A mask a frame, as bright as the curve is high, 0..1."),
    ]


def forms(curve: Curve) -> tuple[list[float], list[float], torch.Tensor]:
    """A curve as a list, as FLOATS, and as a batch of masks [T, 16, 16]."""
    values = curve.tolist()
    return values, list(values), curve.values.clamp(0, 1)[:, None, None].repeat(1, _MASK_SIDE, _MASK_SIDE)


def fps_of(fps: Any) -> Fraction:
    """What the input "fps" carries, exactly. Raises ConfigError."""
    with naming("fps"):
        return to_fps(one_number(alone(fps), "fps"))


def rate_of(value: Any, fps: Any) -> Fraction:
    """The rate of a curve of this pack (`value`); of other curves, which don't know theirs, the input "fps". Raises ConfigError."""
    value = alone(value)
    return value.fps if isinstance(value, CurveSet) else value.rate if isinstance(value, Curve) else fps_of(fps)


def in_words(made: CurveSet) -> str:
    """Curves in one line."""
    beats = f"{made.tempo:.1f} BPM (confidence {made.confidence:.2f}), {len(made.beats)} beats" if made.beats else "no beats"
    return f"{len(made.curves)} curves of {made.num_frames} frames; {beats}"


def alone(value: Any) -> Any:
    """What a wire carries where the host hands every input over as a list: of a list of one, that one."""
    while isinstance(value, list | tuple) and len(value) == 1:
        value = value[0]
    return value


def curve_of(value: Any, fps: Fraction, wire: str, num_frames: int | None = None) -> Curve:
    """The curve that a wire carries (`value`), at `fps`; one number is as many frames as asked (1 where `num_frames` is None). Raises ConfigError."""
    value = alone(value)
    if isinstance(value, Curve | CurveSet):
        curve = value if isinstance(value, Curve) else _only(value, wire)
        return curve if curve.rate == fps and num_frames in (None, len(curve)) else curve.at(fps, num_frames)
    numbers = track_of(_feature(value, wire) if hasattr(value, "get_value_at_frame") else value, wire)
    with naming(wire):
        if isinstance(numbers, float):
            return Curve.constant(numbers, fps, num_frames or 1, wire)
        curve = Curve(torch.tensor(numbers), fps, wire)
        return curve if num_frames in (None, len(curve)) else curve.at(fps, num_frames)


def curves_of(value: Any, wire: str = "curves") -> CurveSet:
    """What an SGVG_CURVES wire carries (`value`). Raises ConfigError."""
    value = alone(value)
    if not isinstance(value, CurveSet):
        raise ConfigError(f"{wire}: got {'nothing' if value is None else type(value).__name__}; connect the curves of Sound Curves or Load Curves")
    return value


def set_of(value: Any, fps: Fraction, wire: str) -> CurveSet:
    """Any form of a curve (`value`) as a set of curves. Raises ConfigError."""
    value = alone(value)
    if isinstance(value, CurveSet):
        return value
    curve = curve_of(value, fps, wire)
    return CurveSet(curve.rate, {curve.name: curve})


def _only(curves: CurveSet, wire: str) -> Curve:
    if len(curves.curves) > 1:
        raise ConfigError(f"{wire}: got {len(curves.curves)} curves ({', '.join(curves.curves)[:200]}), expected one; choose it with Pick Curve")
    return next(iter(curves.curves.values()))


def _feature(feature: Any, wire: str) -> list[float]:
    """The numbers of RyanOnTheInside's FEATURE."""
    count = getattr(feature, "frame_count", None)
    if not isinstance(count, int) or not 0 < count <= _MOST_FRAMES:
        raise ConfigError(f"{wire}: its FEATURE says it has {str(count)[:40]} frames, expected 1 or more; mend the node that it comes from")
    return [float(feature.get_value_at_frame(frame)) for frame in range(count)]


def response_of(value: Any, wire: str) -> np.ndarray | None:
    """The table of a CURVE of newer ComfyUIs (`value`) at evenly spaced places from 0 to 1; None where nothing is connected. Raises ConfigError."""
    value = alone(value)
    if value is None:
        return None
    asked = getattr(value, "interp_array", None)
    if asked is None:
        raise ConfigError(f"{wire}: got {type(value).__name__}, expected a CURVE, such as the curve editor of newer ComfyUIs gives")
    return np.asarray(asked(np.linspace(0, 1, _RESPONSE_POINTS)), np.float64).reshape(-1)
