"""What a person would write below a clip: its class in many words, how strong, when, in what weather."""

from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from ..errors import ConfigError


class HasWeather(Protocol):
    """The numbers of a scene that captions speak of, each in 0..1: hour 0 is noon, 0.5 dusk, 1 night."""

    @property
    def hour(self) -> float: ...
    @property
    def haze(self) -> float: ...
    @property
    def clouds(self) -> float: ...


NAMES: dict[str, tuple[str, ...]] = {
    "thunderstorm": (
        "thunderstorm", "thunder and lightning", "lightning storm", "storm with thunder", "thunder over the hills", "bolt of lightning", "thunder",
        "lightning", "storm", "thunderclap", "lightning strike over a dark lake"),
    "waterfall burbling": (
        "waterfall burbling", "waterfall", "burbling brook", "cascade", "stream falling over rocks", "cataract in the forest", "brook", "stream",
        "river that falls from a cliff", "mountain stream", "water falling into a pool"),
    "volcano eruption": (
        "volcano eruption", "volcano", "erupting volcano", "lava fountain", "mountain that spits lava", "volcanic explosion", "lava", "eruption",
        "lava flowing from a crater", "crater with smoke and lava"),
    "squishing water": (
        "squishing water", "squishing mud", "steps in a muddy puddle", "wet mud", "squelching swamp", "footsteps in a bog", "mud", "muddy boots",
        "rubber boots in a puddle", "boots treading wet ground"),
    "wind noise": (
        "wind noise", "wind", "wind over the meadow", "gusts in the grass", "gale", "breeze in the trees", "windy field", "trees bending in the wind",
        "leaves blown by the wind", "breeze"),
    "fire crackling": (
        "fire crackling", "campfire", "fire", "burning logs", "flames", "bonfire that crackles", "fireplace", "bonfire", "burning wood", "blaze"),
    "raining": (
        "raining", "rain", "rainfall", "rain shower", "rain over a lake", "drops of rain", "downpour", "raindrops", "rainy day",
        "rain in the village"),
    "underwater bubbling": (
        "underwater bubbling", "bubbles under water", "underwater", "deep sea", "rising air bubbles", "under the sea", "bubbles", "diver's bubbles",
        "coral reef with bubbles", "fish and bubbles under water"),
    "splashing water": (
        "splashing water", "waves", "sea waves", "waves breaking on the shore", "surf", "splashing sea", "ocean waves", "ocean", "sea",
        "waves against a rock", "waves on the beach"),
}
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
