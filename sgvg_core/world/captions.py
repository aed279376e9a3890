"""What a person would write below a clip: its class in many words, how strong, when, in what weather."""

from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from ..errors import ConfigError
from .kinds import SCENES


class HasWeather(Protocol):
    """The numbers of a scene that captions speak of, each in 0..1: hour 0 is noon, 0.5 dusk, 1 night."""

    @property
    def hour(self) -> float: ...
    @property
    def haze(self) -> float: ...
    @property
    def clouds(self) -> float: ...


NAMES: dict[str, tuple[str, ...]] = {scene.name: scene.wordings for scene in SCENES}
"""Wordings of each class; the first is the label of the paper's data."""

STRENGTHS = (
    ("calm", "gentle", "faint", "quiet", "soft"),
    ("light", "mild", "modest", "steady"),
    ("", "moderate", "lively", ""),
    ("strong", "heavy", "loud", "powerful"),
    ("violent", "fierce", "raging", "wild", "furious"),
)
"""From the weakest to the strongest fifth of the envelope."""

HOURS = (
    ("at noon", "in bright daylight", "by day", "in the sun"),
    ("in the afternoon", "by day", "in daylight"),
    ("at dusk", "at sunset", "in the evening", "in the twilight"),
    ("at nightfall", "in the late evening", "as it gets dark"),
    ("at night", "in the dark", "in the middle of the night", "by moonlight"),
)

HAZY = ("in the mist", "in the fog", "in haze", "on a misty day")
CLOUDED = ("under heavy clouds", "under an overcast sky", "with dark clouds")
CLEAR = ("under a clear sky", "in clear weather")

FRAMES = ("{}", "{}", "a picture of {}", "a photo of {}", "the sound of {}", "a view of {}", "a landscape with {}", "{} heard from near")


def _one(rng: np.random.Generator, words: tuple[str, ...]) -> str:
    return words[int(rng.integers(len(words)))]


def _fifth(value: float) -> int:
    return min(4, max(0, int(value * 5)))


def caption(kind: str, scene: HasWeather | None, envelope: ArrayLike, rng: np.random.Generator) -> str:
    """A caption of a moment or a clip, in English, all small letters; other draws of `rng` give other wordings.

    `envelope` is one number or a curve (its mean counts); NaN, or a scene of None, leaves strength, hour and weather unsaid. In a
    quarter of the draws the caption is the paper's label alone or with a strength. Raises ConfigError for an unknown class.

    `kind` is one of `KINDS`.
    """
    if kind not in NAMES:
        raise ConfigError(f"kind: got {kind!r}, expected one of {', '.join(NAMES)}")
    strength = float(np.mean(np.asarray(envelope, np.float64)))
    name = NAMES[kind][0] if rng.random() < 0.4 else _one(rng, NAMES[kind])
    words = [_one(rng, STRENGTHS[_fifth(strength)]) if np.isfinite(strength) and rng.random() < 0.7 else "", name]
    if scene is not None:
        if rng.random() < 0.55:
            words.append(_one(rng, HOURS[_fifth(scene.hour)]))
        if rng.random() < 0.35:
            weather = HAZY if scene.haze > 0.7 else CLOUDED if scene.clouds > 0.65 else CLEAR if scene.clouds < 0.3 and scene.haze < 0.4 else None
            words.append(_one(rng, weather) if weather else "")
    text = " ".join(word for word in words if word)
    return (_one(rng, FRAMES) if rng.random() < 0.5 else "{}").format(text)
