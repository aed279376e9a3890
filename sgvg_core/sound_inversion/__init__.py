"""The sound inversion encoder: sound to offsets in W+."""

from .encoder import SoundInversionEncoder

__all__ = ["SoundInversionEncoder"]
