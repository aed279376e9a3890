"""What a data set is made with, and what it's made from."""

import dataclasses
import re
from fractions import Fraction

from ..clock import to_fps
from ..config import check_choice, check_range
from ..errors import ConfigError

LAYOUTS = ("classes", "sub-urmp", "flat", "sounds", "world")
FITS = ("crop", "pad")
LABELS_FROM = ("auto", "folder", "name", "none")


@dataclasses.dataclass(frozen=True)
class PrepareOptions:
    """The options of ``data prepare`` that decide what a data set holds; the same options and files give the same bytes."""

    layout: str = "auto"
    size: int = 256
    """Side of the frames in pixels."""
    fit: str = "crop"
    """"crop": the middle square of the picture. "pad": all of it, with black at its sides."""
    fps: str = "12"
    sample_rate: int = 44_100
    seconds: float = 10.0
    """Longest clip; longer recordings are cut into clips of this length, one behind the other."""
    shortest: float = 1.0
    """Clips shorter than this, in seconds, are left out."""
    quality: int = 95
    """Of the JPEGs, as Pillow counts."""
    test_share: float = 0.1
    seed: int = 0
    """Of the split, and of the procedural world."""
    source_pattern: str | None = None
    """A regular expression whose group `source` (or first group) finds the recording in a file's name without ending."""
    labels_csv: str | None = None
    """A table of files and labels; None looks for one in the folder."""
    label_from: str = "auto"
    """"folder", "name" (what comes before the number in a file's name), "none", or what fits the layout."""
    num_clips: int = 180
    """Of the procedural world."""
    track: int | None = None
    """Which of several sound tracks, from 1; None: the one that a file marks, else the first."""
    strict: bool | None = None
    """Whether files that lost some of their sound to damage are left out; None: they're taken, and what's missing is reported."""

    def __post_init__(self) -> None:
        check_choice("--layout", self.layout, ("auto", *LAYOUTS))
        check_choice("--fit", self.fit, FITS)
        check_choice("--label-from", self.label_from, LABELS_FROM)
        check_range("--size", self.size, 16, 2048)
        check_range("--sample-rate", self.sample_rate, 4_000, 192_000)
        check_range("--seconds", self.seconds, 0.2, 600)
        check_range("--shortest", self.shortest, 0.05, self.seconds)
        check_range("--quality", self.quality, 50, 100)
        check_range("--test-share", self.test_share, 0, 0.9)
        check_range("--seed", self.seed, 0, 2**63 - 1)
        check_range("--clips", self.num_clips, 1, 10_000_000)
        if self.track is not None:
            check_range("--track", self.track, 1, 64)
        if self.frames_per_clip < 1:
            raise ConfigError(f"--seconds: got {self.seconds:g}, expected at least one frame at {self.fps} a second")
        if self.source_pattern is not None:
            _check_pattern(self.source_pattern)

    @property
    def exact_fps(self) -> Fraction:
        """Frames a second as a fraction."""
        return to_fps(self.fps)

    @property
    def frames_per_clip(self) -> int:
        """Frames of a clip of full length; clips begin on this grid, so that sound and frames of each start together."""
        return int(Fraction(str(self.seconds)) * self.exact_fps)


def _check_pattern(pattern: str) -> None:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ConfigError(f"--source-pattern: got {pattern!r}, which is no regular expression ({error})") from error
    if not compiled.groups:
        raise ConfigError(f"--source-pattern: got {pattern!r}, expected one with a group, such as (?P<source>.+)_\\d+")


@dataclasses.dataclass(frozen=True)
class Original:
    """What clips are cut from: a file, a recording in chunks, or a recipe of the procedural world."""

    index: int
    """Its place among all, which begins its clips' keys."""
    kind: str
    """"video", "sound", "chunks" or "world"."""
    name: str
    """Path relative to the prepared folder, with forward slashes, or the recipe."""
    label: str | None
    """What it shows or sounds like, in words; None: unknown."""
    source: str
    """The recording it belongs to."""
    split: str | None = None
    """The side that folders or a table name, if they do."""
    num_bytes: int = 0
    """Its size, by which work is shared out; 0 for a recipe."""
    seed: int = 0
    """Of the procedural world."""
    chunks: "tuple[Chunk, ...]" = ()


@dataclasses.dataclass(frozen=True)
class Chunk:
    """A moment of a recording that comes as single pictures and short sounds."""

    milliseconds: int
    """Where in the recording it begins."""
    image: str
    """Path of its picture, relative to the prepared folder."""
    sound: str
    """Path of its sound, relative to the prepared folder."""


@dataclasses.dataclass(frozen=True)
class LeftOut:
    """A file, or a stretch of one, that became no clip, and why."""

    origin: str
    """The file, relative to the prepared folder, or the recipe."""
    start_seconds: float
    """Where the stretch begins in it."""
    seconds: float | None
    """Length of the stretch; None: the whole file."""
    reason: str
    """Why, in words."""
