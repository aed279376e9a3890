"""Where the picture of a StyleGAN3 lies: shifted, turned and enlarged from frame to frame, without touching the generator.

Everything here is arguments for `synthesis`, one transform an item; see `StyleGAN3Generator`.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import torch

from ..config import check_choice
from ..errors import ConfigError, ShapeError
from ..latents import held_rows
from ..synthesis.stylegan3 import StyleGAN3Generator

ANCHORS = ("none", "exact", "released")

Track = float | Sequence[float] | torch.Tensor
"""A number for all frames, or one for each, [T]."""


def pose_transforms(
    x: Track = 0.0, y: Track = 0.0, rotate: Track = 0.0, zoom: Track = 1.0, *, num_frames: int | None = None
) -> torch.Tensor:
    """The transforms [T, 3, 3] of frames whose content is enlarged by `zoom`, turned by `rotate`, then shifted by `x` and `y`.

    `x` (to the right) and `y` (down) are in picture widths, `rotate` in degrees counter-clockwise, `zoom` a factor about the picture's
    centre. Each is one number or has a number a frame; T is `num_frames`, or as many as given. What comes from beyond the picture's old
    border is painted by the network, as far as its weights allow: far out, or far zoomed out, it has little to say. Raises ConfigError,
    ShapeError.
    """
    tracks = {name: torch.as_tensor(value, dtype=torch.float64) for name, value in (("x", x), ("y", y), ("rotate", rotate), ("zoom", zoom))}
    given = {name: len(track) for name, track in tracks.items() if track.ndim == 1}
    length = num_frames if num_frames is not None else max(given.values(), default=1)
    for name, track in tracks.items():
        if track.ndim > 1 or given.get(name, length) != length:
            raise ShapeError(f"{name}: got shape {list(track.shape)}, expected one number, or [T={length}], one for each frame")
        if not track.isfinite().all():
            raise ConfigError(f"{name}: got a number that isn't finite; expected plain numbers")
    if (tracks["zoom"] <= 0).any():
        raise ConfigError(f"zoom: got {tracks['zoom'].min().item():g}, expected factors above 0; 1 leaves the size as it is")
    across, down, degrees, factor = (track.expand(length) for track in tracks.values())
    cos, sin = (degrees * (math.pi / 180)).cos() / factor, (degrees * (math.pi / 180)).sin() / factor
    # The network asks where a point comes from: the shift undone, then the turn, then the zoom.
    matrices = torch.eye(3, dtype=torch.float64).repeat(length, 1, 1)
    matrices[:, 0, 0], matrices[:, 0, 1] = cos, -sin
    matrices[:, 1, 0], matrices[:, 1, 1] = sin, cos
    matrices[:, 0, 2] = -(cos * across - sin * down)
    matrices[:, 1, 2] = -(sin * across + cos * down)
    return matrices.float()


def anchor_placement(generator: StyleGAN3Generator, anchor: str) -> torch.Tensor | None:
    """What replaces latent 0's own say on the placement: [4], or None to let each latent say it.

    "none": each latent places its picture, as StyleGAN3 does. "exact": all are placed as the mean latent would be, so that a walk doesn't
    make the picture slide. "released": as the released sound-to-video code does, which adds the mean latent's answer to the bias that
    is in it already, and so counts the bias twice; for weights that were trained with it. Raises ConfigError.

    `anchor` is "none", "exact" or "released"; `generator` has the mean latent.
    """
    check_choice("anchor", anchor, ANCHORS)
    if anchor == "none":
        return None
    affine = generator.synthesis.input.affine
    with torch.no_grad():
        answer = affine(generator.w_avg[None])[0]
        return answer if anchor == "exact" else answer + affine.bias * affine.bias_gain


@dataclasses.dataclass(frozen=True)
class Pose:
    """The pose of a film: a transform a frame and how latent 0 places the picture."""

    transforms: torch.Tensor
    """[T, 3, 3] of `pose_transforms`; frames beyond the last are held there."""
    anchor: str = "none"
    """What latent 0 places the picture by: one of `ANCHORS`."""

    def __post_init__(self) -> None:
        check_choice("anchor", self.anchor, ANCHORS)
        if self.transforms.ndim != 3 or tuple(self.transforms.shape[1:]) != (3, 3) or not len(self.transforms):
            raise ShapeError(f"pose: got transforms of shape {list(self.transforms.shape)}, expected [T, 3, 3] with a frame at least")

    def of_frames(self, frames: Sequence[int]) -> "Pose":
        """The pose of a film that has these frames alone."""
        return Pose(self.transforms[torch.tensor(frames, dtype=torch.long).clamp(max=len(self.transforms) - 1)], self.anchor)

    def arguments(self, generator: Any, first: int, num_frames: int) -> dict[str, torch.Tensor | None]:
        """The further arguments of `generator.synthesis` for frames `first` .. `first + num_frames - 1`. Raises ConfigError."""
        if not isinstance(generator, StyleGAN3Generator):
            raise ConfigError(f"pose: got a {type(generator).__name__}, which can't be moved; only a StyleGAN3 generator can")
        device = generator.w_avg.device
        return {"transform": held_rows(self.transforms, first, num_frames).to(device), "placement": anchor_placement(generator, self.anchor)}
