"""What happens to a sound between its source and a file: places, microphones, other sounds, codecs.

Everything here keeps the number of samples, and (but for `change_speed` and `looped`) the time axis, so that the envelope stays true.
"""

import numpy as np
from numpy.typing import NDArray

from ..world import synth
from ..world.envelopes import make_envelope
from ..world.kinds import SCENES
from ..world.sounds.tools import Bench, Wave, decibels, unit

FULL_BAND = 9_500.0
"""Cut-off frequencies above this are left alone."""
SPEEDS = (-0.2, 0.2)
"""The logarithm of how much faster a sound is played than it was made is between these."""
MIXED_LEVELS = (-15.0, 0.0)
"""Decibels of another recording that is mixed in, relative to the first."""


def draw_speed(rng: np.random.Generator) -> float:
    """How many times as fast a sound is played: up to a fifth slower or faster, so lower or higher."""
    return float(np.exp(rng.uniform(*SPEEDS)))


def change_speed(waveform: NDArray[np.floating], factor: float) -> NDArray[np.float32]:
    """`waveform` [N] played `factor` times as fast, so that pitch and speed rise together: [N / factor] samples."""
    num_samples = max(1, int(len(waveform) / factor))
    return np.interp(np.arange(num_samples) * factor, np.arange(len(waveform)), waveform).astype(np.float32)


def mixed(wave: NDArray[np.floating], other: NDArray[np.floating], rng: np.random.Generator) -> NDArray[np.float32]:
    """A recording [N] with another one of its class mixed in, from any moment on, at most as loud; where that ends it begins anew.

    `wave` is the recording, `other` what is added.
    """
    turned = np.resize(np.roll(other, int(rng.integers(max(1, len(other))))), len(wave))
    loud, other_loud = (np.sqrt(np.mean(np.square(one, dtype=np.float64))) for one in (wave, turned))
    gain = 10 ** (rng.uniform(*MIXED_LEVELS) / 20) * loud / (other_loud + 1e-9)
    return np.asarray(wave + gain * turned, np.float32)


def looped(waveform: NDArray[np.floating], num_samples: int, num_fade: int) -> NDArray[np.float32]:
    """`waveform` [N] again and again until it's `num_samples` long, each time faded into the next over `num_fade` samples (at most a third of
    it), so that the power stays; a longer one is cut."""
    once = np.asarray(waveform, np.float32)
    num_fade = min(num_fade, len(once) // 3)
    step = len(once) - num_fade
    count = 1 + -(-max(0, num_samples - len(once)) // step)
    rising = np.sin(0.5 * np.pi * (np.arange(num_fade) + 0.5) / max(1, num_fade))
    again = np.zeros((count - 1) * step + len(once), np.float32)
    for turn in range(count):
        piece = once.copy()
        piece[:num_fade] *= rising if turn else 1
        piece[len(once) - num_fade :] *= rising[::-1] if turn < count - 1 else 1
        again[turn * step : turn * step + len(once)] += piece
    return again[:num_samples]


def equalise(bench: Bench, wave: Wave) -> Wave:
    """A tilt and smooth random ripples: the microphone, the distance, the material between.

    `wave` is [N], in any unit; the draws are those of `bench`.
    """
    return bench.through(wave, bench.curve(bench.spread(15, 160), 30_000, bench.rng.normal(0, 0.7), bench.between(0.5, 3)))


def room(bench: Bench, wave: Wave) -> Wave:
    """Echoes that die away over 0.1 to 1.5 s, duller than the sound itself. `wave` is [N], in any unit; the draws are those of `bench`."""
    decay_samples = bench.spread(0.1, 1.5) * bench.sample_rate
    num_tail = min(int(decay_samples), bench.num_samples)
    tail = bench.rng.standard_normal(num_tail) * 10 ** (-3 * np.arange(num_tail) / decay_samples)
    response = np.fft.rfft(tail, bench.padded_samples) * bench.curve(60, bench.spread(1500, 8000), -1.5, 2)
    wet = bench.through(wave, response)
    loud = np.sqrt(np.mean(wave * wave)) + 1e-12
    return wave + unit(wet) * loud * decibels(bench.between(-18, -3))


def background(bench: Bench, wave: Wave) -> Wave:
    """A steady noise, 18 to 50 dB below the sound: a street, a fan, the recorder itself.

    `wave` is [N], in any unit; the draws are those of `bench`.
    """
    loud = np.sqrt(np.mean(wave * wave))
    low, high = (bench.spread(20, 200), bench.spread(300, 20_000)) if bench.chance(0.7) else (bench.spread(200, 4000), 20_000)
    hum = bench.noise(low, high, bench.between(-5, 1)) * bench.flutter(bench.between(0, 2), 0.3, 5)
    return wave + hum * loud * decibels(bench.between(-50, -18))


def codec(bench: Bench, wave: Wave) -> Wave:
    """Band limits down to those of 8 kHz material, coarse steps, and holes where a coder leaves faint bands out.

    `wave` is [N], in any unit; the draws are those of `bench`.
    """
    cut = bench.between(3300, 4100) if bench.chance(0.4) else bench.spread(3400, 16_000)
    if cut < FULL_BAND:
        wave = bench.through(wave, (bench.hertz < cut) / np.sqrt(1 + (bench.hertz / cut) ** 24))
    if bench.chance(0.3):
        step = decibels(bench.between(-66, -42)) * (np.abs(wave).max() + 1e-9)
        wave = np.round(wave / step) * step
    return wave


def small_speaker(bench: Bench, wave: Wave) -> Wave:
    """No low notes: a small loudspeaker or a hand's microphone gives little below 80 to 600 Hz.

    `wave` is [N], in any unit; the draws are those of `bench`.
    """
    cut, order = bench.spread(80, 600), bench.between(2, 10)
    return bench.through(wave, 1 / np.sqrt(1 + (cut / np.maximum(bench.hertz, 1)) ** order))


def second_event(bench: Bench, wave: Wave) -> Wave:
    """Another thing is heard too, 13 to 28 dB quieter. `wave` is [N], in any unit; the draws are those of `bench`."""
    kind = str(bench.rng.choice([scene.name for scene in SCENES]))
    seed = int(bench.rng.integers(1 << 31))
    other = synth(kind, seed, make_envelope(kind, seed, bench.seconds, bench.sample_rate)[: bench.num_samples], bench.sample_rate)
    other = np.pad(other, (0, bench.num_samples - len(other)))
    return wave + unit(other.astype(np.float64)) * np.sqrt(np.mean(wave * wave)) * decibels(bench.between(-28, -13))


def pauses(bench: Bench, wave: Wave) -> Wave:
    """Short drop-outs with soft edges, 15 to 40 dB deep. `wave` is [N], in any unit; the draws are those of `bench`."""
    gain = np.ones(bench.num_samples)
    times = np.arange(bench.num_samples) / bench.sample_rate
    for _ in range(int(bench.rng.integers(1, 3))):
        centre, half, soft = bench.between(0, bench.seconds), bench.spread(0.04, 0.25), 0.02
        hole = 1 / (1 + np.exp(np.clip((np.abs(times - centre) - half) / soft, -40, 40)))
        gain *= 1 - (1 - decibels(bench.between(-40, -15))) * hole
    return wave * gain


def augment_sound(waveform: NDArray[np.floating], rng: np.random.Generator, sample_rate: int) -> NDArray[np.float32]:
    """`waveform` [N] as another microphone, place and file would have it: float32 [N], peaks below one.

    In order: a quieter second event, pauses, a room, an equaliser, a small loudspeaker, background noise, band limits as of a
    codec or of 8 kHz material, and a level of its own. Each has its own chance.

    `rng` draws all of it.
    """
    wave = np.asarray(waveform, np.float64)
    if len(wave) == 0:
        return np.zeros(0, np.float32)
    bench = Bench(rng, np.ones(len(wave)), sample_rate)
    bench.tone = 1.0
    steps = (
        (second_event, 0.15), (pauses, 0.08), (room, 0.35), (equalise, 0.8), (small_speaker, 0.12), (background, 0.5), (codec, 0.18),
    )  # fmt: skip
    for step, probability in steps:
        if bench.chance(probability):
            wave = step(bench, wave)
    peak = np.abs(wave).max() + 1e-9
    wave = wave / peak * decibels(bench.between(-30, 0))
    if bench.chance(0.08):  # too loud for its recorder
        wave = np.clip(wave, -0.5 * np.abs(wave).max(), 0.5 * np.abs(wave).max())
    return wave.astype(np.float32)
