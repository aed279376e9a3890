"""Drawn drums: clicks and patterns whose beats are known."""

import numpy as np

RATE = 22050


def place(sound: np.ndarray, seconds: float, hit: np.ndarray, level: float = 1.0) -> None:
    """Add a hit at a moment; what lies beyond the end is cut off."""
    first = round(seconds * RATE)
    piece = hit[:max(0, len(sound) - first)]
    sound[first:first + len(piece)] += level * piece


def click(seed: int = 0) -> np.ndarray:
    """A short knock."""
    time = np.arange(int(0.03 * RATE)) / RATE
    return np.sin(2 * np.pi * 1500 * time) * np.exp(-time / 0.006)


def kick() -> np.ndarray:
    """A bass drum whose pitch falls."""
    time = np.arange(int(0.25 * RATE)) / RATE
    return np.sin(2 * np.pi * (50 * time + 4 * (1 - np.exp(-time / 0.03)))) * np.exp(-time / 0.08)


def snare(seed: int = 1) -> np.ndarray:
    """Noise over a low tone."""
    time = np.arange(int(0.18 * RATE)) / RATE
    noise = np.random.default_rng(seed).standard_normal(len(time))
    return (0.6 * noise + 0.5 * np.sin(2 * np.pi * 190 * time)) * np.exp(-time / 0.05)


def hat(seed: int = 2) -> np.ndarray:
    """Noise without its low half."""
    time = np.arange(int(0.05 * RATE)) / RATE
    return np.diff(np.random.default_rng(seed).standard_normal(len(time) + 1)) * np.exp(-time / 0.012) * 0.5


def clicks(beats: np.ndarray, seconds: float, noise: float = 0.0) -> np.ndarray:
    """A click at each beat."""
    sound = np.random.default_rng(3).standard_normal(int(seconds * RATE)) * noise
    for beat in beats:
        place(sound, float(beat), click(), 0.8)
    return sound.astype(np.float32)


def pattern(hits: dict[str, list[float]], bpm: float, beats_a_bar: int, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """A sound of drums at places of each bar, in beats ("kick", "snare", "hat", "soft": a soft hat); and its beats in seconds."""
    drums = {"kick": (kick(), 0.9), "snare": (snare(), 0.5), "hat": (hat(), 0.35), "soft": (hat(), 0.15), "click": (click(), 0.4)}
    sound, period = np.random.default_rng(4).standard_normal(int(seconds * RATE)) * 1e-3, 60 / bpm
    beats = np.arange(0, seconds - 0.05, period)
    for bar in range(int(seconds / period / beats_a_bar) + 1):
        for name, places in hits.items():
            for place_ in places:
                place(sound, (bar * beats_a_bar + place_) * period, *drums[name])
    return (sound / np.abs(sound).max() * 0.8).astype(np.float32), beats


def f_measure(found: np.ndarray, true: np.ndarray, window: float = 0.07) -> tuple[float, float]:
    """F of beats within 70 ms, each used once, and the median error in seconds of those."""
    left, errors = list(found), []
    for beat in true:
        near = min(left, key=lambda one: abs(one - beat), default=None)
        if near is not None and abs(near - beat) <= window:
            errors.append(abs(near - beat))
            left.remove(near)
    score = 2 * len(errors) / (len(found) + len(true)) if len(found) + len(true) else 1.0
    return score, float(np.median(errors)) if errors else 1.0
