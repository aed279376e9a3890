"""One picture of a sound: its waveform, its curves, its beats, frame numbers and seconds. Pillow alone."""

import dataclasses
import itertools
import math

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from ..config import check_choice, check_range
from .curve import Curve
from .curve_set import CurveSet

THEMES = ("dark", "light")
_ROW, _WAVE, _GAP, _TOP, _AXIS = 46, 56, 6, 26, 40
_NAMES, _RIGHT = 118, 14
_MOST_ROWS = 40


@dataclasses.dataclass(frozen=True)
class _Colours:
    ground: str
    lane: str
    ink: str
    faint: str
    wave: str
    beat: str
    downbeat: str
    curves: tuple[str, ...]


_DARK = _Colours("#16181d", "#20242c", "#eceef2", faint="#9aa1ae", wave="#5c6675", beat="#3c4452", downbeat="#8d97a8",
                 curves=("#ffb042", "#4fc3f7", "#9ccc65", "#f06292", "#ba9bf5", "#4dd0b1", "#ff8a65", "#dce775"))
_LIGHT = _Colours("#ffffff", "#f2f4f7", "#1b1e24", faint="#5a6270", wave="#a3abb8", beat="#d3d8e0", downbeat="#8b94a3",
                  curves=("#c26a00", "#0277bd", "#4b8b1d", "#c2185b", "#6a3fc4", "#00796b", "#d84315", "#827717"))


def plot_curves(curves: CurveSet, *, width: int = 900, theme: str = "dark") -> torch.Tensor:
    """A picture uint8 [H, W, 3]: the waveform where it's known, a lane a curve with its lowest and highest value, beats as lines (first beats
    of bars brighter), and below them seconds and frame numbers.

    `width` is 400 to 4000 pixels; at 600 everything can still be read. At most 40 curves are drawn. Raises ConfigError.

    `theme` is "dark" or "light".
    """
    check_choice("theme", theme, THEMES)
    check_range("width", width, 400, 4000)
    shown = list(curves.curves.items())[:_MOST_ROWS]
    wave = _WAVE + _GAP if curves.outline is not None else 0
    height = _TOP + wave + len(shown) * (_ROW + _GAP) + _AXIS
    drawing = _Drawing(curves, _DARK if theme == "dark" else _LIGHT, width, height)
    drawing.header()
    if curves.outline is not None:
        drawing.waveform(curves.outline, _TOP)
    for row, (name, curve) in enumerate(shown):
        drawing.lane(name, curve, _TOP + wave + row * (_ROW + _GAP), drawing.colours.curves[row % len(drawing.colours.curves)])
    drawing.axis(_TOP + wave + len(shown) * (_ROW + _GAP) - _GAP)
    return torch.from_numpy(np.array(drawing.image))


class _Drawing:
    """The picture as it grows."""

    def __init__(self, curves: CurveSet, colours: _Colours, width: int, height: int) -> None:
        self.curves, self.colours = curves, colours
        self.image = Image.new("RGB", (width, height), colours.ground)
        self.draw = ImageDraw.Draw(self.image)
        self.left, self.right = _NAMES, width - _RIGHT
        self.small, self.normal = _font(12), _font(14)

    def x(self, seconds: float) -> float:
        """Where a moment lies; the first and last frame are in the middles of theirs."""
        return self.left + (self.right - self.left) * seconds / max(self.curves.seconds, 1e-9)

    def header(self) -> None:
        one = self.curves
        tempo = f"{one.tempo:.1f} BPM, confidence {one.confidence:.2f}, {len(one.beats)} beats" if one.beats else "no beats"
        self.draw.text((10, 6), f"{one.num_frames} frames at {float(one.fps):.6g} fps, {one.seconds:.2f} s; {tempo}", self.colours.ink, self.small)

    def _beats(self, top: int, bottom: int) -> None:
        crowded = len(self.curves.beats) > (self.right - self.left) / 4
        marks = [(beat, self.colours.beat) for beat in self.curves.beats if not crowded]
        for beat, colour in [*marks, *((beat, self.colours.downbeat) for beat in self.curves.downbeats)]:
            self.draw.line((self.x(beat), top, self.x(beat), bottom), colour)

    def waveform(self, outline: tuple[np.ndarray, np.ndarray], top: int) -> None:
        self.draw.rectangle((self.left, top, self.right, top + _WAVE), self.colours.lane)
        self._beats(top, top + _WAVE)
        self.draw.text((10, top + _WAVE / 2 - 8), "waveform", self.colours.faint, self.normal)
        low, high = outline
        scale, middle = _WAVE / 2 / max(float(max(high.max(), -low.min())), 1e-6), top + _WAVE / 2
        for pixel in range(self.left, self.right + 1):
            places = [round((pixel - self.left + shift) / (self.right - self.left + 1) * len(low)) for shift in (0, 1)]
            part = slice(min(places[0], len(low) - 1), max(places[1], places[0] + 1))
            self.draw.line((pixel, middle - float(high[part].max()) * scale, pixel, middle - float(low[part].min()) * scale), self.colours.wave)

    def lane(self, name: str, curve: Curve, top: int, colour: str) -> None:
        bottom = top + _ROW
        self.draw.rectangle((self.left, top, self.right, bottom), self.colours.lane)
        self._beats(top, bottom)
        low, high = _limits(curve)
        self.draw.text((10, top + 2), _fitted(self.draw, name, self.normal, _NAMES - 16), colour, self.normal)
        unit = "" if curve.unit == "0..1" else f" {curve.unit}"
        between = _fitted(self.draw, f"{_short(low)} to {_short(high)}{unit}", self.small, _NAMES - 14)
        self.draw.text((10, top + 20), between, self.colours.faint, self.small)
        values = 1 - (curve.values.double().numpy() - low) / max(high - low, 1e-9)
        self._line(values, top + 2, _ROW - 4, colour)

    def _line(self, values: np.ndarray, top: int, height: int, colour: str) -> None:
        """The curve as a line; where frames are denser than pixels, a stroke from the lowest to the highest of each pixel's."""
        places = [self.x(float(frame / self.curves.fps)) for frame in range(len(values))] if len(values) <= self.right - self.left else []
        if places:
            points = [(place, top + height * float(value)) for place, value in zip(places, values, strict=True)]
            self.draw.line(points if len(points) > 1 else [*points, (points[0][0] + 2, points[0][1])], colour, 2, joint="curve")
            return
        edges = np.linspace(0, len(values), self.right - self.left + 1).astype(int)
        for pixel, (first, last) in enumerate(itertools.pairwise(edges)):
            piece = values[first:min(last + 1, len(values))]
            self.draw.line((self.left + pixel, top + height * float(piece.min()), self.left + pixel, top + height * float(piece.max()) + 1), colour)

    def axis(self, top: int) -> None:
        """Seconds above, frame numbers below."""
        self.draw.text((10, top + 6), "seconds", self.colours.faint, self.small)
        self.draw.text((10, top + 21), "frame", self.colours.faint, self.small)
        step = _tick(self.curves.seconds / max(1, (self.right - self.left) / 75))
        for index in range(int(self.curves.seconds / step + 1e-9) + 1):
            seconds = index * step
            x = self.x(seconds)
            self.draw.line((x, top, x, top + 5), self.colours.faint)
            anchor = "ma" if x < self.right - 22 else "ra"
            self.draw.text((x, top + 6), f"{seconds:g}", self.colours.ink, self.small, anchor=anchor)
            self.draw.text((x, top + 21), str(round(seconds * self.curves.fps)), self.colours.faint, self.small, anchor=anchor)


def _short(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _limits(curve: Curve) -> tuple[float, float]:
    low, high = float(curve.values.min()), float(curve.values.max())
    if curve.unit == "0..1" and low >= 0 and high <= 1:
        return 0.0, 1.0
    return (low, high) if high - low > 1e-9 else (low - 0.5, high + 0.5)


def _tick(least: float) -> float:
    """The next of 1, 2, 5 times a power of ten; whole minutes from 60 s on."""
    if least > 30:
        return next((float(step) for step in (60, 120, 300, 600, 1200, 1800, 3600) if step >= least), 7200.0)
    power = 10.0 ** math.floor(math.log10(max(least, 1e-6)))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= least * (1 - 1e-9))


def _fitted(draw: ImageDraw.ImageDraw, text: str, font: "ImageFont.ImageFont | ImageFont.FreeTypeFont", width: float) -> str:
    while len(text) > 4 and draw.textlength(text, font=font) > width:
        text = text[:-2] + "."
    return text


def _font(size: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    """Pillow's own font (10.1 and later have it in every size)."""
    try:
        return ImageFont.load_default(size)
    except (TypeError, OSError, ImportError):
        return ImageFont.load_default()
