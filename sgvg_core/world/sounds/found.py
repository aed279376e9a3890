"""Other sounds by which recordings know a class: vents, mud and slides for a volcano; divers, boiling and the deep for under water.

The world's own clips don't have them. Ears learn from them too, so that a geyser isn't a fall and a diver's breath isn't wind.
"""

import numpy as np

from .tools import Bench, Wave, decibels


def vent(bench: Bench) -> Wave:
    """Steam or gas that roars out of the ground: a broad jet, fluttering, over a low throb."""
    level = bench.drive(bench.between(0.4, 0.8), bench.between(0.6, 1.2))
    jet = bench.noise(bench.spread(80, 700), bench.spread(1500, 9000), bench.between(-5, 1), bench.between(2, 5))
    wave = jet * level * bench.flutter(bench.between(0.5, 2.5), 8, 45)
    throb = bench.noise(bench.spread(18, 40), bench.spread(90, 300), bench.between(-4, 0)) * bench.flutter(bench.between(1, 4), 1, 12)
    wave += throb * decibels(bench.between(-12, 8))
    if bench.chance(0.5):  # spatter that falls back
        at = bench.moments(bench.spread(5, 90), 0.2, 1.0, bench.between(2, 7))
        spatter = bench.crackle(at, bench.between(4, 9), bench.spread(100, 500), bench.spread(1200, 5000), bench.spread(0.004, 0.03), tilt=-2)
        wave += spatter * level * decibels(bench.between(-14, 0))
    return wave


def mud(bench: Bench) -> Wave:
    """Mud pots and lava: single deep plops that bend upward, thick and slow, over a murmur."""
    low = bench.spread(45, 160)
    at = bench.moments(bench.spread(2, 14), 0.3, 0.7, bench.between(2, 6))
    wave = bench.bubbles(at, low, low * bench.spread(2, 5), (2, 7), (0.3, 1.6), tail=bench.between(5, 9), heavy=0.6)
    knocks = bench.crackle(at, bench.between(4, 8), bench.spread(60, 200), bench.spread(500, 2000), bench.spread(0.006, 0.03), tilt=-3)
    wave += knocks * decibels(bench.between(-12, 2))
    murmur = bench.noise(bench.spread(20, 60), bench.spread(150, 900), bench.between(-5, -1)) * bench.flutter(bench.between(0.5, 3), 1, 10)
    return wave + murmur * decibels(bench.between(-22, -2))


def slide(bench: Bench) -> Wave:
    """Rocks that slide and fall, or ground that quakes: a rumble full of knocks of all sizes."""
    e = bench.drive(bench.between(0.2, 0.6), bench.between(0.7, 1.3))
    wave = bench.noise(bench.spread(15, 40), bench.spread(90, 500), bench.between(-3, 0)) * e * bench.flutter(bench.between(1, 4), 4, 25)
    for _ in range(int(bench.rng.integers(2, 4))):
        at = bench.moments(bench.spread(10, 200), 0.2, 1.2, bench.between(2, 6))
        stones = bench.crackle(at, bench.between(5, 10), bench.spread(80, 400), bench.spread(900, 5000), bench.spread(0.004, 0.04), tilt=-3)
        wave += stones * e * decibels(bench.between(-8, 6))
    return wave


def diver(bench: Bench) -> Wave:
    """A diver's breath: air that hisses in through a regulator, then a cloud of bubbles that goes out."""
    times = np.arange(bench.num_samples) / bench.sample_rate
    beat = 0.5 + 0.5 * np.sin(2 * np.pi * (times / bench.spread(1.6, 5.0) + bench.rng.random()))
    hiss = bench.noise(bench.spread(200, 900), bench.spread(1500, 5000), bench.between(-4, 0), 4) * (1 - beat) ** bench.between(1, 4)
    low = bench.spread(90, 260)
    at = bench.moments(bench.spread(25, 120), 0.1, 0.6, bench.between(1, 5))
    cloud = bench.bubbles(at, low, low * bench.spread(3, 9), (4, 16), (0.2, 1.3), tail=6, heavy=bench.between(0.4, 0.8))
    wave = cloud * beat ** bench.between(0.5, 3) + hiss * decibels(bench.between(-16, 0))
    return bench.through(wave, bench.curve(30, bench.spread(1200, 6000), bench.between(-3, 0), 2))


def boiling(bench: Bench) -> Wave:
    """Water that boils, or a pump in a tank: bubbles too many to count, steady, close to the ear."""
    low = bench.spread(120, 400)
    at = bench.moments(bench.spread(60, 260), 0.5, 0.6, bench.between(0, 3))
    wave = bench.bubbles(at, low, low * bench.spread(3, 8), (3, 14), (0.0, 0.8), tail=bench.between(3, 7), heavy=bench.between(0.2, 0.7))
    rumble = bench.noise(bench.spread(25, 80), bench.spread(200, 700), bench.between(-4, -1)) * bench.flutter(bench.between(0.5, 2), 4, 25)
    wave += rumble * decibels(bench.between(-16, 0))
    return bench.through(wave, bench.curve(25, bench.spread(900, 4000), bench.between(-3, 0), 2))


def deep(bench: Bench) -> Wave:
    """The hum of the deep: everything high is gone, slow pressure, far clanks and few bubbles."""
    wave = bench.noise(bench.spread(20, 60), bench.spread(110, 450), bench.between(-5, -1), 4) * bench.flutter(bench.between(0.3, 2.5), 0.3, 6)
    tone = bench.noise(bench.spread(60, 120), bench.spread(130, 260), 0, 5) * bench.flutter(bench.between(1, 4), 0.2, 2)
    wave += tone * decibels(bench.between(-14, 2))
    at = bench.moments(bench.spread(1, 25), 0.1, 1.0, bench.between(2, 6))
    bubbles = bench.bubbles(at, bench.spread(150, 400), bench.spread(500, 1600), (6, 24), (0.2, 1.0), tail=6)
    return (wave + bubbles * decibels(bench.between(-26, -4))) * bench.drive(bench.between(0.2, 0.6), 1.0)
