"""The sound of a clip, from its class, its seed and its envelope."""

import numpy as np
from numpy.typing import NDArray

from .gait import random_of
from .kinds import scene_kind
from .sounds.tools import Bench, decibels

LOUDNESS = 0.14
"""RMS of a sound whose envelope is one, before its own spread of 8 dB."""


def synth(kind: str, seed: int, envelope: NDArray[np.floating], sample_rate: int, *, found: bool = False) -> NDArray[np.float32]:
    """The sound of a clip, float32 [N] in -1..1, mono; `envelope` [N] in 0..1 holds one value a sample.

    The envelope moves density, brightness and level; its loudness is heard, but isn't a copy of it. The seed draws
    everything else (distance, colours, layers). `found`: another sound by which recordings know the class, where there is one (`found.py`).
    `kind` is one of `KINDS`, `sample_rate` that of the result. Raises ConfigError for an unknown class.
    """
    scene = scene_kind(kind)
    bench = Bench(random_of(kind, seed, "sound"), np.asarray(envelope, np.float64), sample_rate)
    if bench.num_samples == 0:
        return np.zeros(0, np.float32)
    ways = scene.found if found else ()
    make = ways[int(bench.rng.integers(len(ways)))] if ways else scene.sound
    wave = make(bench) * bench.flutter(bench.between(0.1, 1.0), 0.2, 3)
    return np.tanh(wave * LOUDNESS * decibels(bench.between(-4, 4))).astype(np.float32)
