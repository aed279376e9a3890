"""A run counted in steps: killed at any moment it ends with the same bits, and what it keeps, logs and refuses."""

import json
import os
import random
import signal
import subprocess
import sys

import pytest
import torch
from stepped_child import train

from sgvg_core.errors import Cancelled, CheckpointError, ConfigError, TrainingError
from sgvg_core.training.runs import steps as stepped_run
from sgvg_core.training.runs.ranks import Ranks
from sgvg_core.training.runs.steps import RunPolicy, SteppedRun, deterministic_algorithms

NUM_STEPS = 24


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def start_child(folder, pack_root):
    """The small training in a process of its own."""
    environment = dict(os.environ, PYTHONPATH=str(pack_root), OMP_NUM_THREADS="1")
    script = pack_root / "tests" / "training" / "stepped_child.py"
    return subprocess.Popen([sys.executable, str(script), str(folder), str(NUM_STEPS)], env=environment, stdout=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_killed_at_a_random_moment_it_ends_with_the_same_bits(tmp_path, pack_root, one_thread):
    whole = train(tmp_path / "whole", NUM_STEPS).state_dict()
    moment = f"{random.choice(['begin', 'half'])} {random.randrange(2, NUM_STEPS)}"
    with start_child(tmp_path / "killed", pack_root) as child:
        for line in child.stdout:
            if line.strip() == moment:
                child.send_signal(signal.SIGKILL)
                break
    assert child.returncode == -signal.SIGKILL
    assert not (tmp_path / "killed" / "weights.pt").exists()
    with start_child(tmp_path / "killed", pack_root) as child:
        steps = [int(line.split()[1]) for line in child.stdout if line.startswith("begin")]
    assert child.returncode == 0
    assert steps[0] > 0, moment  # it did go on instead of beginning anew
    ended = torch.load(tmp_path / "killed" / "weights.pt")
    assert all(torch.equal(ended[name], tensor) for name, tensor in whole.items()), moment
    logs = [[json.loads(line) for line in (tmp_path / name / "metrics.jsonl").read_text().splitlines()] for name in ("whole", "killed")]
    assert [[(line["step"], line.get("loss")) for line in log] for log in logs] == [[(line["step"], line.get("loss")) for line in logs[0]]] * 2


def test_checkpoints_are_kept_by_policy(tmp_path):
    train(tmp_path, 10, keep_last=2, keep_every=4)
    assert [path.name for path in sorted((tmp_path / "checkpoints").iterdir())] == [f"step_{step:08d}.state" for step in (4, 8, 9, 10)]


def test_without_time_for_it_only_what_is_for_good_is_written(tmp_path):
    train(tmp_path, 10, save_seconds=1e6, keep_every=6)
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["step_00000006.state", "step_00000010.state"]


def test_a_finished_run_stays_and_a_longer_one_goes_on(tmp_path):
    short, again = train(tmp_path / "a", 6), train(tmp_path / "a", 6)
    assert all(torch.equal(one, other) for one, other in zip(short.parameters(), again.parameters(), strict=True))
    longer, whole = train(tmp_path / "a", 9), train(tmp_path / "b", 9)
    assert all(torch.equal(one, other) for one, other in zip(longer.parameters(), whole.parameters(), strict=True))


def run_of(folder, config=None, parts=None, **settings):
    parts = parts or {"net": torch.nn.Linear(2, 1)}
    config = config if config is not None else {"batch": 4, "generator": {"channels": (8, 16)}}
    policy = RunPolicy(**{"num_steps": 4, "save_seconds": 0.0, **settings.pop("policy", {})})
    return SteppedRun(folder, parts, config=config, policy=policy, **settings)


def go_through(run, act):
    """The steps of a run, with what happens in each."""
    for step in run.steps():
        act(run, step)


def test_another_config_is_refused_by_the_name_of_the_field(tmp_path):
    with run_of(tmp_path) as run:
        next(run.steps())
        run.step = 1
        run.save()
    run_of(tmp_path)
    with pytest.raises(ConfigError, match=r"step_00000001\.state: .* \(generator\.channels was \[8, 16\], is now \[8, 32\]\); resume with those, or"):
        run_of(tmp_path, {"batch": 4, "generator": {"channels": (8, 32)}})
    with pytest.raises(ConfigError, match=r"\(batch was 4, is now absent; rate was absent, is now 0\.1\)"):
        run_of(tmp_path, {"rate": 0.1, "generator": {"channels": (8, 16)}})
    with pytest.raises(ConfigError, match="holds no critic"):
        run_of(tmp_path, parts={"net": torch.nn.Linear(2, 1), "critic": torch.nn.Linear(2, 1)})


def test_a_setting_that_came_later_is_no_other_setting_while_it_stays_at_its_default(tmp_path):
    with run_of(tmp_path, {"net": {"rate": 1}}) as run:
        go_through(run, lambda run, step: None)
    later = {"net": {"rate": 1, "labels": False}}
    assert not run_of(tmp_path, later, defaults=later).is_new
    with pytest.raises(ConfigError, match=r"begun with other settings \(net.labels was false, is now true\)"):
        run_of(tmp_path, {"net": {"rate": 1, "labels": True}}, defaults=later)
    with pytest.raises(ConfigError, match=r"\(data was absent, is now \"x\"\)"):
        run_of(tmp_path, {**later, "data": "x"}, defaults=later)
    with pytest.raises(ConfigError, match=r"\(net.rate was 1, is now absent\)"):
        run_of(tmp_path, {"net": {"labels": False}}, defaults=later)


def test_a_damaged_checkpoint_is_told_and_half_written_ones_go(tmp_path):
    train(tmp_path, 3)
    (tmp_path / "checkpoints" / "step_00000009.tmp").write_bytes(b"half")
    train(tmp_path, 3)
    assert not list((tmp_path / "checkpoints").glob("*.tmp"))
    newest = tmp_path / "checkpoints" / "step_00000003.state"
    newest.write_bytes(newest.read_bytes()[:100])
    with pytest.raises(CheckpointError, match=r"step_00000003\.state: isn't the state of a training"):
        train(tmp_path, 3)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_term_that_is_not_finite_stops_the_run_with_step_term_and_checkpoint(tmp_path, bad):
    def act(run, step):
        run.note(loss=torch.tensor(1.0), r1=bad if step == 2 else 0.5)

    with run_of(tmp_path, name="generator") as run, pytest.raises(TrainingError) as caught:
        go_through(run, act)
    assert f"generator, step 2: r1 is {bad}" in str(caught.value)
    assert "step_00000002.state" in str(caught.value)
    assert torch.load(tmp_path / "checkpoints" / "step_00000002.state", weights_only=True)["step"] == 2


def test_weights_that_are_not_finite_are_never_saved(tmp_path):
    net = torch.nn.Linear(2, 1)

    def act(run, step):
        if step == 2:
            torch.nn.init.constant_(net.weight, float("nan"))

    with run_of(tmp_path, parts={"net": net}) as run, pytest.raises(TrainingError, match=r"step 3: weights of net aren't finite; the last good .*02"):
        go_through(run, act)
    assert run.checkpoints.steps() == [1, 2]


def test_the_log_has_means_and_the_share_of_waiting(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(stepped_run.time, "monotonic", lambda: now[0])
    with run_of(tmp_path, policy={"log_every": 2, "save_seconds": 1e9}) as run:
        for step in run.steps():
            with run.waiting():
                now[0] += 1.0
            now[0] += 3.0
            run.note(loss=float(step))
    first, *lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert first == {"step": 0, "config": {"batch": 4, "generator": {"channels": [8, 16]}}}
    assert lines == [
        {"step": 2, "seconds": 8.0, "loss": 0.5, "waiting_share": 0.25},
        {"step": 4, "seconds": 16.0, "loss": 2.5, "waiting_share": 0.25},
    ]


def test_a_sheet_every_some_steps_on_the_first_rank(tmp_path):
    seen = []
    with run_of(tmp_path, sheet=seen.append, policy={"num_steps": 7, "sheet_every": 3}) as run:
        list(run.steps())
    assert seen == [3, 6]


def test_cancelled_between_steps_the_state_is_saved(tmp_path):
    def cancel(done, total, note="", preview=None):
        assert total == 9
        if done == 5:
            raise Cancelled("stop")

    with run_of(tmp_path, progress=cancel, policy={"num_steps": 9, "save_seconds": 1e9}) as run, pytest.raises(Cancelled):
        list(run.steps())
    assert run_of(tmp_path).step == 5


def test_minutes_stop_a_run_early_and_whole(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(stepped_run.time, "monotonic", lambda: now[0])
    with run_of(tmp_path, policy={"num_steps": 100, "max_minutes": 0.5, "save_seconds": 1e9}) as run:
        for _ in run.steps():
            now[0] += 10.0
    assert (run.step, run_of(tmp_path).step) == (3, 3)


def test_other_threads_are_noted(tmp_path):
    train(tmp_path, 2)
    before = torch.get_num_threads()
    torch.set_num_threads(before + 1)
    train(tmp_path, 3)
    torch.set_num_threads(before)
    assert "resumes with threads" in (tmp_path / "metrics.jsonl").read_text()


def test_tensorboard_without_the_package_is_told(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ConfigError, match="tensorboard: isn't installed; install it with: python -m pip install tensorboard"):
        run_of(tmp_path, policy={"tensorboard": True})


def test_tensorboard_gets_the_numbers(tmp_path, monkeypatch):
    written = []

    class Writer:
        def __init__(self, folder, purge_step):
            written.append((folder, purge_step))

        def add_scalar(self, name, value, step):
            written.append((name, value, step))

        def close(self):
            written.append("closed")

    monkeypatch.setattr(stepped_run, "_board_writer", lambda: Writer)
    with run_of(tmp_path, policy={"num_steps": 2, "log_every": 2, "tensorboard": True}) as run:
        for _ in run.steps():
            run.note(loss=1.5)
    assert written[0] == (str(tmp_path / "tensorboard"), 0)
    assert ("loss", 1.5, 2) in written
    assert written[-1] == "closed"


def test_deterministic_only_inside_the_block():
    with deterministic_algorithms():
        assert torch.are_deterministic_algorithms_enabled()
    assert not torch.are_deterministic_algorithms_enabled()


def test_slices_of_a_batch():
    assert Ranks(1, 2).slices(8, 2) == [range(4, 6), range(6, 8)]
    assert Ranks(0, 1).slices(8, 4) == [range(2), range(2, 4), range(4, 6), range(6, 8)]
    with pytest.raises(ConfigError, match=r"batch: got 9, expected a multiple of 4 \(2 processes, 2 slices each\)"):
        Ranks(1, 2).slices(9, 2)
