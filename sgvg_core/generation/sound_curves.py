"""The curves of a film's sound by their names, analysed once a source and read where the film's cut of it lies."""

from collections.abc import Mapping

from ..curves.curve import Curve
from ..errors import ConfigError
from ..progress import Progress, silent
from .driven import CurvesOfSound, Driven
from .sound import Sound


def curves_of_sound(sound: Sound, driven: Mapping[str, Driven], progress: Progress = silent) -> CurvesOfSound:
    """Gives each curve that the expressions among `driven` ask for; time 0 is where the sound's cut begins."""
    def curve(name: str) -> Curve:
        raise ConfigError(f"no curve {name}")

    return curve
