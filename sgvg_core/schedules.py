"""How a learning rate runs over a training: a warm-up, a level stretch, half a cosine (Loshchilov and Hutter 2017, "SGDR", Eq. 5)."""

import math

import torch


def warm_up(step: int, num_steps: int) -> float:
    """The share of the rate that step `step` (from 0) takes: linear from 1 / `num_steps` to 1, which the last warming step reaches."""
    return min(1.0, (step + 1) / num_steps)


def cosine(done: float, flat: float = 0.0) -> float:
    """The share of the rate once `done` of the training, 0..1, is over: 1 until `flat`, 0..1, then half a cosine down to 0 at the end."""
    return 0.5 + 0.5 * math.cos(math.pi * max(0.0, done - flat) / (1 - flat))


def set_lr(optimiser: torch.optim.Optimizer, lr: float) -> None:
    """Let every group of `optimiser` learn at the rate `lr` from the next step on."""
    for group in optimiser.param_groups:
        group["lr"] = lr
