"""A waterfall or brook: a broad steady roar, and the burble of bubbles where the water lands."""

from .tools import Bench, Wave, decibels


def sound(bench: Bench) -> Wave:
    """From a large fall far off (all roar) to a brook at one's feet (all burble)."""
    near = bench.rng.random()
    level = bench.drive(bench.between(0.3, 0.7), bench.between(0.7, 1.2))
    roar = bench.noise(bench.spread(25, 300), bench.spread(3500, 18000), bench.between(-4.5, -1))
    wave = roar * level * bench.flutter(bench.between(0.03, 0.4), 1, 15) * decibels(-14 * near)
    if bench.chance(0.5):  # the thud of the mass that falls
        thud = bench.noise(bench.spread(25, 60), bench.spread(100, 400), -2) * bench.flutter(bench.between(0.2, 1.0), 1, 15)
        wave += thud * level * decibels(bench.between(-16, -2))
    low, high = bench.spread(180, 900), bench.spread(1200, 9000)
    at = bench.moments(bench.spread(40, 120 + 400 * near), 0.4, 0.7, bench.between(0, 3))
    burble = bench.bubbles(at, low, max(high, 2 * low), (5, 30), (0.0, 0.5), tail=bench.between(4, 8), heavy=bench.between(0, 0.7))
    wave += burble * level * decibels(-36 + 34 * near)
    if bench.chance(0.4):  # spatter
        at = bench.moments(bench.spread(80, 900), 0.2, 1.0, bench.between(0, 4))
        wave += bench.shower(at, bench.between(3, 8), bench.spread(1200, 5000), bench.spread(0.5, 3)) * level * decibels(bench.between(-26, -10))
    return wave
