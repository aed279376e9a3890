"""Edited pictures: one, or a strip of strengths."""

import dataclasses
from collections.abc import Sequence

import torch

from ..assembly import SoundModel
from ..errors import ConfigError
from ..media import contact_sheet
from ..progress import Progress, silent
from .apply import ResolvedEdit, apply_edits
from .edits import Edit
from .resolve import ResolveSettings, resolve_edits
from .sources import Source, show

STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5)
"""Of a strip of targets, in parts of each edit's own strength."""
SIGMAS = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)
"""Of a strip of a direction, in standard deviations."""


@dataclasses.dataclass(frozen=True, eq=False)
class EditedStill:
    """An edited picture."""

    image: torch.Tensor
    """uint8 [H, W, 3]."""
    ws: torch.Tensor
    """[1, L, D]."""
    before: torch.Tensor
    """uint8 [H, W, 3], without the edits."""
    edits: tuple[ResolvedEdit, ...]


def edit_still(
    model: SoundModel, source: Source, edits: Sequence[Edit], settings: ResolveSettings | None = None, progress: Progress = silent
) -> EditedStill:
    """A picture with edits, one after another; regions are blended in pictures. Raises ConfigError without edits, and as `resolve_edits`."""
    if not edits:
        raise ConfigError("edit: got none, expected one at least, such as 'text=at night'")
    resolved = resolve_edits(model, edits, source.ws, settings, progress)
    ws = apply_edits(source.ws, resolved)
    before, image = show(model, torch.cat([source.ws, ws]), source.noise)
    return EditedStill(image, ws, before, resolved)


def strength_strip(model: SoundModel, source: Source, edits: Sequence[ResolvedEdit], strengths: Sequence[float] = STRENGTHS) -> torch.Tensor:
    """The picture at several strengths of its edits, side by side, uint8 [H, W', 3]."""
    made = []
    for strength in strengths:
        scaled = [dataclasses.replace(edit, amounts=strength * edit.amounts[:1]) for edit in edits]
        made.append(apply_edits(source.ws, scaled))
    return contact_sheet(show(model, torch.cat(made), source.noise), len(made))
