"""A pose that changes over a film, as people write it down: keyframes, with straight ways between them.

In one line, "zoom=1:1.2,rotate=0:30", or as a table with times.
"""

import csv
import dataclasses
import math
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import torch

from ..errors import ConfigError, shown
from .pose import pose_transforms

_TRACKS = {"x": 0.0, "y": 0.0, "rotate": 0.0, "zoom": 1.0}
"""What can be moved, and its value at rest."""
_TIME = "seconds"
_MAX_KEYS = 100_000
_MAX_BYTES = 8 * 2**20
_AN_EXAMPLE = "such as zoom=1:1.2,rotate=0:30"


@dataclasses.dataclass(frozen=True)
class PoseKeys:
    """Keyframes of a pose. Units are those of `pose_transforms`: x and y in picture widths, rotate in degrees, zoom a factor."""

    x: tuple[float, ...] = (0.0,)
    y: tuple[float, ...] = (0.0,)
    rotate: tuple[float, ...] = (0.0,)
    zoom: tuple[float, ...] = (1.0,)
    seconds: tuple[float, ...] | None = None
    """When the keyframes are, rising; outside them the first and the last hold. None: each track is spread evenly over the whole film."""

    def __post_init__(self) -> None:
        for name in _TRACKS:
            keys = getattr(self, name)
            if not 1 <= len(keys) <= _MAX_KEYS:
                raise ConfigError(f"pose: {name}: got {len(keys)} keyframes, expected 1 to {_MAX_KEYS:,}")
            if not all(map(math.isfinite, keys)):
                raise ConfigError(f"pose: {name}: got a number that isn't finite, expected plain numbers")
            if self.seconds is not None and len(keys) not in (1, len(self.seconds)):
                raise ConfigError(f"pose: {name}: got {len(keys)} keyframes for {len(self.seconds)} times, expected one for each")
        if min(self.zoom) <= 0:
            raise ConfigError(f"pose: zoom: got {min(self.zoom):g}, expected factors above 0; 1 leaves the size as it is")
        if self.seconds is not None and not all(before < after for before, after in zip(self.seconds, self.seconds[1:], strict=False)):
            raise ConfigError("pose: seconds: got times that don't rise from line to line; sort them, and give each once")

    def transforms(self, num_frames: int, fps: Fraction) -> torch.Tensor:
        """The transforms [T, 3, 3] of a film of `num_frames` at `fps`. The zoom goes by equal factors, which looks even."""
        return pose_transforms(**self.tracks(num_frames, fps), num_frames=num_frames)

    def tracks(self, num_frames: int, fps: Fraction) -> dict[str, torch.Tensor]:
        """x, y, rotate and zoom by these names, a value a frame [T] each."""
        found = {name: self._track(getattr(self, name), num_frames, fps) for name in ("x", "y", "rotate")}
        return {**found, "zoom": self._track([math.log(factor) for factor in self.zoom], num_frames, fps).exp()}

    def _track(self, keys: Sequence[float], num_frames: int, fps: Fraction) -> torch.Tensor:
        """A value a frame [T], float64."""
        values = torch.tensor([*keys, keys[-1]], dtype=torch.float64)  # the last twice: where the way ends, it holds
        frames = torch.arange(num_frames, dtype=torch.float64)
        if len(keys) == 1:
            return values[:1].expand(num_frames)
        if self.seconds is None:
            places = frames * ((len(keys) - 1) / max(num_frames - 1, 1))
            below = places.floor().long()
            share = places - below
        else:
            times = torch.tensor(self.seconds, dtype=torch.float64)
            at = (frames / float(fps)).clamp(times[0], times[-1])
            below = torch.searchsorted(times, at, right=True) - 1
            following = times[(below + 1).clamp(max=len(times) - 1)]
            share = (at - times[below]) / (following - times[below]).clamp(min=1e-12)
        return torch.lerp(values[below], values[below + 1], share)


def read_pose(text: str) -> PoseKeys:
    """Keyframes from one line: "zoom=1:1.2,rotate=0:30,x=0:0.3:0". Raises ConfigError.

    Each track has one number for the whole film, or several that are spread evenly over it; tracks that aren't named rest.
    """
    tracks: dict[str, tuple[float, ...]] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, numbers = (word.strip() for word in part.partition("="))
        if name not in _TRACKS:
            raise ConfigError(f"pose: got {part!r}, expected {', '.join(_TRACKS)} with their numbers, {_AN_EXAMPLE}")
        if name in tracks:
            raise ConfigError(f"pose: got {name} twice, expected it once; several keyframes are parted by colons, {_AN_EXAMPLE}")
        tracks[name] = tuple(_number(number, f"pose: {name}") for number in numbers.split(":"))
    if not tracks:
        raise ConfigError(f"pose: got no words, expected {', '.join(_TRACKS)} with their numbers, {_AN_EXAMPLE}")
    return PoseKeys(**tracks)


def read_pose_table(path: str | Path) -> PoseKeys:
    """Keyframes from a table (.csv) whose first line names its columns: seconds, and any of x, y, rotate, zoom. Raises ConfigError."""
    path = Path(path)
    if path.stat().st_size > _MAX_BYTES:
        raise ConfigError(f"{path}: {path.stat().st_size / 2**20:.0f} MiB, expected a table of keyframes of at most {_MAX_BYTES >> 20} MiB")
    try:
        lines = [[cell.strip() for cell in line] for line in csv.reader(path.read_text(encoding="utf-8-sig").splitlines()) if any(line)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path}: isn't a table of text; expected lines such as 0,1,0 below seconds,zoom,rotate") from error
    names = [name.lower() for name in lines[0]] if lines else []
    unknown = [name for name in names if name not in (*_TRACKS, _TIME)]
    if _TIME not in names or unknown or len(set(names)) < len(names) or len(lines) < 2:
        raise ConfigError(f"{path}: got the columns {', '.join(names) or '(none)'} and {max(len(lines) - 1, 0)} lines of numbers, expected "
                          f"{_TIME} and some of {', '.join(_TRACKS)}, each once, and a line for each keyframe")
    for number, line in enumerate(lines[1:], start=2):
        if len(line) != len(names):
            raise ConfigError(f"{path}: line {number} has {len(line)} numbers, expected {len(names)}: {', '.join(names)}")
    columns = {name: tuple(_number(line[place], f"{path}: {name}") for line in lines[1:]) for place, name in enumerate(names)}
    return PoseKeys(**columns)


def _number(text: str, where: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ConfigError(f"{where}: got '{shown(text, 40)}', expected a number") from None
