"""How well the video means the sound, by the judge: the table, sheets to look at, a long walk minute by minute.
"""

from .editing import SPACES, editing_table, format_editing
from .editing_sheets import make_editing_sheets
from .long_walk import long_walk
from .sheets import make_sheets, unlabelled_strips
from .table import ROWS, evaluate

__all__ = [
    "ROWS",
    "SPACES",
    "editing_table",
    "evaluate",
    "format_editing",
    "long_walk",
    "make_editing_sheets",
    "make_sheets",
    "unlabelled_strips",
]
