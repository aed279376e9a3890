"""What a picture of the world shows, apart from how strong it is and where in its turn: a scene."""

import dataclasses
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..config import check_range
from ..errors import ConfigError
from .gait import Curve, Gait
from .paint import Grid
from .sounds.tools import Bench, Wave

Frame = Callable[[float, float], NDArray[np.float32]]

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


@dataclasses.dataclass(frozen=True)
class SceneKind:
    """A class of the world: all that has to be said of it. One file in `scenes` ends with one, named SCENE."""

    name: str
    """Its label, as in the paper's Landscape data."""
    paint: Callable[[Grid, Scene], Frame]
    """Paints what stands still at a size; what it returns paints the frame of a strength, 0..1, and a phase in turns."""
    sound: Callable[[Bench], Wave]
    """Makes its sound, of an RMS of about one, from the envelope and the random numbers of the bench."""
    envelope: Callable[[Gait], Curve]
    """Its hidden cause over time, about 0..1."""
    wordings: tuple[str, ...]
    """What people call it; the first is its name."""
    steady: bool = False
    """Whether its sound may stay alike for minutes, as rain does."""
    found: tuple[Callable[[Bench], Wave], ...] = ()
    """Other sounds by which recordings know it; clips of the world don't have them."""
