"""A data set to look at: a row a label, frames over time, and under them the sound on the same time axis."""

import itertools
import math
import statistics
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch.nn import functional as F

from ..audio.mel import log_mel
from ..config import MelConfig
from ..pixels import to_uint8
from ..progress import Progress, silent
from .clip_data import ClipData
from .clip_info import ClipInfo

NUM_FRAMES = 8
MOST_ROWS = 36
_TILE, _GAP, _MARGIN = 128, 4, 20
_SIDE = 190
"""Width of the words on the left."""
_MEL_HEIGHT, _MEL_HEIGHT_ALONE = 56, 96
_AXIS, _ROW_GAP, _HEAD = 17, 16, 62
_NUM_MELS = 64
_BACKGROUND, _BRIGHT, _DIM = (17, 18, 22), (236, 236, 240), (146, 149, 160)
_CURVE_DB = 40
_HEAT = np.array([(4, 4, 10), (35, 17, 84), (95, 24, 127), (160, 44, 128), (222, 73, 104), (252, 137, 97), (254, 206, 145), (252, 253, 191)],
                 np.float32)
"""From silence to the loudest."""


def data_sheet(data: ClipData, progress: Progress = silent) -> torch.Tensor:
    """The sheet, uint8 [H, W, 3]: of every label the clip of middling loudness; without labels, clips spread over the set.

    The curve on the sound is its loudness (root mean square, 40 dB from bottom to top). Raises DataError.
    """
    rows = chosen_clips(data.clips())
    mel_height = _MEL_HEIGHT if data.size is not None else _MEL_HEIGHT_ALONE
    width = NUM_FRAMES * _TILE + (NUM_FRAMES - 1) * _GAP
    row_height = (_TILE + _GAP if data.size is not None else 0) + mel_height + _AXIS
    sheet = Image.new("RGB", (2 * _MARGIN + _SIDE + width, 2 * _MARGIN + _HEAD + len(rows) * (row_height + _ROW_GAP) - _ROW_GAP), _BACKGROUND)
    _write_head(sheet, data, len(rows))
    for number, clip in enumerate(rows):
        progress(number, len(rows), "sheet")
        top = _MARGIN + _HEAD + number * (row_height + _ROW_GAP)
        _write_side(sheet, data, clip, top)
        left = _MARGIN + _SIDE
        if data.size is not None:
            for place, frame in enumerate(_frames(data, clip)):
                sheet.paste(Image.fromarray(frame), (left + place * (_TILE + _GAP), top))
            top += _TILE + _GAP
        waveform, _ = data.waveform(clip)
        sheet.paste(Image.fromarray(log_mel_image(waveform, clip.sample_rate, width, mel_height)), (left, top))
        _draw_loudness(sheet, waveform, clip.sample_rate, left=left, top=top, width=width, height=mel_height)
        _draw_axis(sheet, clip.seconds, left, top + mel_height, width)
    return torch.from_numpy(np.asarray(sheet).copy())


def chosen_clips(clips: Sequence[ClipInfo]) -> list[ClipInfo]:
    """One clip a label, of middling loudness among the label's longest; without labels, clips spread over the set."""
    by_label: dict[str | None, list[ClipInfo]] = defaultdict(list)
    for clip in clips:
        by_label[clip.label].append(clip)
    if set(by_label) == {None}:
        step = max(1, len(clips) // len(_HEAT))
        return list(itertools.islice(itertools.islice(clips, 0, None, step), len(_HEAT)))
    return [_middling(by_label[label]) for label in sorted(by_label, key=lambda label: label or "")][:MOST_ROWS]


def _middling(clips: Sequence[ClipInfo]) -> ClipInfo:
    long_enough = [clip for clip in clips if clip.seconds >= 0.9 * max(clip.seconds for clip in clips)]
    middle = statistics.median(clip.rms_db for clip in long_enough)
    return min(long_enough, key=lambda clip: (abs(clip.rms_db - middle), clip.key))


def log_mel_image(waveform: torch.Tensor, sample_rate: int, width: int, height: int) -> NDArray[np.uint8]:
    """The log-mel spectrogram of a sound [N] in colours, low tones at the bottom, 80 dB below its loudest -> uint8 [height, width, 3]."""
    hop = max(64, min(1024, len(waveform) // width))
    mel = MelConfig(sample_rate=sample_rate, n_fft=2048, hop=hop, n_mels=_NUM_MELS)
    power = log_mel(waveform[None], mel)
    image = F.interpolate(power, size=(height, width), mode="bilinear", align_corners=False)[0, 0].flip(0).numpy()
    steps = np.clip(image, 0, 1) * (len(_HEAT) - 1)
    below = np.minimum(steps.astype(int), len(_HEAT) - 2)
    share = (steps - below)[..., None]
    return np.asarray(_HEAT[below] * (1 - share) + _HEAT[below + 1] * share + 0.5).astype(np.uint8)


def _frames(data: ClipData, clip: ClipInfo) -> list[NDArray[np.uint8]]:
    """Frames in the middle of equal stretches of a clip, as tiles."""
    chosen = [int((place + 0.5) * clip.num_frames / NUM_FRAMES) for place in range(NUM_FRAMES)]
    frames = torch.cat([data.frames(clip, frame, 1) for frame in chosen])
    tiles = F.interpolate(frames, size=(_TILE, _TILE), mode="bicubic", align_corners=False, antialias=True)
    return list(to_uint8(tiles).numpy())


def _draw_loudness(sheet: Image.Image, waveform: torch.Tensor, rate: int, left: int, top: int, width: int, height: int) -> None:
    """The loudness of a sound as a line over its mel picture, loudest at the top."""
    window = max(1, rate // 20)
    num = max(2, len(waveform) // window)
    power = waveform[:num * window].reshape(num, -1).square().mean(1) if len(waveform) >= num * window else waveform.square()
    decibel = 10 * power.clamp(min=1e-12).log10()
    level = ((decibel - decibel.max()) / _CURVE_DB + 1).clamp(0, 1).tolist()
    line = [(left + (place + 0.5) / len(level) * width, top + 3 + (1 - y) * (height - 6)) for place, y in enumerate(level)]
    draw = ImageDraw.Draw(sheet)
    draw.line(line, fill=_BACKGROUND, width=3, joint="curve")
    draw.line(line, fill=(255, 255, 255), width=1)


def _draw_axis(sheet: Image.Image, seconds: float, left: int, top: int, width: int) -> None:
    """Ticks at whole seconds (or steps that leave room)."""
    draw, font = ImageDraw.Draw(sheet), _font(10)
    step = next((step for step in (0.25, 0.5, 1, 2, 5, 10, 30, 60, 120) if seconds / step <= 12), 300)
    for count in range(math.floor(seconds / step) + 1):
        x = left + round(count * step / seconds * (width - 1))
        draw.line([(x, top), (x, top + 3)], fill=_DIM)
        text = f"{count * step:g} s"
        anchor = x if count == 0 else min(x - draw.textlength(text, font) / 2, left + width - draw.textlength(text, font))
        draw.text((anchor, top + 4), text, fill=_DIM, font=font)


def _write_head(sheet: Image.Image, data: ClipData, num_rows: int) -> None:
    """What the set is, in two lines."""
    draw = ImageDraw.Draw(sheet)
    clips, about = data.clips(), data.about
    minutes = sum(clip.seconds for clip in clips) / 60
    draw.text((_MARGIN, _MARGIN - 4), data.folder.resolve().name, fill=_BRIGHT, font=_font(20))
    frames = f"{data.size} px at {about['fps']} frames a second, " if data.size is not None else "sounds alone, "
    left_out = f", {about['num_left_out']} left out" if about.get("num_left_out") else ""
    labels = f", {num_rows} of {len(data.labels)} labels shown" if num_rows < len(data.labels) else ""
    sources = len({clip.source for clip in clips})
    words = f"{len(clips)} clips of {sources} recordings, {minutes:.1f} min, {frames}sound at {data.sample_rate} Hz{left_out}{labels}"
    draw.text((_MARGIN, _MARGIN + 24), words, fill=_DIM, font=_font(12))


def _write_side(sheet: Image.Image, data: ClipData, clip: ClipInfo, top: int) -> None:
    """The label and its numbers on the left of a row."""
    draw = ImageDraw.Draw(sheet)
    same = [other for other in data.clips() if other.label == clip.label]
    sides = [sum(other.split == side for other in same) for side in ("train", "test")]
    loudness = [other.rms_db for other in same]
    words = [f"{sides[0]} train, {sides[1]} test", f"{len({other.source for other in same})} recordings",
             f"{min(loudness):.0f} to {max(loudness):.0f} dB RMS", "", f"clip {clip.key}", f"{clip.seconds:.1f} s, {clip.rms_db:.0f} dB RMS"]
    if clip.label is None:
        words = [f"{clip.split}", f"{clip.seconds:.1f} s, {clip.rms_db:.0f} dB RMS"]
    for line in _wrapped(draw, clip.label or clip.origin.rsplit("/", 1)[-1], _font(16), _SIDE - 14)[:2]:
        draw.text((_MARGIN, top - 3), line, fill=_BRIGHT, font=_font(16))
        top += 20
    for line in words:
        draw.text((_MARGIN, top + 2), line, fill=_DIM, font=_font(12))
        top += 16 if line else 8


def _wrapped(draw: ImageDraw.ImageDraw, text: str, font: "ImageFont.ImageFont | ImageFont.FreeTypeFont", width: int) -> list[str]:
    """A text in lines that fit; a word that's too long is cut."""
    lines = [""]
    for word in text.split() or [""]:
        longer = f"{lines[-1]} {word}".strip()
        if draw.textlength(longer, font) > width and lines[-1]:
            lines.append(word)
        else:
            lines[-1] = longer
    return [_fitting(draw, line, font, width) for line in lines]


def _fitting(draw: ImageDraw.ImageDraw, line: str, font: "ImageFont.ImageFont | ImageFont.FreeTypeFont", width: int) -> str:
    while draw.textlength(line, font) > width:
        line = line[:-1]
    return line


def _font(size: int) -> "ImageFont.ImageFont | ImageFont.FreeTypeFont":
    try:
        return ImageFont.load_default(size)
    except (TypeError, OSError, ImportError):  # Pillow before 10.1, or without FreeType, has one size
        return ImageFont.load_default()
