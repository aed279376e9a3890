"""Networks that see 16 frames at once, for FVD and IS.
"""

from .i3d import load_i3d

__all__ = [
    "load_i3d",
]
