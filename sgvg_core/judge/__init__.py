"""The judge of pictures: kind and strength."""

from .network import Judge, Verdict

__all__ = [
    "Judge",
    "Verdict",
]
