"""Rain: a hiss of drops too many to count, near drops on several surfaces, sometimes puddles and a gutter."""

from .tools import Bench, Wave, decibels


def sound(bench: Bench) -> Wave:
    """Far rain is nearly steady noise; near rain is a shower of single knocks. Indoors it's dull, on leaves it's bright."""
    level = bench.drive(bench.between(0.2, 0.6), bench.between(0.6, 1.1))
    low, high = bench.spread(30, 900), bench.spread(4000, 16000)
    hiss = bench.noise(low, high, bench.between(-6, 1)) * level * bench.flutter(bench.between(0.1, 0.8), 0.5, 10)
    wave = hiss * decibels(bench.between(-12, 0))
    for _ in range(int(bench.rng.integers(2, 5))):
        at = bench.moments(bench.spread(15, 2500), 0.15, 1.0)
        drops = bench.shower(at, bench.between(4, 11), bench.spread(500, 8000), bench.spread(0.4, 5))
        wave += drops * level * decibels(bench.between(-18, -3))
    if bench.chance(0.35):  # puddles
        at = bench.moments(bench.spread(3, 40), 0.08, 1.0)
        wave += bench.bubbles(at, 800, 4500, (8, 30), (0, 0.3)) * level * decibels(bench.between(-22, -8))
    if bench.chance(0.6):  # the street, or the roof's drone
        wave += bench.noise(30, bench.spread(120, 500), -3) * decibels(bench.between(-18, 0))
    return wave
