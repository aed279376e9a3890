"""The paper's tables: methods and baselines on the same clips, what is kept of each film, and the figures from it.
"""

from .markdown import format_paper_table
from .run import TABLES, Instruments, paper_tables
from .sources import ClipSource, PreparedSource, WorldSource

__all__ = [
    "ClipSource",
    "Instruments",
    "PreparedSource",
    "TABLES",
    "WorldSource",
    "format_paper_table",
    "paper_tables",
]
