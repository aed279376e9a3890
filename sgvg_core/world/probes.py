"""What the world draws and plays at the moment, in samples: results that are kept of it are made anew when its code or numbers change."""

import numpy as np
from numpy.typing import NDArray

from .envelopes import make_envelope
from .kinds import KINDS, random_scene
from .render import render
from .synth import synth

SEED, _SIZE, _SECONDS, RATE = 71, 48, 0.5, 22_050


def probe_images() -> NDArray[np.uint8]:
    """Small renders of every kind, faint and strong: [18, size, size, 3]."""
    shown = [(kind, strength) for kind in KINDS for strength in (0.2, 0.9)]
    return np.stack([render(kind, random_scene(kind, SEED + place), strength, 0.3, _SIZE) for place, (kind, strength) in enumerate(shown)])


def probe_envelopes() -> NDArray[np.float32]:
    """Envelopes of every kind at 12 values a second: [K, 36]."""
    return np.stack([make_envelope(kind, SEED, 3.0, 12.0) for kind in KINDS]).astype(np.float32)


def probe_sounds() -> NDArray[np.float32]:
    """Half a second of every kind, faint at first and then strong: [K, N]."""
    strengths = np.linspace(0.2, 0.9, int(_SECONDS * RATE), dtype=np.float32)
    return np.stack([synth(kind, SEED, strengths, RATE) for kind in KINDS]).astype(np.float32)
