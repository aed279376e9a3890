"""A run that is killed resumes as if it hadn't been."""

import contextlib
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from sgvg_core.errors import CheckpointError, ConfigError, TrainingError
from sgvg_core.training.runs.state import NumpyRandom, TorchRandom, read_state, write_state
from sgvg_core.training.runs.timed import FirstLayoutRun, Run


class Killed(Exception):
    """The run was killed."""


def train(path, *, num_steps=8, kill_after=None, config="a", save_seconds=0.0):
    """Steps of a small network on random numbers of two sources; returns the network and the run."""
    torch.manual_seed(0)
    net = torch.nn.Linear(3, 2)
    optimiser = torch.optim.Adam(net.parameters(), 0.1)
    rng, generator = np.random.default_rng(1), torch.Generator().manual_seed(2)
    parts = {"net": net, "optimiser": optimiser, "rng": NumpyRandom(rng), "noise": TorchRandom(generator)}
    run = Run(path, parts, config=config, num_steps=num_steps, save_seconds=save_seconds)
    for step in run.steps():
        if step == kill_after:
            raise Killed
        inputs = torch.from_numpy(rng.normal(size=(4, 3))).float() + torch.randn(4, 3, generator=generator)
        loss = net(inputs).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        run.extra["last"] = inputs
        run.note(loss=loss.item())
    return net, run


def test_killed_and_resumed_gives_the_same_weights(tmp_path):
    whole, _ = train(tmp_path / "whole.state")
    with pytest.raises(Killed):
        train(tmp_path / "killed.state", kill_after=5)
    net, run = train(tmp_path / "killed.state")
    assert run.step == 8
    assert torch.equal(net.weight, whole.weight)
    assert torch.equal(net.bias, whole.bias)


def test_steps_since_the_last_state_are_done_again(tmp_path, monkeypatch):
    ticks = iter(range(10_000))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(ticks)))  # every step takes a second
    whole, _ = train(tmp_path / "whole.state", save_seconds=3)
    with pytest.raises(Killed):
        train(tmp_path / "killed.state", kill_after=5, save_seconds=3)
    assert read_state(tmp_path / "killed.state")["step"] == 3
    net, _ = train(tmp_path / "killed.state", save_seconds=3)
    assert torch.equal(net.weight, whole.weight)
    steps = [json.loads(line)["step"] for line in (tmp_path / "killed.jsonl").read_text().splitlines()]
    assert steps == [3, 6, 8]


def test_a_finished_run_stays_as_it_is(tmp_path):
    first, _ = train(tmp_path / "x.state")
    again, run = train(tmp_path / "x.state", kill_after=8)
    assert run.done == 1
    assert torch.equal(first.weight, again.weight)


def test_the_bar_has_a_mean_right_after_a_state_was_written(tmp_path):
    _, run = train(tmp_path / "x.state")  # a state a step, and a line of the log
    losses = [json.loads(line)["loss"] for line in (tmp_path / "x.jsonl").read_text().splitlines()]
    assert run.mean("loss") == pytest.approx(np.mean(losses), rel=1e-4)


def test_minutes_count_over_all_runs(tmp_path, monkeypatch):
    ticks = iter(range(10_000))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(ticks)))
    net = torch.nn.Linear(1, 1)
    for minutes, steps in ((1.0, 60), (1.5, 90)):
        run = Run(tmp_path / "x.state", {"net": net}, config=0, minutes=minutes)
        for _ in run.steps():
            pass
        assert run.step == steps


def test_states_of_the_first_layout_are_taken_up_and_written_again(tmp_path):
    """The generator's and the joint space's: parts, a count, seconds and "settings"; and the oldest ones, without settings."""

    def run(**settings):
        return FirstLayoutRun(tmp_path / "8px.state", {"net": torch.nn.Linear(2, 1)}, config=[settings, "bfloat16"], minutes=1, counted=("seen", 4))

    net = torch.nn.Linear(2, 1)
    kept = {"net": net.state_dict(), "seen": 36, "seconds": 30.0, "settings": '[{"lr": 0.1}, "bfloat16"]'}
    write_state(tmp_path / "8px.state", kept)
    begun = run(lr=0.1)
    assert (begun.step, begun.count, begun.seconds, begun.done) == (9, 36, 30.0, 0.5)
    assert torch.equal(begun.parts["net"].weight, net.weight)
    begun.save()
    assert list(read_state(tmp_path / "8px.state")) == list(kept)
    with pytest.raises(ConfigError, match="begun with other settings"):
        run(lr=0.2)
    write_state(tmp_path / "8px.state", {name: value for name, value in kept.items() if name != "settings"})
    assert run(lr=0.2).count == 36


def test_other_settings_are_refused(tmp_path):
    train(tmp_path / "x.state")
    with pytest.raises(ConfigError, match=r"begun with other settings .*delete the file"):
        train(tmp_path / "x.state", config="b")


def test_a_damaged_state_is_told(tmp_path):
    write_state(tmp_path / "x.state", {"step": 1})
    (tmp_path / "x.state").write_bytes((tmp_path / "x.state").read_bytes()[:50])
    with pytest.raises(CheckpointError, match=r"x\.state: isn't the state of a training"):
        read_state(tmp_path / "x.state")
    assert not list(tmp_path.glob("*.tmp"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_leaves_the_last_state_and_one_clear_error(tmp_path):
    path = tmp_path / "a.state"
    write_state(path, {"step": 1})
    path.with_suffix(".tmp").symlink_to("/dev/full")
    with pytest.raises(TrainingError, match=r"a\.state: can't be written .*make room"):
        write_state(path, {"step": 2})
    assert read_state(path) == {"step": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["a.state"]


def damaged(state: dict, path: Path) -> Iterator[str]:
    """A state file spoilt in one way after another."""
    whole = path.read_bytes()
    contents = {"empty": b"", "cut": whole[: len(whole) // 2], "text": b"hello", "zeros": bytes(5000), "a zip": b"PK\x05\x06" + bytes(18)}
    for name, content in contents.items():
        path.write_bytes(content)
        yield name
    flipped = bytearray(whole)
    for place in range(40, len(whole), max(1, len(whole) // 37)):
        flipped[place] ^= 0xFF
    path.write_bytes(bytes(flipped))
    yield "flipped"
    for name in ("net", "optimiser", "step", "seconds", "extra", "config"):
        torch.save({key: value for key, value in state.items() if key != name or name == "config"}, path)
        if name != "config":
            yield f"without {name}"
        torch.save({**state, name: [1, "x"]} if name != "config" else [state], path)
        yield f"another {name}"
    torch.save({**state, "net": {key: value[:1] for key, value in state["net"].items()}}, path)
    yield "another size"


def test_a_damaged_state_is_one_error_that_names_the_file(tmp_path: Path) -> None:
    path, net = tmp_path / "x.state", torch.nn.Linear(3, 2)
    parts = {"net": net, "optimiser": torch.optim.Adam(net.parameters())}
    run = Run(path, parts, config={"a": 1}, num_steps=5, save_seconds=0)
    with run.one_step():
        net(torch.ones(1, 3)).sum().backward()
        parts["optimiser"].step()
    state, seen = read_state(path), 0
    for way in damaged(state, path):
        seen += 1
        if way == "flipped":
            with contextlib.suppress(CheckpointError):  # where the bytes are of no consequence, it's read
                Run(path, parts, config={"a": 1}, num_steps=5)
            continue
        with pytest.raises(CheckpointError, match=re.escape(str(path))) as caught:
            Run(path, parts, config={"a": 1}, num_steps=5)
        assert str(caught.value).isprintable(), way
    assert seen > 15
