"""Measuring: how well the picture means the sound."""

from .long_walk import long_walk
from .sheets import make_sheets, unlabelled_strips
from .table import ROWS, evaluate

__all__ = ["ROWS", "evaluate", "long_walk", "make_sheets", "unlabelled_strips"]
