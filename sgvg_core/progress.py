"""Progress and cancel as one callable, so that no procedure knows who is watching.

Long work calls ``progress(done, total, note, preview)`` often enough (several times a second). The callable may raise to stop
the work (`Cancelled`, or the host's own interrupt): whatever it raises goes through to the caller untouched.
"""

from typing import Protocol

import torch


class Progress(Protocol):
    """Called with how much is done; may raise to cancel."""

    def __call__(self, done: float, total: float | None, note: str = "", preview: torch.Tensor | None = None) -> None:
        """`done` of `total` units (None: unknown); `note` names the step; `preview` is an image [H, W, 3], uint8, or None."""


def silent(done: float, total: float | None, note: str = "", preview: torch.Tensor | None = None) -> None:
    """Progress that nobody watches.

    `done`, `total` (None: unknown), `note` and `preview` ([H, W, 3], or None) are those of `Progress`.
    """
