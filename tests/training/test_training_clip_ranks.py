"""The trainings on clips: two processes compute the gradients of one."""

import os
import socket
import subprocess
import sys

import pytest
import torch
from clip_ranks_child import all_gradients

from sgvg_core.training.runs.ranks import Ranks


@pytest.fixture(scope="module")
def both(clip_data, tmp_path_factory, pack_root):
    """What each of two gloo processes computed, and one process with the same slices."""
    folder = tmp_path_factory.mktemp("ranks")
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        port = str(place.getsockname()[1])
    shared = dict(os.environ, PYTHONPATH=str(pack_root), OMP_NUM_THREADS="1", WORLD_SIZE="2", MASTER_ADDR="127.0.0.1", MASTER_PORT=port)
    command = [sys.executable, str(pack_root / "tests" / "training" / "clip_ranks_child.py"), str(folder), str(clip_data.folder)]
    started = [subprocess.Popen(command, env=dict(shared, RANK=str(rank), LOCAL_RANK=str(rank))) for rank in range(2)]
    alone = all_gradients(clip_data, Ranks(), accumulate=2)
    assert [child.wait(timeout=900) for child in started] == [0, 0]
    return [torch.load(folder / f"rank_{rank}.pt") for rank in range(2)], alone


@pytest.mark.slow
@pytest.mark.parametrize("what", ["joint space", "sgvg"])
def test_gradients_of_two_processes_are_those_of_one(both, what):
    ranks, alone = both
    assert len(alone[what]) > 40
    whole = torch.cat([gradient.flatten() for gradient in alone[what].values()])
    for own in ranks:
        assert own[what].keys() == alone[what].keys()
        assert (torch.cat([gradient.flatten() for gradient in own[what].values()]) - whole).norm() < 1e-5 * whole.norm()
        for name, gradient in alone[what].items():  # a small tensor alone has its own rounding, of another batch's convolutions
            distance = (own[what][name] - gradient).norm()
            assert distance < 1e-4 * gradient.norm() + 1e-7 * whole.norm(), f"{name}: {distance / gradient.norm()}"
