"""What lets a training be killed at any time and go on: a state file, a log, and the computing time over all runs.

A state file is written under a temporary name and renamed, so the one that is there is always whole.
"""

import contextlib
import json
import os
import time
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from ...config.aliases import same_settings
from ...errors import (
    CheckpointError,
    ConfigError,
    SGVGError,
    TrainingError,
    shown,
)

_NUM_LATEST = 50
"""Number of values in the mean that a bar shows."""
SAVE_SECONDS = 60.0
"""A state is written after so much computing, and at the end."""


class Stateful(Protocol):
    """A part of a run: a module, an optimiser, a stream of random numbers."""

    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state: Any, /) -> Any: ...


def write_state(path: Path, state: Mapping[str, Any]) -> None:
    """Write a state file in one go: a kill leaves the earlier one. Raises TrainingError where it can't be written; the earlier one stays."""
    temporary = path.with_suffix(".tmp")  # always the same name, so that what a kill leaves is written over
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            torch.save(dict(state), file)
            file.flush()
            os.fsync(file.fileno())  # a name must never point to bytes that a power cut loses
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:  # torch.save turns a full disk into a RuntimeError
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise TrainingError(f"{path}: can't be written ({error}); make room and start again, the run goes on from its last state") from error


def read_state(path: Path) -> dict[str, Any]:
    """The content of a state file. Raises CheckpointError when it isn't one."""
    with taking_up(path):
        return dict(torch.load(path, weights_only=True))


@contextlib.contextmanager
def taking_up(path: Path) -> Iterator[None]:
    """Inside, what is read of a state file is taken over; whatever doesn't fit there is a CheckpointError that names the file.

    A damaged file fails in as many ways as there are places in it; memory that runs out, and a system's error, are no faults of the file.
    """
    try:
        yield
    except (SGVGError, OSError, MemoryError):
        raise
    except Exception as error:
        why = f"{type(error).__name__}: {shown(error, 200)}"
        raise CheckpointError(f"{path}: isn't the state of a training, or of another, or damaged; delete it to go on without it ({why})") from error


def check_same(path: Path, was: str | None, now: str, what: str = "settings") -> None:
    """Raise ConfigError where a state was begun with other `what` (None: it doesn't say, as those of earlier versions).

    `was` is what the state says, `now` what this run is called with.
    """
    if was is not None and not same_settings(was, now):
        raise ConfigError(f"{path}: was begun with other {what} ({was}, now {now}); go on with those, or delete the file")


def append_log(path: Path, entry: Mapping[str, Any]) -> None:
    """One more line of a log (JSON lines). `entry` holds numbers and texts by name."""
    with path.open("a") as lines:
        lines.write(json.dumps(dict(entry)) + "\n")


class NumpyRandom:
    """A numpy generator as a part of a run."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def state_dict(self) -> dict[str, Any]:
        return {"json": json.dumps(self.rng.bit_generator.state)}

    def load_state_dict(self, state: Any, /) -> None:
        self.rng.bit_generator.state = json.loads(state["json"])


class TorchRandom:
    """A torch generator as a part of a run."""

    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator

    def state_dict(self) -> dict[str, Any]:
        return {"state": self.generator.get_state()}

    def load_state_dict(self, state: Any, /) -> None:
        self.generator.set_state(state["state"])


class Run:
    """A training that goes on from `path`, over `minutes` of computing or `num_steps` steps, counted over all runs.

    `parts` are saved and taken up again by their names; `extra` holds whatever else the trainer puts there (tensors, numbers).
    `config` (plain data) must be the same every time, and so must what is learned from, whose fingerprints `made_of` holds by name:
    ConfigError otherwise.
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
        self.path, self.parts = path, parts
        self.minutes, self.num_steps, self.save_seconds = minutes, num_steps, save_seconds
        self.step, self.seconds, self._saved_at = 0, 0.0, 0.0
        self.extra: dict[str, Any] = {}
        self._config = json.dumps(config, sort_keys=True, default=str)
        self._made_of = dict(made_of or {})
        self._notes: dict[str, list[float]] = {}
        self._latest: dict[str, deque[float]] = {}
        self.is_new = not path.exists()
        if not self.is_new:
            with taking_up(path):
                self._take_up(read_state(path))

    def _take_up(self, state: dict[str, Any]) -> None:
        check_same(self.path, str(state.get("config")), self._config)
        known = state.get("made_of", {})
        changed = sorted(name for name, made_of in self._made_of.items() if known.get(name, made_of) != made_of)
        if changed:
            raise ConfigError(f"{self.path}: was begun with other {', '.join(changed)}; go on with those, or delete the file to begin anew")
        for name, part in self.parts.items():
            part.load_state_dict(state[name])
        self.step, self.seconds, self.extra = int(state["step"]), float(state["seconds"]), dict(state["extra"])
        self._saved_at = self.seconds

    @property
    def done(self) -> float:
        """How much of the run is done, 0..1."""
        share = self.seconds / (60 * self.minutes) if self.minutes else 1.0 if self.num_steps is None else self.step / max(1, self.num_steps)
        return min(1.0, share)

    @property
    def unfinished(self) -> bool:
        """Whether there is time left, or steps."""
        return self.done < 1

    @contextlib.contextmanager
    def one_step(self) -> Iterator[None]:
        """A step of the training; its time counts, and after it the state is saved when it's time for that."""
        began = time.monotonic()
        yield
        self.step += 1
        self.seconds += time.monotonic() - began
        if self.seconds - self._saved_at >= self.save_seconds or not self.unfinished:
            self.save()

    def note(self, **values: float) -> None:
        """Numbers of this step; the log gets their means."""
        for name, value in values.items():
            self._notes.setdefault(name, []).append(value)
            self._latest.setdefault(name, deque(maxlen=_NUM_LATEST)).append(value)

    def mean(self, name: str) -> float:
        """The mean of the latest values of a number, for the bar; those that the log has are among them."""
        return float(np.mean(self._latest.get(name, [0.0])))

    def save(self) -> None:
        """Write the state, and a line of the log."""
        state = {name: part.state_dict() for name, part in self.parts.items()}
        about = {"config": self._config, "made_of": self._made_of}
        write_state(self.path, {**state, "step": self.step, "seconds": self.seconds, "extra": self.extra, **about})
        means = {name: float(f"{np.mean(values):.5g}") for name, values in self._notes.items()}
        append_log(self.path.with_suffix(".jsonl"), {"step": self.step, "seconds": round(self.seconds, 1), **means})
        self._notes, self._saved_at = {}, self.seconds
