"""Rows that come in pieces, kept in one array."""

import numpy as np
import torch

_FIRST_ROWS = 4096


class Gathered:
    """Rows [n, ...] in one array that doubles when it's full.

    A list of the pieces would hold far more memory than they have: each lies between larger arrays that were freed, and keeps their places
    from being given back.
    """

    def __init__(self, *row: int, dtype: type[np.floating] = np.float32) -> None:
        """`row` is the shape of one row; nothing for a number."""
        self._held = np.empty((_FIRST_ROWS, *row), dtype)
        self._count = 0

    def add(self, rows: np.ndarray | torch.Tensor) -> None:
        """Copy rows [n, ...] in."""
        end = self._count + len(rows)
        if end > len(self._held):
            longer = np.empty((max(end, 2 * len(self._held)), *self._held.shape[1:]), self._held.dtype)
            longer[:self._count] = self._held[:self._count]
            self._held = longer
        self._held[self._count:end] = rows
        self._count = end

    @property
    def rows(self) -> np.ndarray:
        """All rows [N, ...] so far: a view, so nothing is to be added while it's in use."""
        return self._held[:self._count]
