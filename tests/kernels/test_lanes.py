"""Jobs next to one another, a thread each."""

import threading
from collections.abc import Iterator

import pytest
import torch

from sgvg_core.kernels.lanes import map_in_lanes, run_in_lanes


@pytest.fixture(autouse=True, params=[1, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_every_job_runs_once_on_one_thread(threads: int) -> None:
    done, seen, busy, lock = [], set(), set(), threading.Lock()

    def job(index: int, lane: int) -> None:
        with lock:
            assert lane not in busy, "two jobs at once in a lane"
            busy.add(lane)
        torch.randn(64, 64) @ torch.randn(64, 64)
        with lock:
            busy.remove(lane)
            done.append(index)
            seen.add((lane < 2, torch.get_num_threads() if threads > 1 else 1))

    run_in_lanes(job, 20, 2)
    assert sorted(done) == list(range(20))
    assert seen == {(True, 1)}
    assert torch.get_num_threads() == threads


def test_modes_are_the_callers() -> None:
    modes = []
    with torch.inference_mode():
        out = torch.zeros(4)
        run_in_lanes(lambda index, _: out.__setitem__(index, index), 4, 4)
    with torch.no_grad():
        run_in_lanes(lambda *_: modes.append((torch.is_inference_mode_enabled(), torch.is_grad_enabled())), 2, 2)
    assert out.tolist() == [0, 1, 2, 3]
    assert modes == [(False, False)] * 2


def test_an_error_reaches_the_caller_and_the_next_call_works() -> None:
    def fails(index: int, _: int) -> None:
        if index == 3:
            raise ValueError("three")

    with pytest.raises(ValueError, match="three"):
        run_in_lanes(fails, 100, 2)
    done: list[int] = []
    run_in_lanes(lambda index, _: done.append(index), 5, 2)
    assert sorted(done) == [0, 1, 2, 3, 4]


def test_later_threads_have_the_users_number(threads: int) -> None:
    run_in_lanes(lambda *_: None, 2, 2)
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert found == [threads]


def test_results_come_in_the_order_of_the_items() -> None:
    assert map_in_lanes(lambda item: item * 2, list(range(20))) == list(range(0, 40, 2))
    assert map_in_lanes(str, []) == []
