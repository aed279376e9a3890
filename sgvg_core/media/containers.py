"""The kinds of video file that can be written: what a name's ending stands for, and which sounds each holds."""

import dataclasses
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from ..errors import MediaError

_X264 = {"preset": "medium", "x264-params": "cpu-independent=1"}
# Without this x264's fastest ways gave one of two streams for the same frames, by chance (seen with AVX-512).
_VP9 = {"deadline": "good", "cpu-used": "4", "row-mt": "0", "b": "0"}
_INDEX_IN_FRONT = {"movflags": "+faststart+use_metadata_tags"}


@dataclasses.dataclass(frozen=True)
class Container:
    """A kind of video file."""

    format: str
    """FFmpeg's name of the file's format."""
    image: str
    """FFmpeg's name of the encoder of its pictures."""
    encoded: str
    """What sounds are encoded as, by FFmpeg's name of the encoder; "" if it holds no sound."""
    copied: tuple[str, ...]
    """Codecs whose packets it takes as they are, and to the sample."""
    chosen: tuple[str, ...]
    """Encoders that may be asked for by name."""
    image_options: Mapping[str, str] = dataclasses.field(default_factory=dict)
    options: Mapping[str, str] = dataclasses.field(default_factory=dict)
    max_fps: Fraction = Fraction(1000)
    """The highest frame rate that it can hold."""
    exact_edits: bool = False
    """Whether the ends of a sound are written in a time scale that can be chosen."""

    @property
    def has_palette(self) -> bool:
        """Whether its pictures have 256 colours each, of their own."""
        return self.image == "gif"

    def quality(self, crf: float) -> dict[str, Any]:
        """The options of the encoder for x264's measure of quality, 0 (lossless) to 51."""
        if self.has_palette:
            return {}
        value = f"{crf:g}" if self.image == "libx264" else f"{round(crf * 63 / 51)}"
        return {"crf": value, **self.image_options}


_AAC_OR_MP3, _OPUS = ("aac", "mp3", "mp3float"), ("opus", "libopus")
# Matroska says nowhere that a sound's first packets are an encoder's delay, unless it's Opus: others would put the picture off by it.
CONTAINERS = {
    ".mp4": Container(
        "mp4", "libx264", "aac", copied=_AAC_OR_MP3, chosen=("aac", "flac"), image_options=_X264, options=_INDEX_IN_FRONT, exact_edits=True
    ),
    ".mov": Container(
        "mov", "libx264", "aac", copied=_AAC_OR_MP3, chosen=("aac",), image_options=_X264, options=_INDEX_IN_FRONT, exact_edits=True
    ),
    ".mkv": Container("matroska", "libx264", "libopus", copied=(*_OPUS, "flac"), chosen=("aac", "flac"), image_options=_X264),
    ".webm": Container("webm", "libvpx-vp9", "libopus", copied=_OPUS, chosen=(), image_options=_VP9),
    ".gif": Container("gif", "gif", "", (), (), max_fps=Fraction(50)),
}
"""By the ending of a name."""


def container_of(path: str | Path) -> Container:
    """The kind of video file that a name's ending stands for. Raises MediaError for every other one."""
    name = Path(path).name
    found = CONTAINERS.get(Path(path).suffix.lower())
    if found is None:
        what = f"the ending {Path(path).suffix}" if Path(path).suffix else f"the name {name!r}"
        raise MediaError(f"{path}: got {what}, expected a video's name in {', '.join(CONTAINERS)} (.gif: without sound)")
    return found
