"""Files that let a training be killed at any time and resume: its state, its log, and the random numbers in it.

A state file is written under a temporary name and renamed, so the one that is there is always whole.
"""

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...config.aliases import same_settings
from ...errors import CheckpointError, ConfigError, SGVGError, TrainingError, shown


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
        raise TrainingError(f"{path}: can't be written ({error}); make room and start again, the run resumes from its last state") from error


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
        raise CheckpointError(f"{path}: isn't the state of a training, or of another, or damaged; delete it to begin anew ({why})") from error


def check_same(path: Path, was: str | None, now: str, what: str = "settings") -> None:
    """Raise ConfigError where a state was begun with other `what` (None: it doesn't say, as those of earlier versions).

    `was` is what the state says, `now` what this run is called with.
    """
    if was is not None and not same_settings(was, now):
        raise ConfigError(f"{path}: was begun with other {what} ({was}, now {now}); resume with those, or delete the file")


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
