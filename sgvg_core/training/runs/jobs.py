"""Work in parts: one after another, or in several processes."""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

J = TypeVar("J")
R = TypeVar("R")


def results_in_order(function: Callable[[J], R], jobs: Sequence[J], workers: int) -> Iterator[R]:
    """The results of `function`, which must be importable by name, in the order of the jobs, whichever is done first."""
    if workers <= 1:
        yield from map(function, jobs)
        return
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from pool.imap(function, jobs)
