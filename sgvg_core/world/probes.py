"""What the world draws and plays at the moment, in samples: results that are kept of it are made anew when its code or numbers change."""

import numpy as np
from numpy.typing import NDArray

from .disturb import change_speed, disturb
from .envelopes import make_envelope
from .render import render
from .scene import KINDS, random_scene
from .sounds import synth

_SEED, _SIZE, _SECONDS, _RATE = 71, 48, 0.5, 22_050


def probe_pictures() -> NDArray[np.uint8]:
    """Small renders of every kind, faint and strong: [18, size, size, 3]."""
    shown = [(kind, strength) for kind in KINDS for strength in (0.2, 0.9)]
    return np.stack([render(kind, random_scene(kind, _SEED + place), strength, 0.3, _SIZE) for place, (kind, strength) in enumerate(shown)])


def probe_envelopes() -> NDArray[np.float32]:
    """Envelopes of every kind at 12 values a second: [K, 36]."""
    return np.stack([make_envelope(kind, _SEED, 3.0, 12.0) for kind in KINDS]).astype(np.float32)


def probe_sounds() -> NDArray[np.float32]:
    """Half a second of every kind, faint at first and then strong: [K, N]."""
    strengths = np.linspace(0.2, 0.9, int(_SECONDS * _RATE), dtype=np.float32)
    return np.stack([synth(kind, _SEED, strengths, _RATE) for kind in KINDS]).astype(np.float32)


def probe_disturbed() -> NDArray[np.float32]:
    """A short noise at another speed, in other places and through other microphones: [N]."""
    noise, rng = np.random.default_rng(_SEED).standard_normal(_RATE // 4).astype(np.float32), np.random.default_rng([_SEED, 1])
    return np.concatenate([disturb(change_speed(noise, 1.1), rng, _RATE) for _ in range(6)]).astype(np.float32)
