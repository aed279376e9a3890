"""The paper's user study (4.4, Fig. 8) as a kit: one page that asks, and what its files say.

Real clips come first, rated for realness and consistency from 1 to 5; then every method's, blind and shuffled; at last, for each sound, a
choice of the clip that shows it best (the paper's naturalness).
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import torch

from ...assembly import SoundModel
from ...atomic_files import atomic_write
from ...errors import ConfigError, DataError
from ...generation.render import resize, size_of_image
from ...media import VideoWriter
from ...pixels import from_uint8, to_uint8
from ...progress import Progress, silent
from ..paper.measure import Entry, film
from ..paper.methods import BASELINES, OURS, Take
from ..paper.sources import ClipSource, MeasuredClip

PAGE = Path(__file__).with_name("study_page.html")
INLINE_BYTES = 24 * 2**20
"""Bytes of clips that may lie inside the page; if there are more, all lie in a folder next to it."""
_SIDE = 256
"""Smallest side of a clip on the page: browsers blur smaller ones."""
_KEYS = tuple(method.key for method in (OURS, *BASELINES))


def choose_clips(source: ClipSource, num_sounds: int) -> list[MeasuredClip]:
    """`num_sounds` clips, labels in turn as far as they go."""
    by_label: dict[str | None, list[MeasuredClip]] = {}
    for clip in source.clips:
        by_label.setdefault(clip.label, []).append(clip)
    turns = max((len(clips) for clips in by_label.values()), default=0)
    return [clips[turn] for turn in range(turns) for clips in by_label.values() if turn < len(clips)][:num_sounds]


def make_study(
    model: SoundModel, source: ClipSource, folder: Path, *, num_sounds: int = 9, methods: Sequence[str] = _KEYS, progress: Progress = silent
) -> Path:
    """Write the page ``study.html`` (and ``clips/``, if they're too large for it) into a new or empty `folder`; the page's path.

    A clip's name on the page says nothing of its method. Raises ConfigError for a method that isn't known, or a folder with files in it.

    `methods` are keys of the baselines, or "ours".

    `num_sounds` are the clips that people see.
    """
    entries = [Entry.of(method, model) for method in (OURS, *BASELINES) if method.key in methods]
    if len(entries) < len(methods) or len(methods) < 2:
        raise ConfigError(f"study: got methods {', '.join(methods)}, expected two or more of {', '.join(_KEYS)}")
    if folder.exists() and any(folder.iterdir()):
        raise ConfigError(f"{folder}: there's something in this folder already; choose a new one for the study")
    clips = choose_clips(source, num_sounds)
    (folder / "clips").mkdir(parents=True, exist_ok=True)
    made: list[dict[str, Any]] = []
    total = len(clips) * (1 + len(entries))
    size = min(size_of_image(model.generator))
    try:
        for clip in clips:
            take = Take(model, source.sound(clip), clip.seed, source.fps)
            for entry in (None, *entries):
                key = entry.key if entry else "real"
                frames = film(take, entry.make, progress, len(made), total, note="study") if entry else source.real(clip, size)
                name = hashlib.sha256(f"{source.name}/{clip.key}/{key}".encode()).hexdigest()[:12]
                _write_clip(folder / "clips" / f"{name}.mp4", frames, take, source.fps)
                about: dict[str, Any] = {"method": key, "sound": clip.key, "label": clip.label, "real": entry is None}
                made.append({"id": name, "about": base64.b64encode(json.dumps(about).encode()).decode()})
                progress(len(made), total, "study", frames[-1])
        return _write_page(folder, made, max(clip.num_frames for clip in clips) / float(source.fps))
    except BaseException:
        _remove_clips(folder)  # a page was never written: nothing half-made is left
        raise


def _write_clip(path: Path, frames: torch.Tensor, take: Take, fps: Fraction) -> None:
    """A clip with its sound, large enough for a browser."""
    height, width = frames.shape[1:3]
    times = max(1, -(-_SIDE // min(height, width)))
    larger = to_uint8(resize(from_uint8(frames), (height * times, width * times)))
    with VideoWriter(path, fps=fps, height=height * times, width=width * times, sound=take.sound.track(), sound_codec="aac") as writer:
        writer.write(larger)


def _write_page(folder: Path, made: list[dict[str, Any]], seconds: float) -> Path:
    paths = {clip["id"]: folder / "clips" / f"{clip['id']}.mp4" for clip in made}
    inside = sum(path.stat().st_size for path in paths.values()) <= INLINE_BYTES
    for clip in made:
        path = paths[clip["id"]]
        clip["src"] = f"data:video/mp4;base64,{base64.b64encode(path.read_bytes()).decode()}" if inside else f"clips/{path.name}"
    study = {"id": hashlib.sha256("".join(sorted(paths)).encode()).hexdigest()[:10], "seconds": seconds, "clips": made}
    text = json.dumps(study).replace("<", "\\u003c")  # "</script>" in a label would end the block
    page = folder / "study.html"
    with atomic_write(page, DataError) as part:
        part.write_text(PAGE.read_text(encoding="utf-8").replace("__STUDY__", text), encoding="utf-8")
    if inside:
        _remove_clips(folder)
    return page


def _remove_clips(folder: Path) -> None:
    clips = folder / "clips"
    if clips.is_dir():
        for path in clips.glob("*.mp4"):
            path.unlink(missing_ok=True)
        clips.rmdir()
