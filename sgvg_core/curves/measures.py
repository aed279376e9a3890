"""Every curve that a sound has, by name: its unit, how it's read at a film's frames, and which numbers become 0 and 1."""

import dataclasses
import re
from collections.abc import Iterable

import numpy as np

from ..errors import ConfigError, shown
from .loudness_meter import LEVEL_FLOOR, LOUDNESS_FLOOR
from .pitch_classes import PITCH_CLASSES
from .spectral_shape import BANDS, Band

SCALES = ("measured", "absolute", "relative")
"""In the curve's own unit; 0..1 by fixed numbers, the same for every sound; 0..1 between what is quiet and loud in the whole source."""

_RANGE_DB = 36.0
_LEAST_DB = 6.0


@dataclasses.dataclass(frozen=True)
class Measure:
    """What a curve is."""

    unit: str
    """Of the measured values, such as "dB"; empty for plain numbers."""
    about: str
    """What it measures, in a line."""
    reading: str = "mean"
    """As for `Curve.at`."""
    low: float = 0.0
    high: float = 1.0
    """What becomes 0 and 1 on the absolute scale."""
    decibel: bool = False
    """Whether the stored values are mean squares, of which the unit is 10 log10."""
    octaves: bool = False
    """Whether the scales are even in octaves."""
    fixed: bool = False
    """Whether the values are 0..1 by themselves and stay as they are on every scale."""

    def measured(self, values: np.ndarray) -> np.ndarray:
        """Stored values, of any shape, in the unit."""
        return np.maximum(10 * np.log10(np.maximum(values, 1e-12)), LEVEL_FLOOR) if self.decibel else values

    def scaled(self, values: np.ndarray, span: tuple[float, float]) -> np.ndarray:
        """Measured values, of any shape, with the span's ends at 0 and 1, held. `span` is in the unit."""
        low, high = span
        if self.octaves:
            values, low, high = np.log2(np.maximum(values, 1.0)), float(np.log2(max(low, 1.0))), float(np.log2(max(high, 1.0)))
        return np.clip((values - low) / max(high - low, 1e-9), 0, 1)

    def span(self, measured: np.ndarray) -> tuple[float, float]:
        """What is quiet and loud in a whole source, `measured` [n]: the 10th and 98th percentile of what is heard, 36 dB apart at most and 6
        at least.
        """
        if self.unit in ("dB", "dBFS", "LUFS"):
            floor = LOUDNESS_FLOOR if self.unit == "LUFS" else LEVEL_FLOOR
            heard = measured[measured > floor + 1e-3]
            if not len(heard):
                return self.low, self.high
            high = float(np.percentile(heard, 98))
            low = max(float(np.percentile(heard, 10)), high - _RANGE_DB)
            middle, least = (low + high) / 2, max(high - low, _LEAST_DB) / 2
            return middle - least, middle + least
        if self.unit == "BPM":
            return self.low, self.high
        if self.low == 0:  # strengths: nothing is 0, the strongest but outliers are 1
            return 0.0, max(float(np.percentile(measured, 99.5)), 0.05 * self.high)
        heard = measured[measured > 0]
        return (float(np.percentile(heard, 5)), float(np.percentile(heard, 95))) if len(heard) else (self.low, self.high)


def _level(about: str) -> Measure:
    return Measure("dBFS", about, low=-60, high=0, decibel=True)


MEASURES: dict[str, Measure] = {
    "loudness": Measure("LUFS", "momentary loudness (400 ms), ITU-R BS.1770-4", "linear", -60, 0),
    "short_term": Measure("LUFS", "short-term loudness (3 s), ITU-R BS.1770-4", "linear", -60, 0),
    "rms": Measure("dBFS", "level under a Hann window of 46 ms or two frames, the longer", "linear", -60, 0),
    "onset": Measure("dB rise", "onset strength (SuperFlux)", "peak", 0, 12),
    "onset_plain": Measure("dB rise", "onset strength without a filter, as librosa's", "peak", 0, 12),
    "beat": Measure("0..1", "1 on each beat, falling off in 0.12 s", fixed=True),
    "beat_phase": Measure("0..1", "place between two beats", fixed=True),
    "downbeat": Measure("0..1", "1 on the first beat of each bar, falling off in 0.12 s", fixed=True),
    "bar_phase": Measure("0..1", "place in the bar (between two beats where no bar is sure)", fixed=True),
    "tempo": Measure("BPM", "tempo over time", "linear", 40, 200),
    **{band.name: _level(f"power from {band.low:g} to {band.high:g} Hz") for band in BANDS},
    "harmonic": _level("what lasts: tones"),
    "percussive": _level("what knocks: drums"),
    "centroid": Measure("Hz", "centre of the power", "mean", 100, 10_000, octaves=True),
    "rolloff": Measure("Hz", "85 % of the power lie below", "mean", 100, 16_000, octaves=True),
    "flatness": Measure("0..1", "1 for noise, near 0 for tones", fixed=True),
    "flux": Measure("0..1", "how much of the power's shares moved since the last window", "peak", 0, 1),
    **{f"chroma_{name}": Measure("0..1", f"share of pitch class {name.replace('s', ' sharp')}", fixed=True) for name in PITCH_CLASSES},
    **{f"cens_{name}": Measure("0..1", f"weight of {name.replace('s', ' sharp')}, smoothed over 2 s", fixed=True) for name in PITCH_CLASSES},
}

ALIASES: dict[str, tuple[str, ...]] = {
    "momentary": ("loudness",),
    "phase": ("beat_phase",),
    "beats": ("beat",),
    "downbeats": ("downbeat",),
    "bands": ("bass", "low_mid", "mid", "high", "air"),
    "chroma": tuple(f"chroma_{name}" for name in PITCH_CLASSES),
    "cens": tuple(f"cens_{name}" for name in PITCH_CLASSES),
}
DEFAULT_CURVES = ("loudness", "onset", "bass", "low_mid", "mid", "high", "air", "beat")
_OWN_BAND = re.compile(r"(\d{1,6}(?:\.\d+)?)-(\d{1,6}(?:\.\d+)?)hz", re.IGNORECASE)


def own_band(name: str) -> Band | None:
    """The band that a name such as ``80-120hz`` means; None for other names."""
    found = _OWN_BAND.fullmatch(name)
    return None if found is None else Band(name, float(found[1]), float(found[2]))


def measure_of(name: str) -> Measure:
    """What a name (of `expanded`) stands for. Raises ConfigError."""
    if name in MEASURES:
        return MEASURES[name]
    band = own_band(name)
    if band is not None:
        return _level(f"power from {band.low:g} to {band.high:g} Hz")
    raise ConfigError(f"curves: got {shown(repr(name), 60)}, expected all, {', '.join(MEASURES)}, {', '.join(ALIASES)}, or a band such as 80-120hz")


def expanded(names: Iterable[str]) -> tuple[str, ...]:
    """Names with groups ("bands", "chroma", "all") and aliases spelt out, each once, in order. Raises ConfigError."""
    made: list[str] = []
    for name in names:
        key = name.strip().lower()
        each = tuple(one for one in MEASURES if not one.startswith("cens_")) if key == "all" else ALIASES.get(key, (key,))
        for one in each:
            measure_of(one)
            made.append(one)
    return tuple(dict.fromkeys(made))
