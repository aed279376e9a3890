"""Sounds that are none of the world's scenes: voices, music, birds, engines, alarms, knocking, hums.

A listener that only ever heard nine scenes finds one of them in everything. These teach it, and test it, to say that it isn't sure.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..errors import ConfigError
from .gait import random_of
from .sounds.tools import Bench, Wave, decibels, unit


def _syllables(bench: Bench, low_seconds: float, high_seconds: float, pause: float) -> tuple[Wave, NDArray[np.int64]]:
    """A level [N] in 0..1 that rises and falls with each syllable or note, and which of them sounds at each sample; `pause` is the
    share of them that are silent."""
    level, which, place, number = np.zeros(bench.num_samples), np.zeros(bench.num_samples, np.int64), 0, 0
    while place < bench.num_samples:
        length = max(8, int(bench.spread(low_seconds, high_seconds) * bench.sample_rate))
        shape = np.hanning(length) ** bench.between(0.3, 1.0) * bench.between(0.4, 1.0)
        here = slice(place, min(place + length, bench.num_samples))
        level[here] = 0.0 if bench.chance(pause) else shape[: here.stop - here.start]
        which[here] = number
        place, number = place + length, number + 1
    return level, which


def _pitch(bench: Bench, hertz: Wave) -> Wave:
    """The turns [N] of a voice of these frequencies [N]."""
    return np.asarray(np.cumsum(hertz) / bench.sample_rate)


def speech(bench: Bench) -> Wave:
    """One to three voices: pulses through formants that change with each syllable, and hisses between."""
    wave = np.zeros(bench.num_samples)
    for _ in range(int(bench.rng.integers(1, 4))):
        level, which = _syllables(bench, 0.09, 0.35, 0.2)
        glide = bench.rng.normal(0, 0.15, which[-1] + 1)[which]
        turns = _pitch(bench, bench.spread(85, 300) * np.exp(glide) * bench.flutter(0.3, 2, 8))
        pulses = np.maximum(np.sin(2 * np.pi * turns), 0) ** 12 * level
        vowels = [(bench.spread(250, 900), bench.spread(900, 2600), bench.spread(2300, 3500)) for _ in range(4)]
        for number, formants in enumerate(vowels):
            said = pulses * (which % len(vowels) == number)
            wave += sum(unit(bench.through(said, bench.resonance(hertz, 8))) * decibels(-6 * place) for place, hertz in enumerate(formants))
        hisses = bench.noise(bench.spread(2500, 4500), 9000) * (bench.rng.random(which[-1] + 1) < 0.2)[which] * level
        wave += hisses * decibels(bench.between(-18, -4))
    return wave


def music(bench: Bench) -> Wave:
    """Notes of a scale, struck or bowed, in chords, with or without a beat."""
    wave = np.zeros(bench.num_samples)
    scale = np.array([0, 2, 4, 5, 7, 9, 11, 12]) if bench.chance(0.5) else np.array([0, 3, 5, 7, 10, 12])
    root, overtones, struck = bench.spread(80, 500), int(bench.rng.integers(1, 9)), bench.chance(0.5)
    for _ in range(int(bench.rng.integers(1, 5))):
        level, which = _syllables(bench, 0.12, 1.2, 0.1)
        if struck:
            first = np.searchsorted(which, which)
            level = np.exp(-(np.arange(bench.num_samples) - first) / (bench.spread(0.08, 0.6) * bench.sample_rate))
        notes = root * 2 ** (bench.rng.choice(scale, which[-1] + 1) / 12)
        turns = _pitch(bench, notes[which])
        wave += level * sum(np.sin(2 * np.pi * turns * (n + 1)) / (n + 1) ** bench.between(0.7, 2) for n in range(overtones))
    if bench.chance(0.4):
        beat = (np.arange(bench.num_samples) % int(bench.spread(0.25, 0.7) * bench.sample_rate)) / bench.sample_rate
        wave += bench.noise(bench.spread(40, 2000), 10_000) * np.exp(-beat / bench.spread(0.02, 0.1)) * decibels(bench.between(-6, 6))
    return wave


def birds(bench: Bench) -> Wave:
    """Chirps that glide up and down, in phrases."""
    wave = np.zeros(bench.num_samples)
    for _ in range(int(bench.rng.integers(1, 4))):
        level, which = _syllables(bench, 0.04, 0.3, 0.5)
        bends = bench.rng.normal(0, 0.5, which[-1] + 1)[which] * level
        wave += level**2 * np.sin(2 * np.pi * _pitch(bench, bench.spread(1800, 6000) * 2**bends * bench.flutter(0.5, 10, 40)))
    return wave + bench.noise(100, 8000, -3) * decibels(bench.between(-50, -25))


def engine(bench: Bench) -> Wave:
    """A motor or fan: a row of overtones that wanders little, with noise of its own."""
    turns = _pitch(bench, bench.spread(18, 160) * bench.flutter(bench.between(0.05, 1.5), 0.1, 1))
    tones = sum(bench.between(0.1, 1) * np.sin(2 * np.pi * (turns * (n + 1) + bench.rng.random())) / (n + 1) ** 0.7 for n in range(24))
    rush = bench.noise(bench.spread(50, 300), bench.spread(800, 6000), -3) * (0.5 + 0.5 * np.sin(2 * np.pi * turns))
    return unit(np.asarray(tones)) + rush * decibels(bench.between(-24, -2))


def alarm(bench: Bench) -> Wave:
    """A siren that sweeps, or a beep that comes back."""
    times = np.arange(bench.num_samples) / bench.sample_rate
    beat, depth = bench.spread(0.3, 6), bench.between(0, 0.8)
    swing = np.sin(2 * np.pi * beat * times)
    tone = np.sin(2 * np.pi * _pitch(bench, bench.spread(350, 3500) * 2 ** (depth * (np.sign(swing) if bench.chance(0.4) else swing))))
    if bench.chance(0.5):
        tone *= swing > bench.between(-0.5, 0.5)
    return np.tanh(bench.between(0.5, 4) * tone)


def knocks(bench: Bench) -> Wave:
    """Clicks, typing, hammering, a clock: sounds of one thing, again and again."""
    gap, at, place = bench.spread(0.06, 0.8), [], bench.between(0, 0.3)
    while place < bench.seconds:
        at.append(min(int(place * bench.sample_rate), bench.num_samples - 1))
        place += gap * bench.spread(0.95, 1.05) if bench.chance(0.8) else gap * bench.spread(0.5, 2.5)
    ringing = bench.shower(np.array(at, np.int64), bench.between(0.5, 4), bench.spread(150, 4000), bench.spread(2, 60))
    return ringing + bench.noise(40, 6000, -4) * decibels(bench.between(-60, -30))


def hum(bench: Bench) -> Wave:
    """Mains hum or one steady tone, with its overtones."""
    hertz = bench.spread(48, 4000) if bench.chance(0.5) else (50.0 if bench.chance(0.5) else 60.0)
    turns = np.arange(bench.num_samples) / bench.sample_rate * hertz
    tones = sum(np.sin(2 * np.pi * turns * (n + 1)) * bench.between(0, 1) / (n + 1) for n in range(6) if hertz * (n + 1) < bench.sample_rate / 2)
    return np.asarray(tones) + bench.noise(50, 9000, -2) * decibels(bench.between(-60, -25))


OTHER_SOUNDS: dict[str, Callable[[Bench], Wave]] = {
    "speech": speech, "music": music, "birds": birds, "engine": engine, "alarm": alarm, "knocks": knocks, "hum": hum,
}  # fmt: skip
"""Every kind of other sound, by name."""


def synth_other(kind: str, seed: int, num_samples: int, sample_rate: int) -> NDArray[np.float32]:
    """Such a sound, float32 [N], mono, at most 0.7 loud; the seed draws everything. Raises ConfigError for an unknown kind. `num_samples` is N."""
    if kind not in OTHER_SOUNDS:
        raise ConfigError(f"kind: got {kind!r}, expected one of {', '.join(OTHER_SOUNDS)}")
    if num_samples == 0:
        return np.zeros(0, np.float32)
    bench = Bench(random_of(kind, seed, "other"), np.ones(num_samples), sample_rate)
    wave = OTHER_SOUNDS[kind](bench)
    return (0.7 * wave / (np.abs(wave).max() + 1e-9) * decibels(bench.between(-18, 0))).astype(np.float32)
