"""``data prepare``: a folder of clips becomes shards that trainers read.

While it runs, the folder holds `.preparing`: the plan (options and files, so that nothing else is continued by mistake), a note for
each finished shard, and the lock. data.json comes last and says that the set is whole.
"""

import dataclasses
import hashlib
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..atomic_files import atomic_write
from ..errors import DataError
from ..progress import Progress, silent
from .clip_data import DATA, FORMAT, SHARDS, ClipData, read_about
from .folder_lock import locked
from .manifest import finish
from .options import Original, PrepareOptions
from .shards import ShardJob, write_shard
from .sources import Found, find_originals
from .workers import do_in_any_order

PREPARING, PLAN = ".preparing", "plan.json"
_MOST_PER_SHARD = 64
_WANTED_SHARDS = 32
_MOST_BYTES = 2**29
_FLAGS = {"labels_csv": "--labels", "num_clips": "--clips"}
"""Options whose flag isn't their name."""


def prepare(source: str | Path, folder: str | Path, options: PrepareOptions | None = None, *, workers: int = 1, progress: Progress = silent,
            said: Callable[[str], None] = lambda words: None) -> ClipData:
    """Prepare what is in `source` (a folder, or "world:") into `folder`, and open it. Without `options` the defaults hold.

    Killed at any time, it resumes where it was when it's called again, and leaves the same bytes as a run that was never stopped. A
    folder that is finished is only opened. `said` hears in one line how the source was read. Raises DataError: the source can't be read
    as asked, the folder was made with other options or of other files, or the disk is full (finished shards are kept).
    """
    options, folder = options or PrepareOptions(), Path(folder)
    progress(0, None, "looking")
    found = find_originals(str(source), options)
    said(in_words(found))
    plan = _plan(found, options)
    if (folder / DATA).exists():
        _check_same(read_about(folder), plan, folder, "made")
        shutil.rmtree(folder / PREPARING, ignore_errors=True)
        return ClipData.open(folder)
    _check_ours(folder)
    try:
        (folder / PREPARING).mkdir(parents=True, exist_ok=True)
        (folder / SHARDS).mkdir(exist_ok=True)
    except OSError as error:
        raise DataError(f"{folder}: the folder can't be made ({error.strerror or error})") from error
    with locked(folder / PREPARING / "lock", folder):
        _begin(folder, plan)
        jobs = _jobs(found, Path(source), folder, options)
        try:
            _write_shards(jobs, workers, progress)
        finally:
            _sweep(folder)
        finish(folder, [job.note for job in jobs], found, options, plan)
    shutil.rmtree(folder / PREPARING, ignore_errors=True)
    return ClipData.open(folder)


def in_words(found: Found) -> str:
    """How a source was read, in one line."""
    about = found.about
    words = [f"layout {about['layout']}: {len(found.originals)} files" if about["layout"] != "world" else f"the world: {len(found.originals)} clips"]
    labels = len({original.label for original in found.originals if original.label is not None})
    words.append(f"{labels} labels from {about['labels']}" if labels else "no labels")
    words.append("recordings by " + ", ".join(f"{rule} ({count})" for rule, count in about["recordings"].items()))
    return "; ".join(words)


def _plan(found: Found, options: PrepareOptions) -> dict[str, Any]:
    """What tells this data set from any other: options, files by name, size and meaning, and the format."""
    files = hashlib.sha256()
    for original in found.originals:
        files.update(json.dumps([original.name, original.num_bytes, original.label, original.source, original.split, original.seed]).encode())
    kept = dataclasses.asdict(options)
    kept["labels_csv"] = options.labels_csv and Path(options.labels_csv).name  # what it says is in the hash; where it lies is nobody's business
    return {"format": FORMAT, "options": kept, "files_sha256": files.hexdigest()}



def _check_same(old: dict[str, Any], new: dict[str, Any], folder: Path, how: str) -> None:
    """Raise DataError, with what differs, unless a plan is the one that the folder was begun with."""
    before, now = old.get("options") or {}, new["options"]
    flags = [f"{_FLAGS.get(name, '--' + name.replace('_', '-'))} {before.get(name)} (now {now.get(name)})"
             for name in sorted(set(before) | set(now)) if before.get(name) != now.get(name)]
    if old.get("format") != new["format"]:
        flags.append(f"version {old.get('format')} (now {new['format']})")
    if not flags and old.get("files_sha256") != new["files_sha256"]:
        flags.append("other files (some came, went, changed their size or their label)")
    if flags:
        raise DataError(f"{folder}: it was {how} with {', '.join(flags)}; use the same again, or name a new folder")


def _check_ours(folder: Path) -> None:
    """Raise DataError when the folder holds something else."""
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder}: this is a file, expected the name of a folder")
    if folder.is_dir() and not (folder / PREPARING).is_dir() and any(folder.iterdir()):
        raise DataError(f"{folder}: the folder holds other files; name a new or an empty one")


def _begin(folder: Path, plan: dict[str, Any]) -> None:
    """Keep the plan, or hold it against the one that is there."""
    path = folder / PREPARING / PLAN
    if path.exists():
        try:
            old = json.loads(path.read_bytes())
        except (ValueError, OSError) as error:
            raise DataError(f"{path}: can't be read ({error}); remove the folder {folder} and begin again") from error
        _check_same(old, plan, folder, "begun")
        _sweep(folder)
        return
    with atomic_write(path, DataError) as part:
        part.write_text(json.dumps(plan), encoding="utf-8")


def _sweep(folder: Path) -> None:
    """Remove what killed workers left half-written."""
    for path in [*(folder / SHARDS).glob(".*.part.tar"), *(folder / PREPARING).glob(".*.part.json"), *folder.glob(".*.part.json*")]:
        path.unlink(missing_ok=True)


def _jobs(found: Found, root: Path, folder: Path, options: PrepareOptions) -> list[ShardJob]:
    return [ShardJob(number, tuple(some), root, folder=folder / SHARDS, notes=folder / PREPARING, options=options)
            for number, some in enumerate(in_shards(found.originals))]


def in_shards(originals: list[Original]) -> list[list[Original]]:
    """The originals of each shard, dealt in an order that mixes labels, so that a reader who streams one shard sees many.

    The order depends on names alone, the size of a shard on the files' number and bytes, nothing on the machine or the workers.
    """
    most = min(_MOST_PER_SHARD, max(1, len(originals) // _WANTED_SHARDS))
    shards: list[list[Original]] = []
    num_bytes = 0
    for original in sorted(originals, key=lambda one: hashlib.sha256(one.name.encode()).digest()):
        if not shards or len(shards[-1]) >= most or num_bytes + original.num_bytes > _MOST_BYTES:
            shards.append([])
            num_bytes = 0
        shards[-1].append(original)
        num_bytes += original.num_bytes
    return shards


def _write_shards(jobs: list[ShardJob], workers: int, progress: Progress) -> None:
    """Write the shards that aren't there yet. Progress counts in files of average size, of what is left to do."""
    missing = [job for job in jobs if not (job.note.exists() and job.target.exists())]
    total_bytes, num_files = sum(job.num_bytes for job in missing) or 1, sum(len(job.originals) for job in missing)
    shares, num_clips, began = [0.0] * len(missing), [0] * len(missing), time.monotonic()
    kept = f", {len(jobs) - len(missing)} of {len(jobs)} shards were there" if len(missing) < len(jobs) else ""

    def told(index: int, share: float, clips: int | None) -> None:
        if index >= 0:
            shares[index], num_clips[index] = share, num_clips[index] if clips is None else clips
        done = sum(share * job.num_bytes for share, job in zip(shares, missing, strict=True)) / total_bytes * num_files
        progress(done, num_files, f"prepare files, {sum(num_clips)} clips in {time.monotonic() - began:.0f} s{kept}")

    do_in_any_order(write_shard, missing, workers, told)
