"""A training that is counted in steps and exact: killed at any moment and started again, it ends with the same bits.

What makes it so: everything that a step changes is in the checkpoint; everything that a step draws comes from (seed, stream, step,
item), see `randomness.generator_at`; and deterministic algorithms. That holds on one machine with the same number of threads and
processes.

    run = SteppedRun(folder, parts, config=config, policy=policy, ranks=ranks)
    with run.fed(load, settings, workers=2) as steps:
        for step, batch in steps:
            ...
            run.note(loss=loss)      # stops the run when it isn't finite: before the weights are touched
            ...
"""

import contextlib
import dataclasses
import importlib
import json
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import torch

from ...config import check_range
from ...config.aliases import current_path
from ...errors import ConfigError, TrainingError
from ...progress import Progress, silent
from .loop import Loop, Stateful
from .prefetch import Prefetcher
from .ranks import Ranks
from .settings import CONFIG_FILE, write_stage_config
from .state import append_log, read_state, taking_up, write_state

T = TypeVar("T")

_METRICS = "metrics.jsonl"


@dataclasses.dataclass(frozen=True)
class RunPolicy:
    """How long a run lasts, how it's watched and what is kept. Nothing here changes a step, so all of it may differ when a run is resumed."""

    num_steps: int = 1000
    """The run ends with this step."""
    max_minutes: float | None = None
    """Stop (whole, so that the run can be resumed) when this call has lasted so long."""
    save_seconds: float = 300.0
    """Seconds between two checkpoints; one more is written at the end."""
    keep_last: int = 2
    """Number of the newest checkpoints that are kept."""
    keep_every: int = 0
    """Steps between two checkpoints that are kept for good; 0: none are."""
    log_every: int = 20
    """Steps between two lines of metrics.jsonl, which hold the means over them."""
    sheet_every: int = 0
    """Steps between two sheets of samples; 0: none."""
    tensorboard: bool = False
    """Whether the numbers also go to TensorBoard files; needs the package tensorboard."""

    def __post_init__(self) -> None:
        check_range("num_steps", self.num_steps, 1, 10**9)
        check_range("save_seconds", self.save_seconds, 0, 1e9)
        check_range("keep_last", self.keep_last, 1, 10**6)
        check_range("log_every", self.log_every, 1, 10**9)
        for name in ("keep_every", "sheet_every"):
            check_range(name, getattr(self, name), 0, 10**9)
        if self.max_minutes is not None:
            check_range("max_minutes", self.max_minutes, 0, 1e6)


@contextlib.contextmanager
def deterministic_algorithms() -> Iterator[None]:
    """Only algorithms that give the same bits every time; the caller's settings come back after the block."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when cuBLAS starts; without it torch refuses its products
    filling: Any = importlib.import_module("torch.utils.deterministic")
    before = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark, filling.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark, filling.fill_uninitialized_memory = False, False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0])
        torch.backends.cudnn.benchmark, filling.fill_uninitialized_memory = before[1:]


class Checkpoints:
    """The checkpoints of a run in a folder, a file a step: the newest `keep_last`, and for good those of every `keep_every` steps."""

    def __init__(self, folder: Path, keep_last: int, keep_every: int) -> None:
        self.folder, self.keep_last, self.keep_every = folder, keep_last, keep_every

    def path(self, step: int) -> Path:
        """Where the state after `step` steps lies."""
        return self.folder / f"step_{step:08d}.state"

    def steps(self) -> list[int]:
        """The steps whose states are there, oldest first."""
        return sorted(int(path.stem.removeprefix("step_")) for path in self.folder.glob("step_*.state"))

    def newest(self) -> Path | None:
        """The newest checkpoint, if there is one."""
        steps = self.steps()
        return self.path(steps[-1]) if steps else None

    def write(self, step: int, state: Mapping[str, Any]) -> None:
        """Write a state, whole or not at all, and delete what the policy doesn't keep. `step` is the number of steps that are done."""
        write_state(self.path(step), state)
        for old in self.steps()[: -self.keep_last]:
            if not (self.keep_every and old % self.keep_every == 0):
                self.path(old).unlink(missing_ok=True)

    def clear_up(self) -> None:
        """Delete what a killed run left half-written."""
        for path in self.folder.glob("step_*.tmp"):
            path.unlink(missing_ok=True)


class SteppedRun(Loop):
    """A training in `folder`: `checkpoints/`, `metrics.jsonl`, and what `sheet` writes.

    `parts` (modules, optimisers and the like) are saved and taken up again by their names, and so is `extra`, for numbers and tensors
    that a step changes. `config` (a dataclass or plain data) is all that a step depends on: it must be the same when the run is resumed.
    A setting that wasn't there yet when the run was begun may be there now with its value in `defaults`, which does what was done before.
    `sheet(step)` is called on the first rank to make something to look at: it writes files, and may return a picture, uint8 [H, W, 3], for
    TensorBoard; None: nothing is made. Without `ranks` this process is the only one. Raises ConfigError, CheckpointError, TrainingError.
    """

    def __init__(
        self,
        folder: Path,
        parts: Mapping[str, Stateful],
        *,
        config: Any,
        defaults: Any = None,
        policy: RunPolicy,
        ranks: Ranks | None = None,
        name: str = "training",
        sheet: Callable[[int], torch.Tensor | None] | None = None,
        progress: Progress = silent,
    ) -> None:
        super().__init__(parts)
        self.folder, self.policy, self.ranks, self.name = folder, policy, ranks or Ranks(), name
        self.checkpoints = Checkpoints(folder / "checkpoints", policy.keep_last, policy.keep_every)
        self.notes: list[str] = []
        """What is worth knowing about how this run was resumed, for its log."""
        self._config, self._defaults = _plain(config), _plain(defaults)
        self._sheet, self._progress = sheet, progress
        self._sums: dict[str, list[float]] = {}  # name -> sum and count since the last line of the log
        self._saved_step, self._saved_at = -1, time.monotonic()
        self._began = self._saved_at
        self._logged_at, self._waited = self._saved_at, 0.0
        self._newest = ""
        self._board: Any = None
        self._settings = contextlib.ExitStack()
        if policy.tensorboard and self.ranks.is_first:
            self._board_writer = _board_writer()
        found = self.checkpoints.newest()
        self.is_new = found is None
        if found is not None:
            with taking_up(found):
                self._take_up(found)

    def __enter__(self) -> "SteppedRun":
        self._settings.enter_context(deterministic_algorithms())
        self.ranks.check_same(self._tensors(), f"{self.folder}: where the run begins")
        if self.ranks.is_first:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.checkpoints.clear_up()
            self._begin_log()
            if self.policy.tensorboard:
                undone = 0 if self.is_new else self.step + 1  # from here on, what an earlier call wrote was undone
                self._board = self._board_writer(str(self.folder / "tensorboard"), purge_step=undone)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._board is not None:
            self._board.close()
        self._settings.close()

    def _take_up(self, path: Path) -> None:
        state = read_state(path)
        _check_same_config(path, state.get("config"), self._config, self._defaults)
        absent = sorted(set(self.parts) - set(state["parts"]))
        if absent:
            raise ConfigError(f"{path}: holds no {', '.join(absent)}; it's of another training, choose another folder")
        for name, part in self.parts.items():
            part.load_state_dict(state["parts"][name])
        self.step, self.seconds = int(state["step"]), float(state["seconds"])
        self.extra, self._sums = dict(state["extra"]), dict(state["sums"])
        self._saved_step, self._newest = self.step, str(path)
        for name, now in self._surroundings().items():
            before = state["surroundings"].get(name)
            if before != now:
                self.notes.append(f"resumes with {name} {now} instead of {before}: not bit for bit the run that it would have been")

    def _surroundings(self) -> dict[str, Any]:
        """What the last bits of sums depend on besides the config."""
        return {"processes": self.ranks.count, "threads": torch.get_num_threads(), "torch": str(torch.__version__), "device": self.ranks.device.type}

    @property
    def unfinished(self) -> bool:
        return self.step < self.policy.num_steps

    def steps(self) -> Iterator[int]:
        """The numbers of the steps that are left, 0 for the first of all. After each, what the policy asks for is written.

        Cancelled between two steps (`progress` raises), the state is saved first.
        """
        self._began = time.monotonic()
        return super().steps()

    def _stops_early(self) -> bool:
        limit = self.policy.max_minutes
        return limit is not None and self.ranks.agree(time.monotonic() - self._began >= 60 * limit)

    def _before_step(self) -> None:
        if not self.ranks.is_first:
            return
        try:
            latest = ", ".join(f"{name} {total / count:.3g}" for name, (total, count) in list(self._sums.items())[:3])
            self._progress(self.step, self.policy.num_steps, f"{self.name}, {latest}" if latest else self.name)
        except BaseException:
            self.save()
            raise

    def _finish(self) -> None:
        self.save()

    @contextlib.contextmanager
    def fed(self, load: Callable[[int], T], settings: Any, *, workers: int) -> Iterator[Iterator[tuple[int, T]]]:
        """Inside, the run is entered, and the steps that are left come with what `load` made of their numbers.

        `workers` threads load ahead (0: none). `settings` (a dataclass) are kept as a file that can be given again; before the first step
        of all there's a sheet.
        """
        with self, Prefetcher(load, end=self.policy.num_steps, workers=workers) as batches:
            if self.ranks.is_first:
                write_stage_config(self.folder / CONFIG_FILE, settings)
                if self.is_new and self.policy.sheet_every:
                    self.make_sheet(0)
            yield self._with_batches(batches)

    def _with_batches(self, batches: Prefetcher[T]) -> Iterator[tuple[int, T]]:
        for step in self.steps():
            with self.waiting():
                batch = batches.get(step)
            yield step, batch

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Time in this block is spent waiting for data; the log says its share."""
        began = time.monotonic()
        yield
        self._waited += time.monotonic() - began

    def note(self, **values: "float | torch.Tensor") -> dict[str, float]:
        """Numbers of this step, terms of the loss above all; the log gets their means. Returns them as floats.

        Raises TrainingError when one isn't finite: call it before the weights are changed.
        """
        tensors = {name: value.detach().float().reshape(()) for name, value in values.items() if isinstance(value, torch.Tensor)}
        numbers = dict(zip(tensors, torch.stack(list(tensors.values())).tolist(), strict=True)) if tensors else {}  # one copy from the device
        numbers = {name: numbers[name] if name in numbers else float(value) for name, value in values.items()}
        for name, number in numbers.items():
            if not math.isfinite(number):
                raise TrainingError(
                    f"{self.name}, step {self.step}: {name} is {number}; the last good checkpoint is {self._newest or 'not written yet'}. "
                    "Lower the learning rate or the weight of that term, in a new folder"
                )
            entry = self._sums.setdefault(name, [0.0, 0])
            entry[0] += number
            entry[1] += 1
        return numbers

    def _after_step(self) -> None:
        policy = self.policy
        if self.step % policy.log_every == 0 or not self.unfinished:
            self._log()
        for_good = policy.keep_every > 0 and self.step % policy.keep_every == 0
        if for_good or time.monotonic() - self._saved_at >= policy.save_seconds:
            self.save()
        if policy.sheet_every and self.step % policy.sheet_every == 0:
            self.make_sheet(self.step)

    def make_sheet(self, step: int) -> None:
        """Something to look at, now; on the first rank alone."""
        image = self._sheet(step) if self._sheet is not None and self.ranks.is_first else None
        if image is not None and self._board is not None:
            self._board.add_image("samples", image, step, dataformats="HWC")

    def _log(self) -> None:
        now = time.monotonic()
        whole = max(1e-9, now - self._logged_at)
        means = self.ranks.means({name: total / count for name, (total, count) in self._sums.items()})
        means["waiting_share"] = self._waited / whole
        self._sums, self._waited, self._logged_at = {}, 0.0, now
        if not self.ranks.is_first:
            return
        rounded = {name: float(f"{mean:.6g}") for name, mean in means.items()}
        append_log(self.folder / _METRICS, {"step": self.step, "seconds": round(self.seconds, 2), **rounded})
        if self._board is not None:
            for name, mean in means.items():
                self._board.add_scalar(name, mean, self.step)

    def _begin_log(self) -> None:
        """Lines of steps that a kill undid go; the first line has the settings."""
        path = self.folder / _METRICS
        lines = path.read_text().splitlines() if path.exists() else []
        kept = [line for line in lines if _step_of(line) <= self.step]
        if self.is_new:
            kept = [json.dumps({"step": 0, "config": self._config})]
        kept += [json.dumps({"step": self.step, "note": note}) for note in self.notes]
        temporary = path.with_suffix(".tmp")
        temporary.write_text("".join(f"{line}\n" for line in kept))
        os.replace(temporary, path)

    def _tensors(self) -> list[torch.Tensor]:
        """The weights of all parts."""
        modules = [part for part in self.parts.values() if isinstance(part, torch.nn.Module)]
        return [tensor for module in modules for tensor in module.state_dict().values() if tensor.is_floating_point()]

    def save(self) -> None:
        """Write a checkpoint of the state between two steps. Raises TrainingError, and writes nothing, when weights aren't finite."""
        self._saved_at = time.monotonic()
        if not self.ranks.is_first or self._saved_step == self.step:
            return
        for name, part in self.parts.items():
            if isinstance(part, torch.nn.Module) and not all(tensor.isfinite().all() for tensor in part.state_dict().values()):
                raise TrainingError(
                    f"{self.name}, step {self.step}: weights of {name} aren't finite; the last good checkpoint is {self._newest or 'not written yet'}"
                )
        state = {
            "parts": {name: part.state_dict() for name, part in self.parts.items()},
            "step": self.step,
            "seconds": self.seconds,
            "extra": self.extra,
            "sums": self._sums,
            "config": self._config,
            "surroundings": self._surroundings(),
        }
        self.checkpoints.write(self.step, state)
        self._saved_step, self._newest = self.step, str(self.checkpoints.path(self.step))


def _plain(config: Any) -> Any:
    """A configuration as JSON would give it back."""
    data = dataclasses.asdict(config) if dataclasses.is_dataclass(config) and not isinstance(config, type) else config
    return json.loads(json.dumps(data))


def _leaves(data: Any, name: str = "") -> dict[str, Any]:
    """The values of nested plain data by their dotted names."""
    if not isinstance(data, dict):
        return {name: data}
    return {path: leaf for key, value in data.items() for path, leaf in _leaves(value, f"{name}.{key}" if name else str(key)).items()}


def _check_same_config(path: Path, before: Any, now: Any, defaults: Any) -> None:
    """Raise ConfigError, with the names of the fields, unless both are the same but for new fields at their defaults."""
    old, new, known = _leaves(before), _leaves(now), _leaves(defaults)
    old = {current_path(name, new): value for name, value in old.items()}
    old = {**{name: value for name, value in known.items() if name in new}, **old}
    changed = [
        f"{name or 'config'} was {json.dumps(old[name]) if name in old else 'absent'}, is now {json.dumps(new[name]) if name in new else 'absent'}"
        for name in sorted({*old, *new})
        if name not in old or name not in new or old[name] != new[name]
    ]
    if changed:
        raise ConfigError(f"{path}: this run was begun with other settings ({'; '.join(changed)}); resume with those, or choose another folder")


def _step_of(line: str) -> float:
    """The step of a line of a log; a line that a kill cut off belongs to none."""
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return math.inf


def _board_writer() -> Any:
    try:
        return importlib.import_module("torch.utils.tensorboard").SummaryWriter
    except ImportError as error:
        raise ConfigError("tensorboard: isn't installed; install it with: python -m pip install tensorboard, or leave the setting off") from error
