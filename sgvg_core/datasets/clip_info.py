"""One line of the manifest: what is known of a clip without opening its shard, and where in the shard its parts lie."""

import dataclasses
import json
import re
from fractions import Fraction
from typing import Any

from ..clock import to_fps
from ..config import from_dict
from ..errors import DataError

SPLITS = ("train", "test")
SHARD_NAME = re.compile(r"\d{5}\.tar")
KEY = re.compile(r"[0-9A-Za-z_-]{1,80}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_LONGEST_SECONDS = 3600.0
_LARGEST_PART = 2**33


@dataclasses.dataclass(frozen=True)
class Part:
    """A file inside a shard: its bytes are [offset, offset + num_bytes) of the tar."""

    offset: int
    num_bytes: int

    def __post_init__(self) -> None:
        if not 512 <= self.offset < 2**50 or not 0 < self.num_bytes < _LARGEST_PART:
            raise DataError(f"manifest: got a part at byte {self.offset} of {self.num_bytes} bytes, expected one behind its tar header; "
                            "the manifest is damaged, prepare the data again")


@dataclasses.dataclass(frozen=True)
class ClipInfo:
    """A clip of a prepared data set."""

    key: str
    """Its name in the shard: the number of its original and of its cut."""
    split: str
    """"train" or "test"; all clips of one source are on the same side."""
    label: str | None
    """What it shows or sounds like, in words; None: unknown."""
    source: str
    """The recording that it was cut from; clips of one recording share it."""
    origin: str
    """Its file, relative to the folder that was prepared, or its recipe in the procedural world."""
    start_seconds: float
    """Where in that file it begins."""
    seconds: float
    """Its length."""
    num_frames: int
    """0 where there are sounds alone."""
    frame_rate: str | None
    """Frames a second, exact ("12", "30000/1001"); None for sounds alone."""
    width: int
    """Of the stored frames, in pixels; 0 for sounds alone."""
    height: int
    """Of the stored frames, in pixels; 0 for sounds alone."""
    sample_rate: int
    num_samples: int
    """Samples of its sound, one channel."""
    rms_db: float
    """Loudness: root mean square of the samples, in dB below full scale."""
    peak_db: float
    """The largest sample, in dB below full scale."""
    sha256: str
    """Of the original file (of the recipe, in the procedural world)."""
    content: str
    """SHA-256 over the clip's sound and frames as they lie in the shard."""
    shard: str
    """Name of the tar that holds it."""
    json: Part
    """Where its description lies in the shard."""
    flac: Part
    """Where its sound lies in the shard."""
    frames: Part | None = None
    """Where its frames lie in the shard; None for sounds alone."""

    def __post_init__(self) -> None:
        good = (KEY.fullmatch(self.key) and SHARD_NAME.fullmatch(self.shard) and self.split in SPLITS
                and _SHA256.fullmatch(self.sha256) and _SHA256.fullmatch(self.content)
                and 0 < self.seconds <= _LONGEST_SECONDS and 0 < self.sample_rate <= 768_000 and 0 < self.num_samples < 2**31
                and (0 < self.num_frames < 2**20) == (self.frames is not None) == (self.frame_rate is not None)
                and (self.frames is None or (0 < self.width <= 8192 and 0 < self.height <= 8192)))
        if not good:
            raise DataError(f"manifest: the line of clip {self.key[:80]!r} holds values that can't be true; the manifest is damaged, "
                            "prepare the data again")
        if self.frame_rate is not None:
            to_fps(self.frame_rate)

    @property
    def fps(self) -> Fraction | None:
        """Frames a second; None for sounds alone."""
        return None if self.frame_rate is None else to_fps(self.frame_rate)


def to_line(clip: ClipInfo) -> str:
    """A clip as its line in the manifest, without the line's end."""
    return json.dumps(dataclasses.asdict(clip), ensure_ascii=False, separators=(",", ":"))


def from_line(line: str, where: str) -> ClipInfo:
    """The clip of a manifest's line; `where` names file and line in errors. Raises DataError or ConfigError."""
    try:
        data: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: this is no JSON ({error}); the manifest is damaged, prepare the data again") from error
    return from_dict(ClipInfo, data, where)
