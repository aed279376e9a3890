"""A prepared data set, opened for reading: any clip by its offsets in the shards, nothing held but the manifest."""

import dataclasses
import hashlib
import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..clock import to_fps
from ..config import check_choice, check_range
from ..errors import DataError
from ..pixels import from_uint8
from .clip_info import SPLITS, ClipInfo, Part, from_line
from .coding import flac_samples, jpeg_pixels

MANIFEST, DATA, REPORT, SHARDS = "manifest.jsonl", "data.json", "report.json", "shards"
FORMAT = "sgvg-data-1"
_LONGEST_LINE = 65_536
_LARGEST_JSON = 2**26


class ClipData:
    """A folder that ``data prepare`` made. Reading is random access and safe from several processes and threads at once.

    What it holds is the manifest, 1.6 kB a clip; frames and sounds are read when they're asked for. Nothing is ever
    unpacked to disk, and nothing in the folder is trusted: offsets, sizes and names are checked before they're used.

    `about` is what data.json says, `clips` the lines of the manifest, and `digest` the SHA-256 of that.
    """

    def __init__(self, folder: Path, about: dict[str, Any], clips: list[ClipInfo], digest: str) -> None:
        self.folder, self.about, self._clips, self.hash = folder, about, clips, digest
        """`hash`: SHA-256 of the manifest, which holds the hashes of every clip; `about`: what data.json says."""
        self.labels: tuple[str, ...] = tuple(about["labels"])
        """The labels in the order in which trainers number them."""
        self.fps: Fraction | None = None if about["fps"] is None else to_fps(about["fps"])
        """Frames a second; None for sounds alone."""
        self.size: int | None = about["size"]
        """Side of the frames in pixels; None for sounds alone."""
        self.sample_rate = int(about["sample_rate"])

    @classmethod
    def open(cls, folder: str | Path) -> "ClipData":
        """Open a prepared folder. Raises DataError when it's none, unfinished, damaged or of another version."""
        path = Path(folder)
        about = read_about(path)
        digest = hashlib.sha256()
        clips = []
        for number, line in _lines(path / MANIFEST):
            digest.update(line)
            clips.append(from_line(line.decode("utf-8", "replace"), f"{path / MANIFEST}, line {number}"))
        if digest.hexdigest() != about["manifest_sha256"]:
            raise DataError(f"{path / MANIFEST}: its hash isn't the one in {DATA}: one of them was changed or cut off; prepare the data again")
        return cls(path, about, clips, digest.hexdigest())

    def clips(self, split: str | None = None) -> list[ClipInfo]:
        """The clips of "train" or "test" (None: all), in the manifest's order. Raises ConfigError for another name."""
        if split is None:
            return list(self._clips)
        check_choice("split", split, SPLITS)
        return [clip for clip in self._clips if clip.split == split]

    def frames(self, clip: ClipInfo, first: int = 0, count: int | None = None, size: int | None = None) -> torch.Tensor:
        """Frames `first` .. `first + count - 1` of a clip (count None: to its end) -> [T, 3, H, W] float32 in -1..1.

        `size` is the shorter side of what comes back (None: as stored). Raises DataError for sounds alone, frames that the clip
        hasn't got, and damaged shards.
        """
        count = clip.num_frames - first if count is None else count
        if clip.frames is None:
            raise DataError(f"clip {clip.key}: this data set holds sounds alone; prepare videos to get frames")
        if first < 0 or count < 1 or first + count > clip.num_frames:
            raise DataError(f"clip {clip.key}: asked for frames {first} to {first + count - 1}, expected some of 0 to {clip.num_frames - 1}")
        if size is not None:
            check_range("size", size, 1, 8192)
        ends = np.cumsum([0, *self._frame_bytes(clip)])
        begin = int(ends[first])
        stored = self._read(clip, clip.frames, "frames.mjpeg", begin, int(ends[first + count]) - begin)
        images = [jpeg_pixels(stored[int(ends[k]) - begin:int(ends[k + 1]) - begin], clip.width, clip.height, size, self._where(clip))
                    for k in range(first, first + count)]
        return from_uint8(torch.from_numpy(np.stack(images))).contiguous()

    def waveform(self, clip: ClipInfo) -> tuple[torch.Tensor, int]:
        """The sound of a clip: mono samples [N] float32 in -1..1, and their rate. Raises DataError."""
        data = self._read(clip, clip.flac, "flac")
        return flac_samples(data, clip.sample_rate, clip.num_samples, self._where(clip)), clip.sample_rate

    def details(self, clip: ClipInfo) -> dict[str, Any]:
        """The clip's own JSON: its manifest line without offsets, and what else the source knew (of the procedural world: `kind`,
        `seed`, and one `envelope` and `phase` value a frame). Raises DataError."""
        try:
            found = json.loads(self._read(clip, clip.json, "json"))
        except (ValueError, RecursionError) as error:
            raise DataError(f"{self._where(clip)}: its JSON can't be read ({error}); the shard is damaged, prepare the data again") from error
        if not isinstance(found, dict):
            raise DataError(f"{self._where(clip)}: its JSON is no object; the shard is damaged, prepare the data again")
        return found

    def stored(self, clip: ClipInfo) -> tuple[bytes, ...]:
        """The clip's sound (a FLAC file) and frames (JPEGs one behind the other) as they lie in the shard. Raises DataError."""
        sound = self._read(clip, clip.flac, "flac")
        return (sound,) if clip.frames is None else (sound, self._read(clip, clip.frames, "frames.mjpeg"))

    def _frame_bytes(self, clip: ClipInfo) -> list[int]:
        """The sizes of the clip's JPEGs."""
        sizes = self.details(clip).get("frame_bytes")
        good = isinstance(sizes, list) and len(sizes) == clip.num_frames and all(type(size) is int and size > 0 for size in sizes)
        if not good or clip.frames is None or sum(sizes) != clip.frames.num_bytes:  # type: ignore[arg-type]
            raise DataError(f"{self._where(clip)}: the sizes of its frames don't add up; the shard is damaged, prepare the data again")
        return list(sizes)  # type: ignore[arg-type]

    def _where(self, clip: ClipInfo) -> str:
        return f"{self.folder / SHARDS / clip.shard}, clip {clip.key}"

    def _read(self, clip: ClipInfo, part: Part, ending: str, begin: int = 0, num_bytes: int | None = None) -> bytes:
        """Bytes of a part of a clip, once the tar header before it bears the clip's name."""
        num_bytes = part.num_bytes - begin if num_bytes is None else num_bytes
        if ending == "json" and num_bytes > _LARGEST_JSON:
            raise DataError(f"{self._where(clip)}: its JSON is said to have {num_bytes} bytes, expected up to {_LARGEST_JSON}")
        try:
            with (self.folder / SHARDS / clip.shard).open("rb") as file:
                file.seek(part.offset - 512)
                header = file.read(512)
                file.seek(begin, 1)
                data = file.read(num_bytes)
        except OSError as error:
            raise DataError(f"{self._where(clip)}: can't be read ({error.strerror or error}); bring it back, or prepare the data again") from error
        if header[:100].rstrip(b"\0") != f"{clip.key}.{ending}".encode() or len(data) != num_bytes:
            raise DataError(f"{self._where(clip)}: its {ending} isn't where the manifest says; the shard was changed or cut off, "
                            "bring it back, or prepare the data again")
        return data


def read_about(folder: Path) -> dict[str, Any]:
    """What data.json of a prepared folder says, checked. Raises DataError."""
    path = folder / DATA
    if not path.is_file():
        hint = "its preparation isn't finished: run the same `data prepare` again" if (folder / SHARDS).is_dir() else \
            "make one with: python -m sgvg_core data prepare SOURCE -o DATA"
        raise DataError(f"{folder}: this is no prepared data set ({DATA} is missing); {hint}")
    try:
        about = json.loads(path.read_bytes()[:_LARGEST_JSON])
    except (ValueError, RecursionError, OSError) as error:
        raise DataError(f"{path}: can't be read ({error}); prepare the data again") from error
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        seen = about.get("format") if isinstance(about, dict) else type(about).__name__
        raise DataError(f"{path}: got format {seen!r}, expected {FORMAT!r}; prepare the data again with this version")
    labels, wanted = about.get("labels"), {"manifest_sha256": str, "sample_rate": int, "fps": str | None, "size": int | None}
    bad = [name for name, kind in wanted.items() if not isinstance(about.get(name), kind)]
    if bad or not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise DataError(f"{path}: {', '.join(bad) or 'labels'} is missing or of the wrong type; prepare the data again")
    return about


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines of the manifest with their numbers from 1 on, each of bounded length."""
    try:
        with path.open("rb") as file:
            for number in range(1, 2**31):
                line = file.readline(_LONGEST_LINE)
                if not line:
                    return
                if not line.endswith(b"\n"):
                    raise DataError(f"{path}, line {number}: it's longer than {_LONGEST_LINE} bytes, or cut off; prepare the data again")
                yield number, line
    except OSError as error:
        raise DataError(f"{path}: can't be read ({error.strerror or error}); prepare the data again") from error


def without_offsets(clip: ClipInfo) -> dict[str, Any]:
    """The manifest's line of a clip as the clip's own JSON has it: what doesn't depend on the shard it lies in."""
    return {name: value for name, value in dataclasses.asdict(clip).items() if name not in ("json", "flac", "frames", "shard", "split")}
