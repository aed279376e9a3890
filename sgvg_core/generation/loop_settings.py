"""Which part of a sound becomes a loop."""

import dataclasses

from ..config import check_range
from ..errors import ConfigError


@dataclasses.dataclass(frozen=True)
class LoopSettings:
    """Which part of a sound becomes a loop. Its last frame leads on into the first."""

    bars: int = 0
    """Number of whole bars, from the first one on; 0: `seconds` are given instead."""
    seconds: float = 0.0
    """The first seconds of the sound."""
    crossfade: float = 0.0
    """Seconds over which the sound's end fades into what came before its beginning; 0: it's cut."""

    def __post_init__(self) -> None:
        check_range("loop bars", self.bars, 0, 1024)
        check_range("loop seconds", self.seconds, 0, 3600)
        check_range("loop crossfade", self.crossfade, 0, 60)
        if bool(self.bars) == bool(self.seconds):
            raise ConfigError(f"loop: got {self.bars} bars and {self.seconds:g} seconds, expected one of the two")
