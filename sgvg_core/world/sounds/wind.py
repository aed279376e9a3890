"""Wind: low rumble that buffets, bands that the gusts open, sometimes a whistle or leaves."""

import numpy as np

from .tools import Bench, Wave, decibels, unit


def sound(bench: Bench) -> Wave:
    """Most of it is low; what is higher comes with the gusts."""
    e = bench.envelope
    level = bench.drive(bench.between(0.2, 0.6), bench.between(0.9, 1.4))
    wave = bench.noise(bench.spread(25, 200), bench.spread(300, 3000), bench.between(-9, -5)) * level
    wave *= bench.flutter(bench.between(0.1, 1.3), 0.5, 8)
    if bench.chance(0.5):  # the hum of a wire, a tree, a chimney
        hum = bench.through(bench.rng.standard_normal(bench.num_samples), bench.resonance(bench.spread(90, 450), bench.spread(1.5, 8)))
        wave += unit(hum) * level * decibels(bench.between(-6, 8))
    open_at, reach = bench.spread(150, 350), bench.spread(1.5, 5)
    howl = np.zeros(bench.num_samples)
    num_bands = 4
    for i in range(num_bands):  # the band that is heard climbs with the gust
        place = i / (num_bands - 1)
        hertz = open_at * reach**place
        howl += bench.noise(hertz * 0.8, hertz * 1.25, 0, 0) * np.exp(-((2.6 * (place - e)) ** 2))
    wave += howl * level * decibels(bench.between(-30, -3))
    if bench.chance(0.3):  # a gap that whistles
        hertz = bench.spread(400, 1500)
        whistle = bench.through(bench.rng.standard_normal(bench.num_samples), bench.resonance(hertz, bench.spread(15, 60)))
        wave += whistle / (whistle.std() + 1e-9) * e ** bench.between(1, 2.5) * decibels(bench.between(-20, -4))
    wave += bench.noise(40, 9000, bench.between(-6, -3)) * decibels(bench.between(-40, -18))  # the air that never rests
    if bench.chance(0.25):  # leaves and grass
        leaves = bench.noise(bench.spread(1200, 3000), bench.spread(6000, 12000), bench.between(-3, 1))
        wave += leaves * e ** bench.between(1, 2) * bench.flutter(bench.between(1, 3), 2, 20) * decibels(bench.between(-34, -10))
    if bench.chance(0.35):  # the microphone is blown upon
        wave += bench.noise(15, bench.spread(60, 200), -4) * e * bench.flutter(bench.between(3, 8), 1, 12) * decibels(bench.between(-8, 6))
    return wave
