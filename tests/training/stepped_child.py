"""A small training that tests start as a process of its own, to kill it or to run it in pairs: `python stepped_child.py FOLDER STEPS`.

It says each step before and inside, so that a kill can hit it between any two of its lines.
"""

import sys
from pathlib import Path

import torch

from sgvg_core.randomness import generator_at
from sgvg_core.training.runs.ema import ema_update
from sgvg_core.training.runs.ranks import Ranks
from sgvg_core.training.runs.steps import RunPolicy, SteppedRun

BATCH = 4


def draw(step: int, items: range) -> torch.Tensor:
    """The data of a step: each item by its own number."""
    return torch.stack([torch.randn(6, generator=generator_at(3, "data", step, item)) for item in items])


def train(folder: Path, num_steps: int, say=lambda words: None, **policy) -> torch.nn.Module:
    """Steps with momentum, an average of weights, and a number that the steps adapt; returns the network and its average."""
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(6, 32), torch.nn.GELU(), torch.nn.Dropout(0.0), torch.nn.Linear(32, 2))
    mean = torch.nn.Sequential(torch.nn.Linear(6, 32), torch.nn.GELU(), torch.nn.Dropout(0.0), torch.nn.Linear(32, 2))
    optimiser = torch.optim.Adam(net.parameters(), 0.01)
    parts = {"net": net, "mean": mean, "optimiser": optimiser}
    policy = RunPolicy(num_steps=num_steps, **{"save_seconds": 0.0, "log_every": 5, **policy})
    with SteppedRun(folder, parts, config={"batch": BATCH, "rate": 0.01}, policy=policy, ranks=Ranks()) as run:
        for step in run.steps():
            say(f"begin {step}")
            with run.waiting():
                batch = draw(step, range(BATCH))
            strength = run.extra.get("strength", 0.0)
            loss = (net(batch) - batch[:, :2] * (1 + strength)).square().mean()
            run.note(loss=loss)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            say(f"half {step}")
            ema_update(mean, net, 0.9)
            run.extra["strength"] = strength + 0.01 * (1 if loss.item() < 1 else -1)
    return torch.nn.ModuleList([net, mean])


if __name__ == "__main__":
    torch.set_num_threads(1)
    nets = train(Path(sys.argv[1]), int(sys.argv[2]), say=lambda words: print(words, flush=True))
    torch.save(nets.state_dict(), Path(sys.argv[1]) / "weights.pt")
