"""Layouts of files that others wrote: what a file's plain data is, and its tensors under our names."""

from .detect import recognise
from .recognised import Recognised

__all__ = ["Recognised", "recognise"]
