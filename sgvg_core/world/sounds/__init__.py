"""The sounds of the world: one file a class, the tools in `tools`."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ...errors import ConfigError
from ..envelopes import random_of
from . import fire, raining, splashing, squishing, thunderstorm, underwater, volcano, waterfall, wind
from .found import FOUND
from .tools import Bench, Wave, decibels

SOUNDS: dict[str, Callable[[Bench], Wave]] = {
    "thunderstorm": thunderstorm.sound,
    "waterfall burbling": waterfall.sound,
    "volcano eruption": volcano.sound,
    "squishing water": squishing.sound,
    "wind noise": wind.sound,
    "fire crackling": fire.sound,
    "raining": raining.sound,
    "underwater bubbling": underwater.sound,
    "splashing water": splashing.sound,
}

LOUDNESS = 0.14
"""RMS of a sound whose envelope is one, before its own spread of 8 dB."""


def synth(kind: str, seed: int, envelope: NDArray[np.floating], sample_rate: int, *, found: bool = False) -> NDArray[np.float32]:
    """The sound of a clip, float32 [N] in -1..1, mono; `envelope` [N] in 0..1 holds one value a sample.

    The envelope moves density, brightness and level; its loudness is heard, but isn't a copy of it. The seed draws
    everything else (distance, colours, layers). `found`: another sound by which recordings know the class, where there is one (`found.py`).
    Raises ConfigError for an unknown class.
    """
    if kind not in SOUNDS:
        raise ConfigError(f"kind: got {kind!r}, expected one of {', '.join(SOUNDS)}")
    bench = Bench(random_of(kind, seed, "sound"), np.asarray(envelope, np.float64), sample_rate)
    if bench.num_samples == 0:
        return np.zeros(0, np.float32)
    ways = FOUND.get(kind, ()) if found else ()
    make = ways[int(bench.rng.integers(len(ways)))] if ways else SOUNDS[kind]
    wave = make(bench) * bench.flutter(bench.between(0.1, 1.0), 0.2, 3)
    return np.tanh(wave * LOUDNESS * decibels(bench.between(-4, 4))).astype(np.float32)
