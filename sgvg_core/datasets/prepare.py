"""``data prepare``: a folder of clips becomes shards that trainers read."""

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

from ..config import from_dict
from ..errors import DataError
from ..progress import Progress, silent
from ..whole_files import written_whole
from .clip_data import DATA, FORMAT, MANIFEST, REPORT, SHARDS, ClipData
from .clip_info import ClipInfo, to_line
from .options import Original, PrepareOptions
from .shards import write_shard
from .sources import find_originals
from .split import split_by_source

NOTES = ".preparing"
_MOST_PER_SHARD = 64
_MOST_BYTES = 2**29


def prepare(source: str, folder: str | Path, options: PrepareOptions | None = None, *, workers: int = 1, progress: Progress = silent) -> ClipData:
    """Prepare what is in `source` (a folder, or "world:") into `folder`, and open it. Raises DataError or ConfigError.

    Killed at any time, it goes on where it stood when it's called again, and leaves the same bytes as a run that was never stopped.
    """
    options, folder = options or PrepareOptions(), Path(folder)
    originals, how = find_originals(source, options)
    if not originals:
        raise DataError(f"{source}: no video or sound was found there; check the folder")
    (folder / SHARDS).mkdir(parents=True, exist_ok=True)
    (folder / NOTES).mkdir(exist_ok=True)
    plan = in_shards(originals)
    for number, some in enumerate(plan):
        progress(number, len(plan), "preparing")
        if not (folder / NOTES / f"{number:05d}.json").exists():
            write_shard(number, some, Path(source), folder / SHARDS, folder / NOTES, options, lambda seconds: None)
    finish(folder, originals, how, len(plan), options)
    return ClipData.open(folder)


def in_shards(originals: list[Original]) -> list[list[Original]]:
    """The originals of each shard: dealt in an order that mixes labels, so that a reader who streams one shard sees many.

    The order depends on the names alone, the size on their number and bytes, nothing on the machine.
    """
    most = min(_MOST_PER_SHARD, max(1, len(originals) // 32))
    shards: list[list[Original]] = []
    num_bytes = 0
    for original in sorted(originals, key=lambda one: hashlib.sha256(one.name.encode()).digest()):
        if not shards or len(shards[-1]) >= most or num_bytes + original.num_bytes > _MOST_BYTES:
            shards.append([])
            num_bytes = 0
        shards[-1].append(original)
        num_bytes += original.num_bytes
    return shards


def finish(folder: Path, originals: list[Original], how: dict[str, str], num_shards: int, options: PrepareOptions) -> None:
    """Manifest, report and data.json out of the notes of all shards; data.json comes last and says that the set is whole."""
    clips: list[ClipInfo] = []
    left_out: list[dict[str, Any]] = []
    for number in range(num_shards):
        path = folder / NOTES / f"{number:05d}.json"
        notes = json.loads(path.read_text(encoding="utf-8"))
        clips += [from_dict(ClipInfo, line, str(path)) for line in notes["clips"]]
        left_out += notes["left_out"]
    if not clips:
        raise DataError(f"{folder}: not one clip could be made; the first reason: {left_out[0]['origin']}: {left_out[0]['reason']}")
    sides = split_by_source(clips, options.test_share, options.seed)
    clips = sorted((dataclasses.replace(clip, split=sides[clip.source]) for clip in clips), key=lambda clip: clip.key)
    manifest = "".join(to_line(clip) + "\n" for clip in clips)
    labels = sorted({clip.label for clip in clips if clip.label is not None})
    video = any(clip.frames for clip in clips)
    about = {
        "format": FORMAT, "made_from": how, "options": dataclasses.asdict(options), "labels": labels,
        "counts": {split: sum(clip.split == split for clip in clips) for split in ("train", "test")},
        "size": options.size if video else None, "fps": str(options.exact_fps) if video else None, "sample_rate": options.sample_rate,
        "manifest_sha256": hashlib.sha256(manifest.encode()).hexdigest(),
    }
    report = {"left_out": sorted(left_out, key=lambda entry: (entry["origin"], entry["start_seconds"]))}
    for name, text in ((MANIFEST, manifest), (REPORT, _pretty(report)), (DATA, _pretty(about))):
        with written_whole(folder / name, DataError) as part:
            part.write_bytes(text.encode())


def _pretty(data: dict[str, Any]) -> str:
    return json.dumps(data, ensure_ascii=False, indent=1) + "\n"
