"""Where labels lead in latent space, and a sound encoder taught from a handful of labelled sounds.

Used by nodes, editing and training alike; minutes on a CPU, no data set needed.
"""

from .few_shot_fit import LabelledSound, SoundFit, SoundFitSettings, fit_sounds
from .label_directions import LabelSearch

__all__ = [
    "LabelSearch",
    "LabelledSound",
    "SoundFit",
    "SoundFitSettings",
    "fit_sounds",
]
