"""Schedules of learning rates: where they begin, where they end and how they get there."""

import math

import pytest
import torch

from sgvg_core.schedules import cosine, set_lr, warm_up


def test_warming_up_is_linear_and_ends() -> None:
    assert [warm_up(step, 4) for step in (0, 1, 3, 4, 400)] == [0.25, 0.5, 1.0, 1.0, 1.0]


@pytest.mark.parametrize(("done", "flat", "share"), [(0, 0, 1), (0.5, 0, 0.5), (1, 0, 0), (0.4, 0.4, 1), (0.7, 0.4, 0.5), (1, 0.95, 0)])
def test_the_cosine_falls_after_its_level_stretch(done: float, flat: float, share: float) -> None:
    assert cosine(done, flat) == pytest.approx(share, abs=1e-12)
    assert cosine(0.25) == pytest.approx(0.5 + 0.5 * math.sqrt(0.5))


def test_every_group_gets_the_rate() -> None:
    optimiser = torch.optim.SGD([{"params": [torch.zeros(1)]}, {"params": [torch.zeros(1)], "lr": 3.0}], lr=1.0)
    set_lr(optimiser, 0.25)
    assert [group["lr"] for group in optimiser.param_groups] == [0.25, 0.25]
