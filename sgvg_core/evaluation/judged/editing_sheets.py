"""Sheets of edits to look at: what no figure says."""

from collections.abc import Sequence

import torch

from ...assembly import SoundModel
from ...editing import Edit, apply_edits, parse_edit, resolve_edits, show
from ...generation.render import to_uint8
from ...image_inversion import InversionSettings
from ...judge import Judge
from ...media import contact_sheet
from ...progress import Progress, silent
from ...world import KINDS
from .editing import EditingTable, held_out_renders

WITHIN = ("at night", "at noon", "violent", "calm")
"""Edits of the second sheet, a row each."""


def make_editing_sheets(model: SoundModel, judge: Judge, seed: int = 0, progress: Progress = silent) -> dict[str, torch.Tensor]:
    """Sheets by name, uint8 [H, W, 3]: nine starts to each scene (a row a start, which comes first); nine starts, a column each, at other
    hours and strengths; nine images that the generator never saw, what inversion makes of them, and those at night.
    """
    table = EditingTable(model, judge, seed=seed, progress=progress)
    return {
        "editing_scenes": scenes_sheet(table, progress),
        "editing_within": within_sheet(table, progress),
        "editing_inversion": inversion_sheet(table, progress),
    }


def scenes_sheet(table: EditingTable, progress: Progress = silent) -> torch.Tensor:
    """Nine starts x nine scenes."""
    rows = []
    for number, start in enumerate(table.starts.split(1)):
        rows.append(torch.cat([show(table.model, start), *(_edited(table, start, f"text={label}") for label in KINDS)]))
        progress(number + 1, len(table.starts), "sheet of scenes")
    return contact_sheet(torch.cat(rows), len(KINDS) + 1)


def within_sheet(table: EditingTable, progress: Progress = silent, texts: Sequence[str] = WITHIN) -> torch.Tensor:
    """Nine starts, and each of `texts` on them."""
    columns = []
    for number, start in enumerate(table.starts.split(1)):
        columns.append(torch.cat([show(table.model, start), *(_edited(table, start, f"text={text}") for text in texts)]))
        progress(number + 1, len(table.starts), "sheet of hours and strengths")
    return contact_sheet(torch.stack(columns, 1).flatten(0, 1), len(columns))


def inversion_sheet(table: EditingTable, progress: Progress = silent) -> torch.Tensor:
    """Nine held-out renders, what their latents show, and these at night and in the rain."""
    images = held_out_renders(len(KINDS), table.show(table.starts[:1]))
    columns = []
    for number, image in enumerate(images.split(1)):
        ws = table.inverted(image, InversionSettings()).ws
        columns.append(torch.cat([to_uint8(image), show(table.model, ws), *(_edited(table, ws, line) for line in ("text=at night", "text=raining"))]))
        progress(number + 1, len(images), "sheet of inversions")
    return contact_sheet(torch.stack(columns, 1).flatten(0, 1), len(columns))


def _edited(table: EditingTable, start: torch.Tensor, line: str) -> torch.Tensor:
    edit: Edit = parse_edit(line)
    return show(table.model, apply_edits(start, resolve_edits(table.model, [edit], start)))
