"""Small jobs next to one another, each on one thread of torch.

Two threads that share a small convolution wait for each other longer than they compute. Here every job has a thread to itself instead, so
as many run at once as torch may use threads. A job's numbers don't depend on how many those are.
"""

import itertools
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")

_pools: dict[int, ThreadPoolExecutor] = {}
_lock = threading.Lock()


def num_lanes() -> int:
    """How many jobs run at once: the threads that torch may use."""
    return torch.get_num_threads()


def run_in_lanes(job: Callable[[int, int], None], num_jobs: int, lanes: int) -> None:
    """Call `job(index, lane)` for each index below `num_jobs`; two calls at the same time have different lanes, below `lanes`.

    One lane is this thread, with all that torch may use; of several each has a thread that computes alone. Gradient and inference mode are the
    caller's. What a job raises is raised here, after all lanes have stopped; so is Ctrl-C.
    """
    if lanes == 1:
        for index in range(num_jobs):
            job(index, 0)
        return
    indices, stopped = itertools.count(), threading.Event()
    inference, gradients = torch.is_inference_mode_enabled(), torch.is_grad_enabled()

    def lane(number: int) -> None:
        with torch.inference_mode(inference), torch.set_grad_enabled(gradients):
            while not stopped.is_set() and (index := next(indices)) < num_jobs:
                job(index, number)

    pool = _pool(lanes)
    futures = [pool.submit(lane, number) for number in range(min(lanes, num_jobs))]
    try:
        for future in futures:
            future.result()
    finally:
        stopped.set()
        wait(futures)


def map_in_lanes(job: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """What `job` makes of each of `items`, in their order: as many at once as torch may use threads, each on one of them."""
    results: dict[int, Result] = {}

    def numbered(index: int, _lane: int) -> None:
        results[index] = job(items[index])

    run_in_lanes(numbered, len(items), max(1, min(num_lanes(), len(items))))
    return [results[index] for index in range(len(items))]


def _pool(lanes: int) -> ThreadPoolExecutor:
    """Threads that outlive a call, since a new one would build torch's caches again."""
    with _lock:
        if lanes not in _pools:
            pool, all_there, num_threads = ThreadPoolExecutor(lanes, thread_name_prefix="lane"), threading.Barrier(lanes), torch.get_num_threads()
            wait([pool.submit(_begin, all_there) for _ in range(lanes)])
            torch.set_num_threads(num_threads)  # each `_begin` set what threads that are born later have
            _pools[lanes] = pool
        return _pools[lanes]


def _begin(all_there: threading.Barrier) -> None:
    """This thread computes alone."""
    torch.get_num_threads()  # asked first, since a thread's first use of torch gives it the number that the others have
    torch.set_num_threads(1)
    all_there.wait()


def _forget_pools() -> None:
    """A forked process has none of its parent's threads."""
    global _lock
    _lock = threading.Lock()
    _pools.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pools)
