"""What a step needs, made by threads while the steps before it compute."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")


class Prefetcher(Generic[T]):
    """`load(step)`, a function of the step alone, called by `workers` threads up to `ahead` steps early (0 workers: when it's asked for). A context
    manager. Steps from `end` on aren't loaded.

    An error in `load` is raised where its step is asked for.
    """

    def __init__(self, load: Callable[[int], T], *, end: int, workers: int = 2, ahead: int = 4) -> None:
        self._load, self._end, self._ahead = load, end, ahead
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="data") if workers else None
        self._coming: dict[int, Future[T]] = {}

    def __enter__(self) -> "Prefetcher[T]":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def get(self, step: int) -> T:
        """What belongs to `step`; those after it, up to `end`, are begun."""
        if self._pool is None:
            return self._load(step)
        for number in range(step, max(step + 1, min(step + 1 + self._ahead, self._end))):
            if number not in self._coming:
                self._coming[number] = self._pool.submit(self._load, number)
        return self._coming.pop(step).result()
