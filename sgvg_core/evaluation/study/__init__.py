"""The paper's user study (4.4, Fig. 8): one page that asks, and what its answers say.
"""

from .answers import format_study, study_means
from .kit import make_study

__all__ = [
    "format_study",
    "make_study",
    "study_means",
]
