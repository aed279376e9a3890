"""The loop of every training: a step is counted and timed, then what is due is saved and shown.

    for step in run.steps():
        ...                     # the step; a kill at any moment costs the steps since the last state
        run.note(loss=...)

`timed.Run` lasts for minutes of computing, or steps, with one state file; `steps.SteppedRun` for steps, exact to the bit, with checkpoints.
"""

import contextlib
import time
from collections.abc import Iterator, Mapping
from typing import Any, Protocol


class Stateful(Protocol):
    """A part of a run: a module, an optimiser, a stream of random numbers."""

    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state: Any, /) -> Any: ...


class Loop:
    """Steps over `parts`, which a state holds by their names; `extra` holds whatever else the trainer puts there (tensors, numbers)."""

    def __init__(self, parts: Mapping[str, Stateful]) -> None:
        self.parts = parts
        self.step, self.seconds = 0, 0.0
        self.extra: dict[str, Any] = {}

    def steps(self) -> Iterator[int]:
        """The numbers of the steps that are left, 0 for the first of all; `seconds` is the time that all of them took."""
        while self.unfinished and not self._stops_early():
            self._before_step()
            with self.one_step():
                yield self.step
        self._finish()

    @contextlib.contextmanager
    def one_step(self) -> Iterator[None]:
        """A step, counted and timed once it's through; then what is due is written and shown."""
        began = time.monotonic()
        yield
        self.step += 1
        self.seconds += time.monotonic() - began
        self._after_step()

    @property
    def unfinished(self) -> bool:
        """Whether steps are left."""
        raise NotImplementedError

    def _stops_early(self) -> bool:
        """Whether this call ends although steps are left."""
        return False

    def _before_step(self) -> None:
        """What comes before each step."""

    def _after_step(self) -> None:
        """What is due after a step: states, lines of the log, the bar."""

    def _finish(self) -> None:
        """What comes after the last step of this call."""
