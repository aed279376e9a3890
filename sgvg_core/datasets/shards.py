"""Shards: tars that WebDataset reads too, with a side file of what each holds, both there whole or not at all."""

import dataclasses
import hashlib
import json
import os
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import DataError, MediaError
from ..whole_files import temporary_path
from .clip_data import without_offsets
from .clip_info import ClipInfo, Part
from .coding import flac_bytes, loudness_db
from .cutting import Cut, LeftOut, cuts, sha256_of
from .options import Original, PrepareOptions

Tick = Callable[[float], None]


def write_shard(number: int, originals: Iterable[Original], root: Path, folder: Path, notes: Path, options: PrepareOptions, tick: Tick) -> None:
    """Write shard `number` into `folder` and what it holds into `notes` / NNNNN.json. Raises DataError when the disk is full."""
    target = folder / f"{number:05d}.tar"
    part, note_part = temporary_path(target), temporary_path(notes / f"{number:05d}.json")
    clips: list[ClipInfo] = []
    left_out: list[LeftOut] = []
    try:
        with part.open("wb") as file:
            for original in originals:
                _write_original(file, target.name, original, root, options, clips, left_out, tick)
            file.write(bytes(1024))  # the end of a tar
            file.flush()
            os.fsync(file.fileno())
        found = {"clips": [dataclasses.asdict(clip) for clip in clips], "left_out": [dataclasses.asdict(entry) for entry in left_out]}
        note_part.write_text(json.dumps(found, ensure_ascii=False), encoding="utf-8")
        os.replace(part, target)
        os.replace(note_part, notes / f"{number:05d}.json")  # last: it says that the shard is finished
    except OSError as error:
        raise DataError(f"{target}: can't be written ({error.strerror or error}); free some space or choose another folder, then run the same "
                        "command again: finished shards are kept") from error
    finally:
        part.unlink(missing_ok=True)
        note_part.unlink(missing_ok=True)


def _write_original(file: BinaryIO, shard: str, original: Original, root: Path, options: PrepareOptions, clips: list[ClipInfo],
                    left_out: list[LeftOut], tick: Tick) -> None:
    """All clips of an original, or none and the reason."""
    begin, num_clips, num_left_out = file.tell(), len(clips), len(left_out)
    try:
        digest = sha256_of(original, root)
        for index, found in enumerate(cuts(original, root, options, tick)):
            if isinstance(found, LeftOut):
                left_out.append(found)
            else:
                clips.append(_write_clip(file, shard, f"{original.index:06d}_{index:03d}", found, original, digest, options))
    except MediaError as error:
        file.seek(begin)
        file.truncate()
        del clips[num_clips:], left_out[num_left_out:]
        reason = str(error).removeprefix(f"{root / original.name}: ")
        left_out.append(LeftOut(original.name, 0.0, None, reason))


def _write_clip(file: BinaryIO, shard: str, key: str, cut: Cut, original: Original, digest: str, options: PrepareOptions) -> ClipInfo:
    sound, frames = flac_bytes(cut.waveform, options.sample_rate), b"".join(cut.frames)
    rms_db, peak_db = loudness_db(cut.waveform)
    nowhere = Part(512, 1)
    clip = ClipInfo(
        key=key, split="train", label=original.label, source=original.source, origin=original.name, start_seconds=round(cut.start_seconds, 6),
        seconds=round(cut.seconds, 6), num_frames=len(cut.frames), frame_rate=str(options.exact_fps) if cut.frames else None,
        width=options.size if cut.frames else 0, height=options.size if cut.frames else 0, sample_rate=options.sample_rate,
        num_samples=len(cut.waveform), rms_db=rms_db, peak_db=peak_db, sha256=digest,
        content=hashlib.sha256(sound + frames).hexdigest(), shard=shard, json=nowhere, flac=nowhere, frames=nowhere if frames else None)
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
