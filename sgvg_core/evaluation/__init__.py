"""Measuring: how well the picture means the sound, and the paper's tables and user study."""

from .i3d import load_i3d
from .long_walk import long_walk
from .markdown import format_paper_table
from .paper_run import TABLES, Instruments, paper_tables
from .perceptual import load_lpips
from .sheets import make_sheets, unlabelled_strips
from .sources import ClipSource, PreparedSource, WorldSource
from .study import make_study
from .study_answers import format_study, study_means
from .table import ROWS, evaluate

__all__ = [
    "ClipSource",
    "Instruments",
    "PreparedSource",
    "ROWS",
    "TABLES",
    "WorldSource",
    "evaluate",
    "format_paper_table",
    "format_study",
    "load_i3d",
    "load_lpips",
    "long_walk",
    "make_sheets",
    "make_study",
    "paper_tables",
    "study_means",
    "unlabelled_strips",
]
