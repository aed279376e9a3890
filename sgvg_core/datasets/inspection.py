"""``data inspect``: what is in a prepared data set, in numbers."""

import hashlib
import json
import statistics
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from ..errors import DataError
from ..progress import Progress, silent
from .clip_data import REPORT, ClipData
from .clip_info import SPLITS, ClipInfo

_LARGEST_REPORT = 2**30


def inspect_data(data: ClipData) -> dict[str, Any]:
    """Counts by label and side, recordings, lengths in seconds, loudness (root mean square in dB below full scale), and what was left out.

    Plain numbers and strings, ready for JSON. Raises DataError when the report can't be read.
    """
    clips = data.clips()
    by_label: dict[str, list[ClipInfo]] = defaultdict(list)
    for clip in clips:
        by_label[clip.label or ""].append(clip)
    report = _report(data)
    return {
        "folder": str(data.folder),
        "hash": data.hash,
        "made_from": data.about.get("made_from", {}),
        "clips": len(clips),
        "size": data.size,
        "fps": data.about["fps"],
        "sample_rate": data.sample_rate,
        "all": _summary(clips),
        "labels": {label: _summary(some) for label, some in sorted(by_label.items())},
        "left_out": {"number": len(report["left_out"]), "reasons": _reasons(report["left_out"])},
        "same_file_twice": report["same_file_twice"],
    }


def _summary(clips: Sequence[ClipInfo]) -> dict[str, Any]:
    sides = {side: [clip for clip in clips if clip.split == side] for side in SPLITS}
    return {
        **{side: {"clips": len(some), "recordings": len({clip.source for clip in some}), "seconds": round(sum(clip.seconds for clip in some), 2)}
           for side, some in sides.items()},
        "seconds": _spread([clip.seconds for clip in clips]),
        "rms_db": _spread([clip.rms_db for clip in clips]),
        "peak_db": max((clip.peak_db for clip in clips), default=None),
    }


def _spread(values: Sequence[float]) -> dict[str, float] | None:
    """Least, median and most."""
    return {"least": min(values), "median": round(statistics.median(values), 3), "most": max(values)} if values else None


def _report(data: ClipData) -> dict[str, Any]:
    path = data.folder / REPORT
    try:
        found = json.loads(path.read_bytes()[:_LARGEST_REPORT])
        entries = [{"origin": str(entry["origin"]), "reason": str(entry["reason"])} for entry in found["left_out"]]
        return {"left_out": entries, "same_file_twice": found["same_file_twice"]}
    except (OSError, ValueError, RecursionError, KeyError, TypeError) as error:
        raise DataError(f"{path}: can't be read ({error}); prepare the data again") from error


def _reasons(left_out: Sequence[dict[str, str]]) -> dict[str, int]:
    """How often each kind of reason is given: its words up to the first figure or mark."""
    return dict(Counter(entry["reason"].split(":")[0].split(";")[0].split("(")[0].strip() for entry in left_out).most_common())


def verify_data(data: ClipData, progress: Progress = silent) -> int:
    """Read every clip, hold it against its hash, and answer how many there are. Raises DataError for the first that isn't what it was."""
    clips = data.clips()
    for number, clip in enumerate(clips):
        progress(number, len(clips), "verify clips")
        digest = hashlib.sha256()
        for stored in data.stored(clip):
            digest.update(stored)
        if digest.hexdigest() != clip.content:
            raise DataError(f"{data.folder}: clip {clip.key} in {clip.shard} isn't what was prepared: its hash differs; bring the shard back, or "
                            "prepare the data again")
    return len(clips)
