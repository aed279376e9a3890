"""Averages of a network's weights: the moving average of a run, and that of a fine-tuned network with its beginning."""

from collections.abc import Mapping

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
    """What step `step` (from 0) keeps: the plain mean of all weights so far, then an average over about `num_steps` steps."""
    return 1 - 1 / min(num_steps, step + 1)


@torch.no_grad()
def lerp_to_initial(net: torch.nn.Module, initial: Mapping[str, torch.Tensor], share: float) -> None:
    """Take `share`, 0..1, of `net`'s weights and buffers from `initial`, the state it was fine-tuned from, and the rest as it learned them.

    What is fine-tuned on few data forgets a part of what it knew; the mean of both has nearly all of either (WiSE-FT, Wortsman et al. 2022).
    Tensors that `initial` lacks or has in another shape stay as they were learned.
    """
    for name, own in net.state_dict().items():
        before = initial.get(name)
        if before is not None and before.shape == own.shape and own.is_floating_point():
            own.lerp_(before.to(own), share)
