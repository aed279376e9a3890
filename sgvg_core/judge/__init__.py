"""The judge of images: class and strength.

It's trained on rendered images only and is for measuring: it must never be part of a loss.
"""

from .network import Judge, Verdict

__all__ = [
    "Judge",
    "Verdict",
]
