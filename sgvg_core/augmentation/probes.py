"""What augmentation makes of a sound at the moment, in samples: results that are kept of it are made anew when it changes."""

import numpy as np
from numpy.typing import NDArray

from ..world.probes import RATE, SEED
from .sounds import augment_sound, change_speed


def probe_disturbed() -> NDArray[np.float32]:
    """A short noise at another speed, in other places and through other microphones: [N]."""
    noise, rng = np.random.default_rng(SEED).standard_normal(RATE // 4).astype(np.float32), np.random.default_rng([SEED, 1])
    return np.concatenate([augment_sound(change_speed(noise, 1.1), rng, RATE) for _ in range(6)]).astype(np.float32)
