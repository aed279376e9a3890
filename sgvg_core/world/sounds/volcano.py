"""A volcano: deep explosions that shake the ground, the jet of gas, grit and stones that fall."""

from .tools import Bench, Wave, decibels


def sound(bench: Bench) -> Wave:
    """Deep like thunder, but with a roar that never stops, and a rattle of stones that follows each blast."""
    e = bench.envelope
    deep = bench.noise(bench.spread(15, 25), bench.spread(55, 110), bench.between(-3, 0)) * bench.drive(bench.between(0.05, 0.15), 1.0)
    wave = deep * bench.flutter(bench.between(0.5, 2), 2, 12)
    blast = bench.noise(bench.spread(50, 120), bench.spread(300, 700), bench.between(-6, -3)) * e ** bench.between(1.3, 2.2)
    wave += blast * decibels(bench.between(-6, 0))
    jet = bench.noise(bench.spread(120, 300), bench.spread(900, 2500), bench.between(-5, -2)) * bench.drive(0.12, 1.1)
    wave += jet * bench.flutter(bench.between(1, 3), 15, 40) * decibels(bench.between(-18, -8))
    for _ in range(2):
        at = bench.moments(bench.spread(60, 400), 0.06, 1.4, bench.between(1, 5))
        stones = bench.crackle(at, bench.between(4, 9), bench.spread(120, 300), bench.spread(700, 2200), bench.spread(0.004, 0.02), tilt=-2)
        wave += stones * e * decibels(bench.between(-9, -2))
    return wave
