"""Splashing water: waves that rise, break and run out on a shore, or lap at a boat, or are thrown up by a hand."""

import numpy as np

from .tools import Bench, Wave, decibels


def sound(bench: Bench) -> Wave:
    """The breaking is broad and low, the run-out hisses and is bubbly; a far sea is always there."""
    e = bench.envelope
    level = bench.drive(bench.between(0.04, 0.4), bench.between(0.9, 1.6))
    wash = bench.noise(bench.spread(60, 500), bench.spread(1800, 8000), bench.between(-6, -1)) * level
    wash *= bench.flutter(bench.between(0.5, 2.5), 1, 10)
    foam = bench.noise(bench.spread(1000, 3000), bench.spread(6000, 14000), bench.between(-3, 1))
    lag_samples = int(bench.between(0.05, 0.4) * bench.sample_rate)
    late = np.concatenate([np.full(lag_samples, e[0]), e])[: bench.num_samples] ** bench.between(1.0, 2.2)
    wave = wash * decibels(bench.between(-8, 0)) + foam * late * decibels(bench.between(-20, -4))
    wave += bench.noise(bench.spread(40, 120), bench.spread(400, 2500), bench.between(-6, -2)) * decibels(bench.between(-26, -9))
    if bench.chance(0.6):  # bubbles and lapping
        low = bench.spread(200, 600)
        at = bench.moments(bench.spread(10, 90), 0.05, 1.3, bench.between(2, 7))
        wave += bench.bubbles(at, low, low * bench.spread(2, 5), (3, 14), (-0.2, 0.7), tail=8) * level * decibels(bench.between(-14, 0))
    if bench.chance(0.6):  # droplets
        at = bench.moments(bench.spread(30, 500), 0.03, 1.5, bench.between(2, 6))
        wave += bench.shower(at, bench.between(5, 10), bench.spread(1000, 5000), bench.spread(0.6, 4)) * level * decibels(bench.between(-20, -6))
    if bench.chance(0.4):  # the thump of the wave
        wave += bench.noise(30, bench.spread(120, 300), -2) * e ** bench.between(1.5, 3) * decibels(bench.between(-10, 2))
    return wave
