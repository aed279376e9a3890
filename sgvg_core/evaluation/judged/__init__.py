"""How well the video means the sound, by the judge: the table, sheets to look at, a long walk minute by minute.
"""

from .long_walk import long_walk
from .sheets import make_sheets, unlabelled_strips
from .table import ROWS, evaluate

__all__ = [
    "ROWS",
    "evaluate",
    "long_walk",
    "make_sheets",
    "unlabelled_strips",
]
