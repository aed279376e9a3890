"""Progress on the terminal: a bar with the time left for anything that takes a while."""

from typing import Any

import torch

try:
    from tqdm import tqdm
except ImportError:  # a bare machine: it trains without a bar
    tqdm = None


DELAY = 0.3
"""Seconds that a step may take without a bar."""


class ProgressBar:
    """A `Progress` that draws one tqdm bar a step; use it as a context manager."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._note = ""

    def __enter__(self) -> "ProgressBar":
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def __call__(self, done: float, total: float | None, note: str = "", preview: torch.Tensor | None = None) -> None:
        if tqdm is None:
            return
        step = note.split(",")[0]
        done = min(done, total) if total else done  # a last step may take longer than the minutes that were asked for; tqdm fails beyond the end
        if step != self._note or self._bar is None:
            self._close()
            self._note = step
            form = _FORMAT if total else None
            # What was done before this call, by a run that was resumed, says nothing of the pace.
            self._bar = tqdm(total=total, initial=done, desc=note, unit="", dynamic_ncols=True, leave=False, delay=DELAY, bar_format=form)
        self._bar.total = total
        self._bar.set_description(note, refresh=False)
        self._bar.update(done - self._bar.n)


_FORMAT = "{desc}{percentage:3.0f}%|{bar}| {n:.0f}/{total:.0f} [{elapsed}, {remaining} left]"
