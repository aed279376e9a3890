"""The walk of a sound in a model: the one place where it's decided whether the sound leads anywhere."""

from fractions import Fraction
from typing import Any

import torch

from ..assembly import SoundModel
from ..config import check_choice
from ..progress import Progress, silent
from .listening import names_a_scene
from .settings import UNSURE
from .sound import AnalysedSound
from .trajectory import Walk


def heard_walk(
    model: SoundModel, analysed: AnalysedSound, start_ws: torch.Tensor, fps: Fraction, *, unsure: str = "stay", progress: Progress = silent,
    **more: Any,
) -> Walk:
    """The walk of a sound from `start_ws` [1, L, D], lazy.

    A sound that is none of the scenes that the model knows leads nowhere (the walk hears silence), unless `unsure` is "follow"; the sound is
    listened to for that. `fps` are frames a second, `more` are further fields of `Walk`; `progress` may raise to stop. Raises ConfigError.
    """
    check_choice("unsure", unsure, UNSURE)
    stays = unsure == "stay" and not names_a_scene(model, analysed, progress)
    return Walk(analysed, model.sound_encoder, model.walker, start_ws, fps, stays=stays, **more)
