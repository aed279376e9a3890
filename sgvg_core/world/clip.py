"""A clip of the world: frames and sound with one hidden cause."""

import dataclasses
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from .envelopes import make_envelope
from .gait import random_of
from .kinds import random_scene
from .scene import Scene
from .synth import synth

PHASE_RATES = (0.08, 0.45)
"""Turns a second of the phase where the envelope is 0 and 1."""
Envelope = TypeVar("Envelope", NDArray[np.float64], torch.Tensor)


@dataclasses.dataclass(frozen=True)
class Clip:
    """Frames uint8 [T, size, size, 3], the waveform float32 [N] mono, and what both follow from, one value a frame."""

    frames: NDArray[np.uint8]
    waveform: NDArray[np.float32]
    sample_rate: int
    envelope: NDArray[np.float32]
    phase: NDArray[np.float32]
    scene: Scene


def turns_a_second(envelope: Envelope) -> Envelope:
    """How fast the phase turns where the envelope, 0 to 1, is this high."""
    slow, fast = PHASE_RATES
    return slow + (fast - slow) * envelope


def phases(envelope: NDArray[np.floating], rate: float, start: float) -> NDArray[np.float32]:
    """The phase in [0, 1) at each value of an envelope of `rate` values a second: it turns faster where the envelope is high.

    `start` is the phase of the first.
    """
    speed = turns_a_second(np.asarray(envelope, np.float64))
    turns = start + np.concatenate([[0.0], np.cumsum(speed[:-1])]) / rate
    return (turns % 1.0).astype(np.float32) % np.float32(1)


def clip(kind: str, seed: int, seconds: float, fps: float, size: int, sample_rate: int = 22_050) -> Clip:
    """A clip of a class (`kind`, one of `KINDS`) of `seconds`, the same for the same arguments; `size` is the side of its pictures. Raises
    ConfigError.
    """
    from .render import render  # here, so that sounds need no painting

    scene = random_scene(kind, seed)
    envelope = make_envelope(kind, seed, seconds, fps)
    phase = phases(envelope, fps, float(random_of(kind, seed, "phase").random()))
    frames = np.stack([render(kind, scene, float(e), float(p), size) for e, p in zip(envelope, phase, strict=True)]) \
        if len(envelope) else np.zeros((0, size, size, 3), np.uint8)
    waveform = synth(kind, seed, make_envelope(kind, seed, seconds, sample_rate), sample_rate)
    return Clip(frames, waveform, sample_rate, envelope, phase, scene=scene)
