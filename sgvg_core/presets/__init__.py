"""Named sizes: numbers with their source, nothing else.

Whoever changes one changes what a command trains by default; checkpoints bring their own sizes.
"""

from .models import LANDSCAPES, PAPER_SOUND_INVERSION, PAPER_WALKER, TINY, TINY_WORLD, ModelConfig

__all__ = [
    "LANDSCAPES",
    "ModelConfig",
    "PAPER_SOUND_INVERSION",
    "PAPER_WALKER",
    "TINY",
    "TINY_WORLD",
]
