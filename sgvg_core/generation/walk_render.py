"""What of a walk's numbers over time belongs to the rendering, and the sound that a walk goes with."""

import dataclasses
from collections.abc import Iterator, Mapping

import torch

from ..curves.curve import Curve
from ..latents import LatentWalk, WrappedWalk, parts_of
from ..motion import LoopWalk
from .noise_over_time import noise_path
from .render import Overlay, RenderSettings
from .sound import Sound
from .trajectory import Walk


@dataclasses.dataclass(frozen=True)
class ShapedWalk(WrappedWalk):
    """A walk whose pictures are painted in another shape than the generator was trained for."""

    walk: LatentWalk
    shape: tuple[int, int]
    """Height and width, in the generator's own pixels."""
    enlargement: str = "mirror"
    """See `synthesis.ENLARGEMENTS`."""

    def __iter__(self) -> Iterator[torch.Tensor]:
        return iter(self.walk)


def shape_render(render: RenderSettings, walk: LatentWalk) -> RenderSettings:
    """How frames of a walk are rendered in the shape that it asks for, whichever of its frames they are."""
    shaped = next((part for part in parts_of(walk) if isinstance(part, ShapedWalk)), None)
    return render if shaped is None else dataclasses.replace(render, shape=shaped.shape, enlargement=shaped.enlargement)


def driven_render(render: RenderSettings, walk: LatentWalk, noise_seconds: float = 1.0) -> RenderSettings:
    """How a walk's frames are rendered: with the strength and the speed of the noise that its numbers say, closed if it's a loop, and with
    what its parts lay over the frames, the innermost first.

    Smooth noise has changed altogether after `noise_seconds`.
    """
    numbers = numbers_of(walk)
    render = shape_render(render, walk)
    overlays = overlays_of(walk)
    if overlays:
        render = dataclasses.replace(render, overlays=overlays)
    if "noise" in numbers:
        render = dataclasses.replace(render, noise_strength=numbers["noise"])
    if render.noise_mode == "smooth" and render.noise_path is None:
        closed = any(isinstance(part, LoopWalk) for part in parts_of(walk))
        path = noise_path(walk.fps, walk.num_frames, seconds=noise_seconds, speed=numbers.get("noise_speed"), closed=closed)
        render = dataclasses.replace(render, noise_path=path)
    return render


def overlays_of(walk: LatentWalk) -> tuple[Overlay, ...]:
    """What the parts of a walk lay over its frames, as their `overlays`, the innermost part's first."""
    return tuple(each for part in reversed(list(parts_of(walk))) for each in getattr(part, "overlays", ()))


def numbers_of(walk: LatentWalk) -> Mapping[str, Curve]:
    """The numbers over time that a walk carries, at its own frames."""
    return next((part.numbers for part in parts_of(walk) if hasattr(part, "numbers")), {})


def sound_of_walk(walk: LatentWalk) -> Sound | None:
    """The sound that a film of a walk has: that of the outermost part which has one of its own (of a loop one pass), else what moved it.

    None where there's neither.
    """
    for part in parts_of(walk):
        if hasattr(part, "sound"):
            return part.sound  # type: ignore[no-any-return]
        if isinstance(part, Walk):
            return part.analysed.sound
    return None
