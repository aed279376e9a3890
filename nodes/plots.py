"""Drawings for the page."""

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from ..sgvg_core.generation import SoundLabels

_ROW, _NAMES, _BARS, _TIME, _TOP = 30, 190, 120, 220, 30
_INK, _FAINT, _GROUND = (235, 235, 240), (120, 124, 136), (26, 28, 34)
_LOW, _HIGH = (38, 42, 54), (255, 176, 66)
_MOST_LABELS = 20


def labels_plot(analysed: SoundLabels) -> torch.Tensor:
    """What was heard: a row a label, best first, its probability as a bar, and over time from dark to bright. uint8 [H, W, 3]."""
    labels = analysed.labels[:_MOST_LABELS]
    width, height = _NAMES + _BARS + _TIME + 40, _TOP + _ROW * len(labels) + 30
    image = Image.new("RGB", (width, height), _GROUND)
    draw = ImageDraw.Draw(image)
    rows = {label.text: _TOP + _ROW * row for row, label in enumerate(labels)}
    left = _NAMES + _BARS + 20
    draw.text((_NAMES, 8), "whole sound", fill=_FAINT, font=_font(15))
    draw.text((left, 8), "over time", fill=_FAINT, font=_font(15))
    for label in labels:
        top = rows[label.text]
        draw.text((10, top + 3), label.text[:22], fill=_INK, font=_font(17))
        draw.rectangle(
            (_NAMES, top + 4, _NAMES + round((_BARS - 48) * label.probability), top + _ROW - 6), fill=_colour(max(label.probability, 0.25))
        )
        draw.text((_NAMES + round((_BARS - 48) * label.probability) + 6, top + 4), f"{label.probability:.0%}", fill=_INK, font=_font(15))
    _draw_segments(draw, analysed, rows, left)
    return torch.from_numpy(np.array(image))


def _draw_segments(draw: ImageDraw.ImageDraw, analysed: SoundLabels, rows: dict[str, int], left: int) -> None:
    end = max((segment.end for segment in analysed.segments), default=0.0)
    bottom = max(rows.values(), default=0) + _ROW
    if end <= 0:
        return
    starts = [segment.start for segment in analysed.segments] + [end]
    for segment, next_start in zip(analysed.segments, starts[1:], strict=True):
        for label in segment.labels:
            if label.text in rows:
                box = (left + _TIME * segment.start / end, rows[label.text] + 2, left + _TIME * next_start / end - 1, rows[label.text] + _ROW - 4)
                draw.rectangle(box, fill=_colour(label.probability))
    draw.text((left, bottom + 4), "0 s", fill=_FAINT, font=_font(15))
    draw.text((left + _TIME, bottom + 4), f"{end:.1f} s", fill=_FAINT, font=_font(15), anchor="ra")


def _colour(share: float) -> tuple[int, int, int]:
    return tuple(round(low + (high - low) * share) for low, high in zip(_LOW, _HIGH, strict=True))  # type: ignore[return-value]


def _font(size: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    """Pillow's own font (10.1 and later have it in every size)."""
    try:
        return ImageFont.load_default(size)
    except (TypeError, OSError, ImportError):
        return ImageFont.load_default()
