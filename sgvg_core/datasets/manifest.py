"""The notes of all shards become one data set: sides, manifest, report, and data.json as the seal."""

import dataclasses
import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..atomic_files import atomic_write
from ..config import from_dict
from ..errors import DataError
from .clip_data import DATA, MANIFEST, REPORT
from .clip_info import SPLITS, ClipInfo, to_line
from .options import LeftOut, PrepareOptions
from .sources import Found
from .split import merged_sources, split_by_source


def finish(folder: Path, notes: Sequence[Path], found: Found, options: PrepareOptions, plan: dict[str, Any]) -> None:
    """Write manifest, report and data.json. Raises DataError when there's no clip at all.

    `notes` are the shards' notes; `plan` is what was asked for, as it is in data.json.
    """
    clips, left_out = _read_notes(notes)
    left_out += found.left_out
    given = {original.name: original.split for original in found.originals}
    clips, twins = merged_sources(clips)
    sides = split_by_source(clips, given, options.test_share, options.seed)
    kept = []
    for clip in clips:
        side = sides[clip.source]
        if given.get(clip.origin) == "train" and side == "test":
            left_out.append(LeftOut(clip.origin, clip.start_seconds, clip.seconds,
                                    f"its folder says train, but its recording {clip.source!r} is also in the test set"))
        else:
            kept.append(dataclasses.replace(clip, split=side))
    if not kept:
        first = f"; the first reason: {left_out[0].origin}: {left_out[0].reason}" if left_out else ""
        raise DataError(f"{folder}: not one clip could be made of {len(found.originals)} files{first}")
    kept.sort(key=lambda clip: clip.key)
    manifest = "".join(to_line(clip) + "\n" for clip in kept).encode()
    left_out.sort(key=lambda entry: (entry.origin, entry.start_seconds))
    report = {"made_from": found.about, "same_file_twice": twins, "split": _by_label(kept), "num_left_out": len(left_out),
              "left_out": [dataclasses.asdict(entry) for entry in left_out]}
    about = _about(kept, manifest, found, options=options, plan=plan, num_left_out=len(left_out))
    for name, data in ((MANIFEST, manifest), (REPORT, _pretty(report)), (DATA, _pretty(about))):
        with atomic_write(folder / name, DataError) as part:
            part.write_bytes(data)


def _read_notes(notes: Sequence[Path]) -> tuple[list[ClipInfo], list[LeftOut]]:
    clips: list[ClipInfo] = []
    left_out: list[LeftOut] = []
    for path in notes:
        try:
            note = json.loads(path.read_bytes())
        except (ValueError, OSError) as error:
            raise DataError(f"{path}: can't be read ({error}); remove it and run the same command again, its shard is made anew") from error
        clips += [from_dict(ClipInfo, line, str(path)) for line in note["clips"]]
        left_out += [LeftOut(**entry) for entry in note["left_out"]]
    return clips, left_out


def _about(clips: list[ClipInfo], manifest: bytes, found: Found, options: PrepareOptions, plan: dict[str, Any], num_left_out: int) -> dict[str, Any]:
    video = any(clip.num_frames for clip in clips)
    return {
        **plan,
        "made_from": found.about,
        "labels": sorted({clip.label for clip in clips if clip.label is not None}),
        "counts": {split: sum(clip.split == split for clip in clips) for split in SPLITS},
        "num_sources": len({clip.source for clip in clips}),
        "num_left_out": num_left_out,
        "seconds": round(sum(clip.seconds for clip in clips), 3),
        "size": options.size if video else None,
        "fps": str(options.exact_fps) if video else None,
        "sample_rate": options.sample_rate,
        "manifest_sha256": hashlib.sha256(manifest).hexdigest(),
    }


def _by_label(clips: list[ClipInfo]) -> dict[str, Any]:
    """Clips and recordings of each label on each side."""
    numbers: Counter[tuple[str, str]] = Counter()
    sources: dict[tuple[str, str], set[str]] = defaultdict(set)
    for clip in clips:
        place = clip.label or "", clip.split
        numbers[place] += 1
        sources[place].add(clip.source)
    labels = sorted({label for label, _ in numbers})
    return {label: {side: {"clips": numbers[label, side], "recordings": len(sources[label, side])} for side in SPLITS} for label in labels}


def _pretty(data: dict[str, Any]) -> bytes:
    return (json.dumps(data, ensure_ascii=False, indent=1) + "\n").encode()
