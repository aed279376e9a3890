"""Under water: bubbles that ring and rise, close and round; all that is high is swallowed."""

from .tools import Bench, Wave, decibels


def sound(bench: Bench) -> Wave:
    """Each breath is a cloud of large bubbles, with small ones after it; the water hums."""
    e = bench.envelope
    low = bench.spread(110, 260)
    at = bench.moments(bench.spread(20, 80), 0.04, 1.0, bench.between(1, 5))
    wave = bench.bubbles(at, low, low * bench.spread(2, 5), (5, 20), (0.3, 1.4), tail=6, heavy=0.7) * (0.1 + 0.9 * e)
    at = bench.moments(bench.spread(10, 80), 0.04, 1.5, bench.between(1, 5))
    wave += bench.bubbles(at, 500, bench.spread(900, 2200), (8, 25), (0.2, 0.9), tail=6) * e * decibels(bench.between(-16, -4))
    wave += bench.noise(25, bench.spread(120, 300), -3) * bench.drive(bench.between(0.2, 0.5), 1.0) * decibels(bench.between(-16, -5))
    rush = bench.noise(bench.spread(150, 300), bench.spread(500, 1200), -2) * e**1.5
    wave += rush * bench.flutter(3, 8, 30) * decibels(bench.between(-20, -6))
    return bench.through(wave, bench.curve(20, bench.spread(900, 2200), 0, 2))
