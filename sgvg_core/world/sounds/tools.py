"""The workbench of the synthesiser: coloured noise, showers of drops, bubbles, and levels that follow the envelope.

Everything is float64 [N], numpy only. Frequencies are in hertz, levels in decibels, tilts in decibels an octave.
"""

import numpy as np
from numpy.typing import NDArray

Wave = NDArray[np.float64]

FLUTTER_RATE = 100
"""Values a second of slow random levels before they're interpolated."""


def decibels(level: float) -> float:
    """The factor of amplitude of a level in decibels."""
    return float(10 ** (level / 20))


def unit(wave: Wave) -> Wave:
    """`wave` at an RMS of one (silence stays silence)."""
    return wave / (np.sqrt(np.mean(wave * wave)) + 1e-12)


class Bench:
    """What a sound is made with: its random numbers, its envelope [N] and its sample rate.

    `tone` multiplies every frequency, so that a whole sound is a little higher or lower.
    """

    def __init__(self, rng: np.random.Generator, envelope: Wave, sample_rate: int) -> None:
        self.rng, self.envelope, self.sample_rate = rng, envelope, sample_rate
        self.num_samples = len(envelope)
        self.seconds = self.num_samples / sample_rate
        self.tone = self.spread(0.8, 1.25)
        # A few samples more, so that the transform has no large prime to fight with and nothing wraps round audibly.
        self.padded_samples = -(-(self.num_samples + sample_rate // 20) // 4096) * 4096
        self.hertz = np.maximum(np.fft.rfftfreq(self.padded_samples, 1 / sample_rate), 1)

    # -------------------------------------------------- numbers

    def between(self, low: float, high: float) -> float:
        """A number between `low` and `high`."""
        return float(self.rng.uniform(low, high))

    def spread(self, low: float, high: float) -> float:
        """A number between `low` and `high`, evenly by its logarithm: for frequencies, densities and durations."""
        return float(np.exp(self.rng.uniform(np.log(low), np.log(high))))

    def chance(self, probability: float) -> bool:
        """True in this share of the seeds."""
        return bool(self.rng.random() < probability)

    # -------------------------------------------------- colour

    def curve(self, low: float, high: float, tilt: float = 0.0, ripple: float = 0.0) -> Wave:
        """A gain for each frequency: a band from `low` to `high` Hz with soft edges, a `tilt` (dB an octave) around 1 kHz, and smooth random
        ripples of
        `ripple` dB.
        """
        hertz = self.hertz / self.tone
        steep = self.between(2, 6)
        octaves = np.log2(np.maximum(hertz, 20) / 1000)
        level = tilt * octaves
        if ripple:
            knots = np.arange(-7, 6, self.between(0.6, 1.6))
            level = level + np.interp(octaves, knots, self.rng.normal(0, ripple, len(knots)))
        gain = 10 ** (level / 20)
        return gain / np.sqrt(1 + np.minimum(low / hertz, 1e4) ** (2 * steep)) / np.sqrt(1 + (hertz / high) ** (2 * steep))

    def through(self, source: Wave, gain: NDArray[np.inexact]) -> Wave:
        """`source` [N] through a filter, given as its (complex) gain at each frequency."""
        return np.fft.irfft(np.fft.rfft(source, self.padded_samples) * gain, self.padded_samples)[: self.num_samples]

    def noise(self, low: float, high: float, tilt: float = 0.0, ripple: float = 3.0) -> Wave:
        """Steady noise of unit RMS, its spectrum that of `curve`: `low`, `high`, `tilt` and `ripple` are its arguments."""
        gain = self.curve(low, high, tilt, ripple)
        spectrum = self.rng.standard_normal((2, len(gain)))  # white noise has such a spectrum; that saves a transform
        return unit(np.fft.irfft((spectrum[0] + 1j * spectrum[1]) * gain, self.padded_samples)[: self.num_samples])

    def resonance(self, hertz: float, q: float) -> NDArray[np.complex128]:
        """The gain of a resonator at `hertz` that rings out after a knock, for about `q` / pi turns."""
        f = self.hertz / (hertz * self.tone)
        return 1 / (1 + 1j * q * (f - 1 / f))

    # -------------------------------------------------- levels

    def drive(self, floor: float, power: float) -> Wave:
        """A level [N] that follows the envelope raised to `power`: `floor` where it is 0, one where it is 1."""
        return floor + (1 - floor) * self.envelope**power

    def flutter(self, depth: float, low_hz: float, high_hz: float) -> Wave:
        """A random level [N] around one, wandering `depth` decibels at rates low_hz..high_hz."""
        num_values = int(self.seconds * FLUTTER_RATE) + 8
        hertz = np.fft.rfftfreq(num_values, 1 / FLUTTER_RATE)
        band = (hertz <= high_hz) / np.sqrt(np.maximum(hertz, low_hz))
        band[0] = 0
        walk = unit(np.fft.irfft(np.fft.rfft(self.rng.standard_normal(num_values)) * band, num_values))
        times = np.arange(self.num_samples) * (FLUTTER_RATE / self.sample_rate)
        return 10 ** (np.interp(times, np.arange(num_values), walk) * (depth / 20))

    # -------------------------------------------------- events

    def moments(self, density: float, floor: float = 0.05, power: float = 1.0, clumps: float = 0.0) -> NDArray[np.int64]:
        """Random sample numbers [n], `density` a second where the envelope is 1, fewer where it is low (`floor` and `power` as in `drive`);
        `clumps` dB of
        crowding.
        """
        if density <= 0:
            return np.zeros(0, np.int64)
        crowd = self.flutter(clumps, 0.5, 12) if clumps else None
        most = 1.0 if crowd is None else float(crowd.max())
        at = self.rng.integers(0, self.num_samples, self.rng.poisson(density * most * self.seconds))
        keep = self.drive(floor, power)[at] * (1 if crowd is None else crowd[at] / most)
        return at[self.rng.random(len(at)) < keep]

    def hits(self, at: NDArray[np.int64], tail: float) -> Wave:
        """Knocks [N] at these samples, their sizes log-normal with `tail` dB of spread (large: a few loud among many faint)."""
        out = np.zeros(self.num_samples)
        sizes = 10 ** (self.rng.standard_normal(len(at)) * (tail / 20)) * self.rng.choice((-1.0, 1.0), len(at))
        np.add.at(out, at, sizes * (0.4 + 0.6 * self.envelope[at]))
        return out

    def shower(self, at: NDArray[np.int64], tail: float, hertz: float, q: float) -> Wave:
        """Drops on one surface: knocks at the samples `at` [n] (`tail` as in `hits`) that ring at `hertz` (`q` as in `resonance`). Unit RMS."""
        return unit(self.through(self.hits(at, tail), self.resonance(hertz, q)))

    def crackle(self, at: NDArray[np.int64], tail: float, low: float, high: float, decay_seconds: float, tilt: float = 0.0) -> Wave:
        """Short bursts of noise at the samples `at` [n] (`tail` as in `hits`) that die away in `decay_seconds`, all of one make. Unit RMS.

        Their band is `low` to `high` Hz, with a `tilt` in dB an octave.
        """
        num_kernel = max(8, min(int(7 * decay_seconds * self.sample_rate), self.num_samples))
        kernel = self.rng.standard_normal(num_kernel) * np.exp(-np.arange(num_kernel) / (decay_seconds * self.sample_rate))
        kernel[0] += 2  # the knock itself
        gain = np.fft.rfft(kernel, self.padded_samples) * self.curve(low, high, tilt, 3.0)
        return unit(self.through(self.hits(at, tail), gain))

    def bubbles(self, at: NDArray[np.int64], low: float, high: float, q: tuple[float, float] = (6, 30),
                bend: tuple[float, float] = (0.0, 0.6), tail: float = 6.0, heavy: float = 0.5) -> Wave:
        """Bubbles at the samples `at` [n]: sines that die away, their pitch bent by `bend` octaves over that time; larger (lower) ones are
        louder by `heavy`.

        A bubble rings at a frequency that falls with its size, between `low` and `high` Hz, for about `q` / pi turns; `tail` is the spread
        of loudness in
        dB. Unit RMS.
        """
        out = np.zeros(self.num_samples)
        count = len(at)
        hertz = self.tone * low * (high / low) ** self.rng.random(count)
        turns = np.exp(self.rng.uniform(np.log(q[0]), np.log(q[1]), count))
        bends = self.rng.uniform(bend[0], bend[1], count)
        sizes = 10 ** (self.rng.standard_normal(count) * (tail / 20)) * (low / hertz) ** heavy * (0.4 + 0.6 * self.envelope[at])
        sines = self.rng.uniform(0, 2 * np.pi, count)
        for i in range(count):
            fade = turns[i] / (np.pi * hertz[i]) * self.sample_rate
            num_here = min(self.num_samples - int(at[i]), int(5 * fade) + 2)
            age = np.arange(num_here) / fade
            turned = 2 * np.pi * hertz[i] / self.sample_rate * fade * (age + 0.5 * bends[i] * np.log(2) * np.minimum(age, 3) ** 2 / 2)
            out[at[i]:at[i] + num_here] += sizes[i] * np.minimum(age * 4, 1) ** 2 * np.exp(-age) * np.sin(turned + sines[i])
        return unit(out)
