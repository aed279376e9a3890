"""A training that lasts for minutes of computing, or for steps, over all its runs: one state file, and one log next to it."""

import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import ConfigError
from ...progress import Progress, silent
from .loop import Loop, Stateful
from .state import append_log, check_same, read_state, taking_up, write_state

_NUM_LATEST = 50
"""Number of values in the mean that a bar shows."""
SAVE_SECONDS = 60.0
"""A state is written after so much computing, and at the end."""


class Run(Loop):
    """A training that resumes from the state file `path`, over `minutes` of computing or `num_steps` steps, counted over all runs (None: no
    such end).

    `parts` are saved and taken up again by their names. `config` (plain data) must be the same every time, and so must what is learned
    from, whose fingerprints `made_of` holds by name (None: nothing is compared): ConfigError otherwise. `save_seconds` of computing lie between
    two states.
    """

    def __init__(
        self,
        path: Path,
        parts: Mapping[str, Stateful],
        *,
        config: Any,
        minutes: float | None = None,
        num_steps: int | None = None,
        save_seconds: float = SAVE_SECONDS,
        made_of: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(parts)
        self.path = path
        self.minutes, self.num_steps, self.save_seconds = minutes, num_steps, save_seconds
        self._saved_at = 0.0
        self._config, self._made_of = self._in_json(config), dict(made_of or {})
        self._notes: dict[str, list[float]] = {}
        self._latest: dict[str, deque[float]] = {}
        self._progress: Progress = silent
        self._text: Callable[[], str] = str
        self.is_new = not path.exists()
        if not self.is_new:
            with taking_up(path):
                self._take_up(read_state(path))
            self._saved_at = self.seconds

    def shown_steps(self, progress: Progress, text: Callable[[], str]) -> Iterator[int]:
        """`steps`, each shown to `progress` with what `text` says then."""
        self._progress, self._text = progress, text
        return self.steps()

    @property
    def done(self) -> float:
        """How much of the run is done, 0..1."""
        share = self.seconds / (60 * self.minutes) if self.minutes else 1.0 if self.num_steps is None else self.step / max(1, self.num_steps)
        return min(1.0, share)

    @property
    def unfinished(self) -> bool:
        return self.done < 1

    def _after_step(self) -> None:
        if self.seconds - self._saved_at >= self.save_seconds or not self.unfinished:
            self.save()
        done, whole = (self.seconds, 60 * self.minutes) if self.minutes else (self.step, self.num_steps or self.step)
        self._progress(done, whole, self._text())

    def note(self, **values: float) -> None:
        """Numbers of this step; the log gets their means."""
        for name, value in values.items():
            self._notes.setdefault(name, []).append(value)
            self._latest.setdefault(name, deque(maxlen=_NUM_LATEST)).append(value)

    def last(self, name: str) -> float:
        """The latest value of a number, for the bar; 0 before there is one."""
        return self._latest.get(name, [0.0])[-1]

    def mean(self, name: str) -> float:
        """The mean of the latest values of a number, for the bar; those that the log has are among them."""
        return float(np.mean(self._latest.get(name, [0.0])))

    def save(self) -> None:
        """Write the state, and a line of the log."""
        write_state(self.path, self._state())
        append_log(self.path.with_suffix(".jsonl"), self._line({name: float(np.mean(values)) for name, values in self._notes.items()}))
        self._notes, self._saved_at = {}, self.seconds

    def _state(self) -> dict[str, Any]:
        """What the state file holds."""
        parts = {name: part.state_dict() for name, part in self.parts.items()}
        about = {"config": self._config, "made_of": self._made_of}
        return {**parts, "step": self.step, "seconds": self.seconds, "extra": self.extra, **about}

    def _take_up(self, state: dict[str, Any]) -> None:
        """Resume where a state file's content left off. Raises ConfigError where it was begun with something else."""
        check_same(self.path, str(state.get("config")), self._config)
        known = state.get("made_of", {})
        changed = sorted(name for name, made_of in self._made_of.items() if known.get(name, made_of) != made_of)
        if changed:
            raise ConfigError(f"{self.path}: was begun with other {', '.join(changed)}; resume with those, or delete the file to begin anew")
        self._take_parts(state)
        self.step, self.seconds, self.extra = int(state["step"]), float(state["seconds"]), dict(state["extra"])

    def _take_parts(self, state: dict[str, Any]) -> None:
        for name, part in self.parts.items():
            part.load_state_dict(state[name])

    def _line(self, means: Mapping[str, float]) -> dict[str, Any]:
        """A line of the log: `means` of the numbers noted since the last one."""
        return {"step": self.step, "seconds": round(self.seconds, 1), **{name: float(f"{mean:.5g}") for name, mean in means.items()}}

    @staticmethod
    def _in_json(config: Any) -> str:
        return json.dumps(config, sort_keys=True, default=str)


class FirstLayoutRun(Run):
    """A run whose state file has the layout of the first version: the parts, a count, seconds and "settings".

    The count is of steps; `counted` says its name in the file, and how many of these a step makes (such as pictures seen).
    """

    def __init__(self, path: Path, parts: Mapping[str, Stateful], *, counted: tuple[str, int] = ("step", 1), **given: Any) -> None:
        self._name, self._a_step = counted
        super().__init__(path, parts, **given)

    @property
    def count(self) -> int:
        """The steps that are done, as the state file counts them."""
        return self.step * self._a_step

    def _state(self) -> dict[str, Any]:
        parts = {name: part.state_dict() for name, part in self.parts.items()}
        return {**parts, self._name: self.count, "seconds": self.seconds, "settings": self._config}

    def _take_up(self, state: dict[str, Any]) -> None:
        check_same(self.path, state.get("settings"), self._config)
        self._take_parts(state)
        self.step, self.seconds = int(state[self._name]) // self._a_step, float(state["seconds"])

    @staticmethod
    def _in_json(config: Any) -> str:
        return json.dumps(config, default=str)
