"""Fire: crackles of very unlike loudness, over a low roar and a hiss of steam."""

from .tools import Bench, Wave, decibels


def sound(bench: Bench) -> Wave:
    """A hearth has few loud cracks; a blaze roars and rustles."""
    roar_gain = bench.between(-10, 10)
    level = bench.drive(bench.between(0.2, 0.5), bench.between(0.8, 1.2))
    wave = bench.noise(bench.spread(20, 90), bench.spread(100, 900), bench.between(-6, -2)) * level
    wave *= bench.flutter(bench.between(0.5, 2.5), 2, 20) * decibels(roar_gain)
    hiss = bench.noise(bench.spread(300, 2500), bench.spread(5000, 14000), bench.between(-5, 1))
    wave += hiss * level * bench.flutter(bench.between(0.5, 2), 1, 10) * decibels(bench.between(-20, -3))
    for _ in range(int(bench.rng.integers(1, 5))):
        at = bench.moments(bench.spread(2, 150), 0.2, 1.0, bench.between(2, 8))
        cracks = bench.crackle(at, bench.between(6, 14), bench.spread(200, 2500), bench.spread(5000, 15000), bench.spread(0.0006, 0.012),
                               tilt=bench.between(-3, 1))
        wave += cracks * level * decibels(bench.between(-20, -2))
    if bench.chance(0.35):  # wood that snaps
        at = bench.moments(bench.spread(0.5, 4), 0.3, 1.0)
        logs = bench.crackle(at, 5, bench.spread(80, 400), bench.spread(1500, 5000), bench.spread(0.01, 0.04), tilt=-3)
        wave += logs * decibels(bench.between(-12, -2))
    return wave
