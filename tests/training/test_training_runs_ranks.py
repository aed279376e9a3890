"""Two processes compute the gradients of one."""

import dataclasses
import os
import socket
import subprocess
import sys

import pytest
import torch
from ranks_child import CONFIG, all_gradients, gradients_of_steps

from sgvg_core.errors import ConfigError, DeviceError
from sgvg_core.training.clips.adversarial_config import AdversarialConfig
from sgvg_core.training.runs.ranks import Ranks, joined_ranks


def free_port():
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        return place.getsockname()[1]


@pytest.fixture(scope="module")
def two_ranks(tmp_path_factory, pack_root):
    """What both of two gloo processes computed."""
    folder = tmp_path_factory.mktemp("ranks")
    shared = dict(os.environ, PYTHONPATH=str(pack_root), OMP_NUM_THREADS="1", WORLD_SIZE="2", MASTER_ADDR="127.0.0.1", MASTER_PORT=str(free_port()))
    script = str(pack_root / "tests" / "training" / "ranks_child.py")
    started = [
        subprocess.Popen([sys.executable, script, str(folder)], env=dict(shared, RANK=str(rank), LOCAL_RANK=str(rank))) for rank in range(2)
    ]
    assert [child.wait(timeout=600) for child in started] == [0, 0]
    return [torch.load(folder / f"rank_{rank}.pt") for rank in range(2)]


@pytest.fixture(scope="module")
def one_process():
    """The same in one process that computes the same groups one after another."""
    return all_gradients(dataclasses.replace(CONFIG, accumulate=2), Ranks())


@pytest.mark.slow
@pytest.mark.parametrize("what", ["stylegan2", "stylegan2, labels", "contrast", "contrast, own rows"])
def test_gradients_of_two_processes_are_those_of_one(two_ranks, one_process, what):
    wanted = one_process[what]
    assert len(wanted) > (150 if what.startswith("stylegan2") else 4)
    for own in two_ranks:
        assert own[what].keys() == wanted.keys()
        for name, gradient in wanted.items():
            distance = (own[what][name] - gradient).norm() / gradient.norm().clamp(min=1e-30)
            assert distance < 1e-5, f"{name}: {distance}"


@pytest.mark.slow
@pytest.mark.parametrize("what", ["stylegan2", "stylegan2, labels"])
def test_every_update_was_among_them(one_process, what):
    """Two steps: generator, path length, discriminator, R1, generator, discriminator."""
    names = one_process[what]
    assert sum(name.endswith(" synthesis.b4.const") for name in names) == 3
    assert sum(name.endswith(" b16.fromrgb.weight") for name in names) == 3
    read = [gradient for name, gradient in names.items() if name.endswith(" mapping.embed.weight")]
    assert len(read) == (6 if what.endswith("labels") else 0), "both networks read the label in each of their updates"
    assert all(gradient.norm() > 0 for gradient in read)
    assert names["path mean"] > 0
    assert names["strength"] != 0.5


@pytest.mark.slow
def test_other_groups_give_other_gradients(one_process):
    """The comparison can fail: statistics over the whole batch instead of two slices aren't the same."""
    whole = gradients_of_steps(CONFIG, Ranks())
    wanted = one_process["stylegan2"]
    assert max(((whole[name] - wanted[name]).norm() / wanted[name].norm().clamp(min=1e-30)).item() for name in wanted) > 1e-3


def test_alone_nothing_is_exchanged():
    ranks, x = Ranks(), torch.randn(3, 2)
    assert ranks.gather(x) is x
    assert ranks.means({"a": 1.0}) == {"a": 1.0}
    assert ranks.agree(True)
    with joined_ranks("cpu") as found:
        assert (found.rank, found.count) == (0, 1)


def test_what_does_not_fit_is_told(monkeypatch):
    with pytest.raises(ConfigError, match=r"batch: got 12, expected a multiple of 8: 1 processes, 2 slices each, of whole groups of 4 pictures"):
        AdversarialConfig(batch=12, accumulate=2).check_slices(1)
    with pytest.raises(ConfigError, match=r"batch: got 6, expected a multiple of 4: 4 processes, 1 slices each"):
        AdversarialConfig(batch=6, accumulate=1, mbstd_group_size=2).check_slices(4)
    monkeypatch.setenv("WORLD_SIZE", "two")
    with pytest.raises(ConfigError, match=r"WORLD_SIZE: got 'two' in the environment"), joined_ranks("cpu"):
        pass
    monkeypatch.setenv("WORLD_SIZE", "2")
    if not torch.cuda.is_available():
        with pytest.raises(DeviceError), joined_ranks("cuda"):
            pass
