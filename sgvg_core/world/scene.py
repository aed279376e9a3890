"""What a picture of the world shows, apart from how strong it is and where in its turn: a scene."""

import dataclasses

import numpy as np

from ..config import check_choice, check_range
from ..errors import ConfigError

KINDS = (
    "thunderstorm",
    "waterfall burbling",
    "volcano eruption",
    "squishing water",
    "wind noise",
    "fire crackling",
    "raining",
    "underwater bubbling",
    "splashing water",
)
"""The nine scenes, named as in the paper's Landscape data."""

NUM_COMPOSITIONS = 4
"""How many layouts each kind has: view, distance, number and place of the main element."""

VALUES = ("hour", "hue", "haze", "clouds", "glow", "accent")
"""The continuous numbers of a scene: colour, light and weather. They never move anything."""


@dataclasses.dataclass(frozen=True)
class Scene:
    """A layout and six numbers in 0..1."""

    composition: int
    hour: float = 0.3
    """0 noon, 0.5 dusk, 1 night."""
    hue: float = 0.5
    """The palette, warm to cool or from season to season."""
    haze: float = 0.2
    """Clear to misty."""
    clouds: float = 0.4
    """Clear to overcast; under water, clear to murky."""
    glow: float = 0.5
    """How strong sun, moon, lamps or lava shine."""
    accent: float = 0.5
    """The colour of the main thing."""

    def __post_init__(self) -> None:
        if self.composition not in range(NUM_COMPOSITIONS):
            raise ConfigError(f"composition: got {self.composition}, expected 0 to {NUM_COMPOSITIONS - 1}")
        for name in VALUES:
            check_range(name, getattr(self, name), 0, 1)


def random_scene(kind: str, seed: int) -> Scene:
    """A scene of a kind, the same for the same seed."""
    check_choice("kind", kind, KINDS)
    rng = np.random.default_rng([KINDS.index(kind), seed & 0xFFFFFFFFFFFFFFFF, 77])
    return Scene(int(rng.integers(NUM_COMPOSITIONS)), *rng.random(len(VALUES)).tolist())
