"""Named sizes and settings: numbers with their source, nothing else. `models` has whole models, `own_data` the trainings on own data.

Whoever changes one changes what a command trains by default; checkpoints bring their own sizes.
"""

from .models import LANDSCAPES, PAPER_SOUND_INVERSION, PAPER_WALKER, TINY, TINY_WORLD, WORLD_MODELS, ModelConfig
from .own_data import ADVERSARIAL, CLIP_JOINT_SPACE, CLIP_SGVG, LABELLED_SOUNDS, PRESET_NAMES

__all__ = [
    "ADVERSARIAL",
    "CLIP_JOINT_SPACE",
    "CLIP_SGVG",
    "LABELLED_SOUNDS",
    "LANDSCAPES",
    "ModelConfig",
    "PAPER_SOUND_INVERSION",
    "PAPER_WALKER",
    "PRESET_NAMES",
    "TINY",
    "TINY_WORLD",
    "WORLD_MODELS",
]
