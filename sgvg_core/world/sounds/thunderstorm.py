"""A thunderstorm: the crack of a stroke, the peals that roll on after it, and the rain it comes with."""

import numpy as np

from .tools import Bench, Wave, decibels, unit

MAX_DELAY_SECONDS = 0.6


def _late(bench: Bench) -> Wave:
    """The envelope as it's heard: up to 0.6 s after the flash, most often little."""
    delay_samples = int(MAX_DELAY_SECONDS * bench.rng.random() ** 2 * bench.sample_rate)
    return np.concatenate([np.full(delay_samples, bench.envelope[0]), bench.envelope])[: bench.num_samples]


def _peals(bench: Bench) -> Wave:
    """Echoes from along the stroke's path: each sets in at once and dies away, many a second; about 0..1."""
    at = bench.moments(bench.spread(4, 20), bench.between(0.05, 0.6), 0.8)
    kernel_samples = int(bench.sample_rate * 1.2)
    kernel = np.exp(-np.arange(kernel_samples) / (bench.spread(0.04, 0.3) * bench.sample_rate))
    peals = np.abs(bench.through(np.abs(bench.hits(at, bench.between(3, 7))), np.fft.rfft(kernel, bench.padded_samples)))
    return peals / (peals.max() + 1e-9)


def sound(bench: Bench) -> Wave:
    """Deep while it's far, cracking and broad when it's near; the louder a peal, the higher it reaches."""
    bench.envelope = e = _late(bench)
    near = bench.rng.random()
    peals = _peals(bench)
    roll = e ** bench.between(0.7, 1.1) * (1 - (rough := bench.between(0.3, 0.85)) + rough * peals) * bench.flutter(bench.between(0.5, 2.5), 1.5, 14)
    rest = bench.spread(0.02, 0.3) * (0.2 + 0.8 * peals)
    wave = bench.noise(bench.spread(18, 60), bench.spread(120, 500), bench.between(-4, -1)) * (rest + roll)
    tilt = bench.between(-11, -6) + 2.5 * near
    wave += bench.noise(60, bench.spread(1500, 8000), tilt) * (rest + roll ** bench.between(1.0, 1.5)) * decibels(bench.between(-4, 6))
    sharp = np.clip((e - 0.4) / 0.5, 0, 1) ** 2 * (0.3 + 0.7 * peals)
    crack = unit(bench.noise(bench.spread(200, 900), bench.spread(2500, 10000), bench.between(-5, -1)))
    wave += crack * sharp * bench.flutter(bench.between(2, 5), 8, 45) * decibels(-34 + 28 * near)
    rain = bench.noise(bench.spread(60, 1500), bench.spread(4000, 12000), bench.between(-5, 0))
    return wave + rain * decibels(bench.between(-56, -20)) * (0.8 + 0.2 * e)
