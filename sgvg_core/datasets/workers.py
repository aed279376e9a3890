"""Jobs side by side in processes, stopped at once when anything goes wrong.

Each worker has a pipe of its own; the main process waits for all of them, so that Ctrl-C, an error in one worker, and a worker that
the system killed are all seen within a moment. New processes are spawned, never forked: the same on Linux, macOS and Windows.
"""

import contextlib
import multiprocessing
import multiprocessing.connection
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import torch

from ..errors import DataError, SGVGError

J = TypeVar("J")
R = TypeVar("R")
OnProgress = Callable[[float], None]
Work = Callable[[J, OnProgress], R]

MOST_WORKERS = 60
"""Windows waits for no more than 63 things at once."""
_TICK_SECONDS = 0.2
_WAIT_SECONDS = 0.2


def do_in_any_order(work: "Work[J, R]", jobs: Sequence[J], workers: int, told: Callable[[int, float, R | None], None]) -> None:
    """Do every job, up to `workers` at a time, and report each as it's done; `work(job, on_progress)` must be importable by name.

    `told(i, share, result)` hears which share of job i is done, and its result at the end; it may raise to stop everything. What a job
    raises as SGVGError is raised here; a worker that dies is a DataError.

    `jobs` and results must be picklable.
    """
    if workers <= 1 or len(jobs) <= 1:
        for index, job in enumerate(jobs):
            told(index, 1.0, work(job, lambda share, index=index: told(index, share, None)))  # type: ignore[misc]
        return
    with _workers(work, min(workers, len(jobs), MOST_WORKERS)) as pipes:
        waiting = list(enumerate(jobs))[::-1]
        busy: set[int] = set()
        for pipe in pipes:
            _give(pipe, waiting, busy)
        while busy:
            told(-1, 0.0, None)  # a chance to stop, also while workers are starting
            for pipe in multiprocessing.connection.wait(list(pipes), timeout=_WAIT_SECONDS):
                index, share, result, error = _heard(pipe, pipes)
                if error is not None:
                    raise error
                told(index, share, result)
                if result is not None:
                    busy.discard(index)
                    _give(pipe, waiting, busy)


def _give(pipe: Any, waiting: list[tuple[int, Any]], busy: set[int]) -> None:
    """The next job for a worker, if there's one."""
    if waiting:
        index, job = waiting.pop()
        busy.add(index)
        pipe.send((index, job))


def _heard(pipe: Any, pipes: dict[Any, Any]) -> Any:
    """A worker's message, or DataError when it's dead."""
    try:
        return pipe.recv()
    except (EOFError, OSError) as error:
        process = pipes[pipe]
        process.join(1)
        raise DataError(f"a worker process ended by itself (exit code {process.exitcode}): often memory ran out; run the same command again "
                        "with fewer --workers, it resumes where it stopped") from error


@contextlib.contextmanager
def _workers(work: Any, count: int) -> Iterator[dict[Any, Any]]:
    """Pipes to `count` new workers, ended one way or another when the block is left."""
    context = multiprocessing.get_context("spawn")
    pipes: dict[Any, Any] = {}
    try:
        with _ctrl_c_ignored():  # by the children from their first moment on: the main process ends them
            for _ in range(count):
                here, there = context.Pipe()
                process = context.Process(target=_serve, args=(there, work), daemon=True)
                process.start()
                there.close()
                pipes[here] = process
        yield pipes
    finally:
        for process in pipes.values():
            process.terminate()
        for pipe, process in pipes.items():
            process.join(2)
            if process.is_alive():
                process.kill()
                process.join()
            pipe.close()


@contextlib.contextmanager
def _ctrl_c_ignored() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _serve(pipe: Any, work: Any) -> None:
    """The life of a worker: jobs in, shares and results out, until the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):  # the main process is gone
        while True:
            index, job = pipe.recv()
            try:
                result = work(job, _Told(pipe, index))
            except SGVGError as error:
                pipe.send((index, 0.0, None, error))
            else:
                pipe.send((index, 1.0, result, None))


class _Told:
    """A tick that speaks a few times a second."""

    def __init__(self, pipe: Any, index: int) -> None:
        self._pipe, self._index, self._next = pipe, index, 0.0

    def __call__(self, share: float) -> None:
        if time.monotonic() >= self._next:
            self._pipe.send((self._index, share, None, None))
            self._next = time.monotonic() + _TICK_SECONDS
