"""The hidden cause of a clip over time: gusts, waves, strokes of lightning, treads in the mud.

One number in 0..1 a moment, from which both the picture and the sound follow. Each class has a gait of its own (`scenes`), and each seed
varies it (how often, how sudden, how deep).
"""

import numpy as np
from numpy.typing import NDArray

from .gait import Gait, random_of
from .kinds import scene_kind


def make_envelope(kind: str, seed: int, seconds: float, rate: float) -> NDArray[np.float32]:
    """The envelope of a clip: [seconds * rate] values in 0..1, value i at the moment i / rate.

    The same moments have the same values at every rate and every number of seconds. Raises ConfigError for an unknown class.

    `kind` is one of `KINDS`.
    """
    times = np.arange(round(seconds * rate)) / rate
    curve = scene_kind(kind).envelope(Gait(random_of(kind, seed, "envelope"), times))
    return np.clip(curve, 0, 1).astype(np.float32)
