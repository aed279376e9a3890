"""Shards: tars that WebDataset reads too, with a side file of what each holds, both there whole or not at all."""

import contextlib
import dataclasses
import hashlib
import json
import os
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from ..atomic_files import temporary_path
from ..errors import DataError, MediaError
from .clip_data import without_offsets
from .clip_info import ClipInfo, Part
from .coding import flac_bytes, loudness_db
from .cutting import Cut, cuts, sha256_of
from .options import LeftOut, Original, PrepareOptions

OnProgress = Callable[[float], None]
"""Told often which share of a shard is done, 0..1; may raise to stop."""


@dataclasses.dataclass(frozen=True)
class ShardJob:
    """Which originals make a shard, and where it goes."""

    number: int
    """Its place among the shards."""
    originals: tuple[Original, ...]
    root: Path
    """The folder that is prepared."""
    folder: Path
    notes: Path
    """Folder of the notes on what is finished."""
    options: PrepareOptions

    @property
    def target(self) -> Path:
        """The tar."""
        return self.folder / f"{self.number:05d}.tar"

    @property
    def note(self) -> Path:
        """What the tar holds; there once the tar is finished."""
        return self.notes / f"{self.number:05d}.json"

    @property
    def num_bytes(self) -> int:
        """What there is to decode, to weigh the work."""
        return sum(max(1, original.num_bytes) for original in self.originals)


def write_shard(job: ShardJob, on_progress: OnProgress) -> int:
    """Write a shard and its note, and answer how many clips it holds. Raises DataError when the disk is full; nothing of it is left then."""
    part, note_part = temporary_path(job.target), temporary_path(job.note)
    clips: list[ClipInfo] = []
    left_out: list[LeftOut] = []
    try:
        with _written(job.target), part.open("wb") as file:
            done = 0
            for original in job.originals:
                share = _part_of(on_progress, done, max(1, original.num_bytes), job.num_bytes)
                _write_original(file, job, original, clips=clips, left_out=left_out, on_progress=share)
                done += max(1, original.num_bytes)
                on_progress(done / job.num_bytes)
            file.write(bytes(2 * tarfile.BLOCKSIZE))  # the end of a tar
            file.flush()
            os.fsync(file.fileno())
        found = {"clips": [dataclasses.asdict(clip) for clip in clips], "left_out": [dataclasses.asdict(entry) for entry in left_out]}
        with _written(job.note):
            note_part.write_text(json.dumps(found, ensure_ascii=False), encoding="utf-8")
            os.replace(part, job.target)
            os.replace(note_part, job.note)  # last: it says that the shard is finished
    finally:
        part.unlink(missing_ok=True)
        note_part.unlink(missing_ok=True)
    return len(clips)


def _part_of(on_progress: OnProgress, done: int, mine: int, total: int) -> OnProgress:
    return lambda share: on_progress((done + mine * share) / total)


@contextlib.contextmanager
def _written(target: Path) -> Iterator[None]:
    """System errors as a DataError that says what to do."""
    try:
        yield
    except OSError as error:
        raise DataError(f"{target}: can't be written ({error.strerror or error}); free some space or check the folder's rights, then run the "
                        "same command again: finished shards are kept") from error


def _write_original(
    file: BinaryIO, job: ShardJob, original: Original, clips: list[ClipInfo], left_out: list[LeftOut], on_progress: OnProgress
) -> None:
    """All clips of an original, or none and the reason."""
    begin, num_clips, num_left_out = file.tell(), len(clips), len(left_out)
    try:
        digest = _readable(original, job.root)
        for index, found in enumerate(cuts(original, job.root, job.options, on_progress)):
            if isinstance(found, LeftOut):
                left_out.append(found)
            else:
                clips.append(_write_clip(file, job, f"{original.index:06d}_{index:03d}", cut=found, original=original, digest=digest))
    except MediaError as error:
        file.seek(begin)
        file.truncate()
        del clips[num_clips:], left_out[num_left_out:]
        left_out.append(LeftOut(original.name, 0.0, None, str(error).removeprefix(f"{job.root / original.name}: ")))


def _readable(original: Original, root: Path) -> str:
    """The original's hash; that it can't be read is its own fault, not the shard's. Raises MediaError."""
    try:
        return sha256_of(original, root)
    except OSError as error:
        raise MediaError(f"{root / original.name}: can't be read ({error.strerror or error}); check its rights") from error


def _write_clip(file: BinaryIO, job: ShardJob, key: str, cut: Cut, original: Original, digest: str) -> ClipInfo:
    options, nowhere = job.options, Part(tarfile.BLOCKSIZE, 1)
    sound, frames = flac_bytes(cut.waveform, options.sample_rate), b"".join(cut.frames)
    rms_db, peak_db = loudness_db(cut.waveform)
    side = options.size if cut.frames else 0
    clip = ClipInfo(
        key=key, split="train", label=original.label, source=original.source, origin=original.name, start_seconds=round(cut.start_seconds, 6),
        seconds=round(cut.seconds, 6), num_frames=len(cut.frames), frame_rate=str(options.exact_fps) if cut.frames else None, width=side,
        height=side, sample_rate=options.sample_rate, num_samples=len(cut.waveform), rms_db=rms_db, peak_db=peak_db, sha256=digest,
        content=hashlib.sha256(sound + frames).hexdigest(), shard=job.target.name, json=nowhere, flac=nowhere,
        frames=nowhere if frames else None)
    details = {**without_offsets(clip), **cut.details}
    if frames:
        details["frame_bytes"] = [len(frame) for frame in cut.frames]
    told, heard = _add(file, f"{key}.json", _json_bytes(details)), _add(file, f"{key}.flac", sound)
    return dataclasses.replace(clip, json=told, flac=heard, frames=_add(file, f"{key}.frames.mjpeg", frames) if frames else None)


def _json_bytes(data: dict[str, Any]) -> bytes:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()


def _add(file: BinaryIO, name: str, data: bytes) -> Part:
    """Append a file to the tar; the header holds nothing that differs from run to run."""
    header = tarfile.TarInfo(name)
    header.size = len(data)
    file.write(header.tobuf(tarfile.USTAR_FORMAT))
    part = Part(file.tell(), len(data))
    file.write(data)
    file.write(bytes(-len(data) % tarfile.BLOCKSIZE))
    return part
