"""A waterfall or brook: a broad steady roar, and the burble of bubbles where the water lands."""

from .tools import Bench, Wave, decibels


def sound(bench: Bench) -> Wave:
    """From a large fall far off (all roar) to a brook at one's feet (all burble)."""
    near = bench.rng.random()
    level = bench.drive(bench.between(0.25, 0.65), bench.between(0.7, 1.2))
    roar = bench.noise(bench.spread(40, 350), bench.spread(2500, 11000), bench.between(-5.5, -1.5))
    wave = roar * level * bench.flutter(bench.between(0.1, 0.9), 1, 15) * decibels(-14 * near)
    low = bench.spread(180, 500)
    at = bench.moments(bench.spread(25, 200), 0.3, 0.7, bench.between(0, 6))
    burble = bench.bubbles(at, low, low * bench.spread(2.5, 6), (4, 22), (0.0, 0.7), bench.between(4, 9))
    wave += burble * level * decibels(-26 + 26 * near)
    if bench.chance(0.6):  # spatter
        at = bench.moments(bench.spread(80, 900), 0.2, 1.0, bench.between(0, 4))
        wave += bench.shower(at, bench.between(3, 8), bench.spread(1200, 5000), bench.spread(0.5, 3)) * level * decibels(bench.between(-22, -8))
    return wave
