"""Which pixels the sound moved: a matte to go with the film, for compositing."""

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import torch
from torch.nn import functional as F

from ..config import check_choice, check_range
from ..latents import ChangedWalk, LatentWalk, WalksSideBySide, on_another, parts_of, start_of
from ..synthesis import Generator
from .pose import Pose
from .render import RenderSettings, images_of
from .trajectory import Walk

AGAINST = ("silence", "start", "before")
"""silence: the same film of silence, so that only what the sound did is in the matte; start: the walk's first frame; before: the frame before."""


@dataclasses.dataclass(frozen=True)
class MatteSettings:
    """How a difference of two pictures becomes a matte."""

    against: str = "silence"
    """What a frame is compared with: one of `AGAINST`."""
    gain: float = 4.0
    """A mean difference of the channels of 1 / gain of the whole range is white."""
    soften: float = 0.01
    """Standard deviation of the blur, as a share of the picture's height; 0: none."""

    def __post_init__(self) -> None:
        check_choice("matte: against", self.against, AGAINST)
        check_range("matte: gain", self.gain, 0.01, 1000)
        check_range("matte: soften", self.soften, 0, 0.5)


def draw_mattes(
    generator: Generator, walk: LatentWalk, render: RenderSettings, settings: MatteSettings | None = None, *, pose: Pose | None = None
) -> Iterator[torch.Tensor]:
    """The matte of each frame, [n, H, W] in 0..1 on the CPU, batch after batch: white where the picture isn't the one it's held against.

    `generator` renders both, by `render`, with the same noise and pose; `settings` say what a frame is held against (None: silence).
    A walk that no sound moved is silent already: hold it against its start.
    """
    settings = settings or MatteSettings()
    shown = images_of(generator, walk, render, pose=pose)
    if settings.against == "before":
        yield from _since_before(shown, settings)
        return
    other = silenced(walk) if settings.against == "silence" else _held(walk)
    for image, reference in zip(shown, images_of(generator, other, render, pose=pose), strict=True):
        yield _matte_of(image, reference, settings)


def _since_before(shown: Iterator[torch.Tensor], settings: MatteSettings) -> Iterator[torch.Tensor]:
    last: torch.Tensor | None = None
    for image in shown:
        yield _matte_of(image, torch.cat([image[:1] if last is None else last, image[:-1]]), settings)
        last = image[-1:]


def silenced(walk: Any) -> Any:
    """The same walk, with all that changes it, of silence: as long, from the same start."""
    return on_another(walk, lambda own: dataclasses.replace(own, stays=True) if isinstance(own, Walk) else own)


def _held(walk: LatentWalk) -> LatentWalk:
    """The walk's first latent, as long as the walk."""
    row = next((part for part in parts_of(walk) if isinstance(part, WalksSideBySide)), None)
    if row is not None:
        return dataclasses.replace(row, walk=_held(row.walk), right=tuple(map(_held, row.right)))
    first = start_of(walk)
    return ChangedWalk(walk, lambda _, ws: first.to(ws).expand_as(ws))


def _matte_of(image: torch.Tensor, reference: torch.Tensor, settings: MatteSettings) -> torch.Tensor:
    difference = (image.float().clamp(-1, 1) - reference.float().clamp(-1, 1)).abs().mean(1) / 2
    blurred = _blurred(difference[:, None], settings.soften * difference.shape[1])[:, 0]
    return (blurred * settings.gain).clamp(0, 1).cpu()


def _blurred(images: torch.Tensor, sigma: float) -> torch.Tensor:
    """[N, 1, H, W] under a Gaussian of `sigma` pixels; what lies beyond the border isn't counted."""
    reach = min(math.ceil(3 * sigma), images.shape[2] - 1, images.shape[3] - 1)
    if reach < 1:
        return images
    bell = (-0.5 * (torch.arange(-reach, reach + 1, device=images.device) / sigma).square()).exp()
    parts = torch.cat([images, torch.ones_like(images[:1])])
    parts = F.conv2d(parts, bell[None, None, :, None], padding=(reach, 0))
    parts = F.conv2d(parts, bell[None, None, None, :], padding=(0, reach))
    return parts[:-1] / parts[-1:]


def as_frames(mattes: Iterator[torch.Tensor]) -> Iterator[torch.Tensor]:
    """Mattes as frames for a file, uint8 [n, H, W, 3]."""
    return ((matte * 255).round().to(torch.uint8)[..., None].expand(-1, -1, -1, 3).contiguous() for matte in mattes)
