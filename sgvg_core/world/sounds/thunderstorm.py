"""A thunderstorm: the crack of a stroke, the rumble that rolls on, and often rain or wind."""

import numpy as np

from .tools import Bench, Wave, decibels

MAX_DELAY_SECONDS = 0.6


def sound(bench: Bench) -> Wave:
    """Thunder is late: up to 0.6 s after its flash, most often little; the further off, the duller."""
    delay_samples = int(MAX_DELAY_SECONDS * bench.rng.random() ** 2 * bench.sample_rate)
    e = np.concatenate([np.full(delay_samples, bench.envelope[0] if bench.num_samples else 0.0), bench.envelope])[: bench.num_samples]
    bench.envelope = e
    near = bench.rng.random()
    low = bench.noise(bench.spread(18, 45), bench.spread(90, 350) * (1 + near), bench.between(-5, -1)) * e ** bench.between(0.7, 1.1)
    wave = low * bench.flutter(bench.between(1.0, 3.5), 1.5, 14)
    middle = bench.noise(bench.spread(100, 250), bench.spread(600, 3000), bench.between(-8, -4)) * e ** bench.between(1.1, 1.6)
    wave += middle * bench.flutter(bench.between(2, 5), 3, 25) * decibels(bench.between(-20, -6) + 5 * near)
    crack = bench.noise(bench.spread(300, 900), bench.spread(4000, 10000), bench.between(-4, -1)) * np.clip((e - 0.45) / 0.5, 0, 1) ** 2
    wave += crack * bench.flutter(bench.between(3, 6), 8, 45) * decibels(-34 + 30 * near)
    rain = bench.noise(bench.spread(100, 1500), bench.spread(4000, 12000), bench.between(-5, 0))
    wave += rain * decibels(bench.between(-46, -16)) * (0.8 + 0.2 * e)
    wave += bench.noise(25, bench.spread(200, 800), -4) * decibels(bench.between(-32, -16))
    return wave
