"""Squishing water: a tread in mud, the suck when the foot is lifted, and the gurgle of what runs back."""

import numpy as np

from .tools import Bench, Wave, decibels


def sound(bench: Bench) -> Wave:
    """Many small wet chirps up and down with each tread, over a rough gurgle; nearly silent between."""
    e = bench.envelope
    low = bench.spread(180, 350)
    up = bench.bubbles(bench.moments(bench.spread(25, 90), 0.03, 1.0, 3), low, low * bench.spread(2, 4), (4, 12), (0.8, 2.2), tail=6)
    down = bench.bubbles(bench.moments(bench.spread(15, 60), 0.02, 1.3, 3), 600, bench.spread(1300, 2600), (4, 14), (-1.6, -0.5), tail=6)
    wave = up * (0.06 + 0.94 * e) + down * e * decibels(bench.between(-10, 0))
    turn = np.cumsum(bench.spread(18, 45) * bench.flutter(2, 1, 6)) / bench.sample_rate
    gurgle = np.maximum(np.sin(2 * np.pi * turn), 0) ** bench.between(0.5, 2)
    suck = bench.noise(bench.spread(250, 600), bench.spread(1500, 3500), bench.between(-4, 0)) * e ** bench.between(1.2, 2.2)
    wave += suck * gurgle * decibels(bench.between(-8, 2))
    at = bench.moments(bench.spread(20, 200), 0.02, 1.5, 4)
    wave += bench.crackle(at, 7, 300, bench.spread(2500, 6000), bench.spread(0.002, 0.008), tilt=-3) * e * decibels(bench.between(-16, -4))
    wave += bench.noise(40, bench.spread(300, 2000), -5) * decibels(bench.between(-40, -24))
    return wave
