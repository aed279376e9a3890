"""How unlike two images look: LPIPS with a user's weights, or the distance in a network of our own.

The judge's distance is for measuring only; never put it in a loss.
"""

from .distance import load_lpips

__all__ = [
    "load_lpips",
]
