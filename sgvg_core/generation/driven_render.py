"""What of a walk's numbers over time belongs to the rendering, and the sound that a walk goes with."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from ..curves.curve import Curve
from ..latents import LatentWalk
from ..motion import LoopWalk
from .noise_over_time import noise_path
from .render import RenderSettings
from .sound import Sound
from .trajectory import Walk


def driven_render(render: RenderSettings, walk: LatentWalk, noise_seconds: float = 1.0) -> RenderSettings:
    """How a walk's frames are rendered: with the strength and the speed of the noise that its numbers say, and closed if it's a loop.

    `noise_seconds` is the time in which flowing noise becomes another.
    """
    numbers = numbers_of(walk)
    if "noise" in numbers:
        render = dataclasses.replace(render, noise_strength=numbers["noise"])
    if render.noise_mode == "smooth" and render.noise_path is None:
        closed = any(isinstance(part, LoopWalk) for part in _parts(walk))
        path = noise_path(walk.fps, walk.num_frames, seconds=noise_seconds, speed=numbers.get("noise_speed"), closed=closed)
        render = dataclasses.replace(render, noise_path=path)
    return render


def numbers_of(walk: LatentWalk) -> Mapping[str, Curve]:
    """The numbers over time that a walk carries, at its own frames."""
    return next((part.numbers for part in _parts(walk) if hasattr(part, "numbers")), {})


def sound_of_walk(walk: LatentWalk) -> Sound | None:
    """The sound that a film of a walk has: of a loop one pass; None where no sound moved it."""
    for part in _parts(walk):
        if isinstance(part, LoopWalk):
            return part.sound
        if isinstance(part, Walk):
            return part.analysed.sound
    return None


def _parts(walk: Any) -> Iterator[Any]:
    """A walk, what it changes, what that changes, ..."""
    yield walk
    while hasattr(walk, "walk"):
        walk = walk.walk
        yield walk
