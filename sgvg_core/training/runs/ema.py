"""The exponential moving average of a network's weights, and how much of it a step keeps."""

import torch


@torch.no_grad()
def ema_update(ema: torch.nn.Module, model: torch.nn.Module, decay: float) -> None:
    """Move the weights of `ema` towards those of `model`: `decay`, 0..1, of the average stays. Buffers are copied."""
    torch._foreach_lerp_(list(ema.parameters()), list(model.parameters()), 1 - decay)
    for own, new in zip(ema.buffers(), model.buffers(), strict=True):
        own.copy_(new)


def decay_of_half_life(batch: int, half_life: float) -> float:
    """What a step on `batch` images keeps, so that after `half_life` images half of the average is what it was (StyleGAN's ema_kimg)."""
    return float(0.5 ** (batch / max(half_life, 1e-8)))


def decay_of_steps(step: int, num_steps: float) -> float:
    """What step `step` (from 0) keeps: the plain mean of all weights so far, from `num_steps` steps on an average over about so many."""
    return 1 - 1 / min(num_steps, step + 1)
