"""Edited pictures: one, or a strip of strengths."""

import dataclasses
from collections.abc import Sequence

import torch

from ..assembly import SoundModel
from ..errors import ConfigError
from ..generation.render import size_of_image, to_uint8
from ..media import contact_sheet
from ..progress import Progress, silent
from .apply import ResolvedEdit, apply_edits
from .edits import Edit
from .regions import place_edits, synthesize_edited
from .resolve import DIRECTION_SIGMAS, ResolveSettings, resolve_edits
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
    """[1, L, D], with the edits that have no region."""
    before: torch.Tensor
    """uint8 [H, W, 3], without the edits."""
    edits: tuple[ResolvedEdit, ...]


def edit_still(
    model: SoundModel, source: Source, edits: Sequence[Edit], settings: ResolveSettings | None = None, progress: Progress = silent
) -> EditedStill:
    """A picture with edits, one after another; those of a region show inside it alone. Raises ConfigError without edits, and as `resolve_edits`."""
    if not edits:
        raise ConfigError("edit: got none, expected one at least, such as 'text=at night'")
    resolved = resolve_edits(model, edits, source.ws, settings, progress)
    ws = apply_edits(source.ws, [edit for edit in resolved if edit.region is None])
    before = show(model, source.ws, source.noise)[0]
    return EditedStill(_drawn(model, source, resolved), ws, before, resolved)


def _drawn(model: SoundModel, source: Source, edits: Sequence[ResolvedEdit]) -> torch.Tensor:
    """The picture with its edits, uint8 [H, W, 3]: those of a region inside it alone. Raises ConfigError for masks that don't fit."""
    placed = place_edits(edits).fitted(size_of_image(model.generator), 1, source.shape, source.fit)
    return to_uint8(next(synthesize_edited(model.generator, [source.ws], placed, noise=source.noise)))[0]


def strength_strip(
    model: SoundModel, source: Source, edits: Sequence[ResolvedEdit], strengths: Sequence[float] | None = None
) -> torch.Tensor:
    """The picture at several strengths of its edits, side by side, uint8 [H, W', 3].

    `strengths` multiply the edits' own (None: `STRENGTHS`; of plain directions -3 to 3 standard deviations, for a strength of 1).
    """
    if strengths is None:
        plain = all(edit.way == "direction" for edit in edits)
        strengths = [sigmas / DIRECTION_SIGMAS for sigmas in SIGMAS] if plain else STRENGTHS
    made = []
    for strength in strengths:
        scaled = [dataclasses.replace(edit, amounts=strength * edit.amounts[:1]) for edit in edits]
        made.append(_drawn(model, source, scaled))
    return contact_sheet(torch.stack(made), len(made))
