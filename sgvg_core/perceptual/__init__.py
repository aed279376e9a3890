"""How unlike two images look: LPIPS with a user's weights, ST-LPIPS with an installed package's, or the distance in a network of our own.

The judge's distance is for measuring only; never put it in a loss.
"""

from .distance import PerceptualDistance, load_lpips
from .shift_tolerant import load_st_lpips

__all__ = [
    "PerceptualDistance",
    "load_lpips",
    "load_st_lpips",
]
