"""Muon ("Muon: an optimizer for hidden layers in neural networks", Jordan et al. 2024): momentum whose singular values are made alike.

Adam scales each number by itself, so a step follows the few directions in which most of the gradient lies; here every direction of a layer's
matrix moves by as much, also those that draw what is thin and rare. torch's own takes matrices alone, and only since torch 2.9.
"""

import math
from collections.abc import Iterable

import torch

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the polynomial whose repetition takes singular values in 0..1 to about 1 (0.7 to 1.2)."""
_REPETITIONS = 5


class Muon(torch.optim.Optimizer):
    """Muon for linear layers and convolutions: a convolution's weights are the matrix [out, in * height * width].

    `params` are weights of two dimensions or more; biases aren't matrices, and are another optimiser's. `lr` is the root mean square of a step's
    numbers, as it's about Adam's; `momentum` is that of Nesterov.
    """

    def __init__(self, params: Iterable[torch.nn.Parameter], lr: float, momentum: float = 0.95) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        """Move the weights by their gradients; those without one stay."""
        for group in self.param_groups:
            for param in group["params"]:
                if param.grad is None:
                    continue
                state = self.state[param]
                if not state:
                    state["momentum"] = torch.zeros_like(param)
                state["momentum"].lerp_(param.grad, 1 - group["momentum"])
                ahead = param.grad.lerp(state["momentum"], group["momentum"])
                matrix = orthogonalised(ahead.flatten(1))
                param.add_(matrix.view_as(param), alpha=-group["lr"] * math.sqrt(max(matrix.shape)))


def orthogonalised(matrix: torch.Tensor) -> torch.Tensor:
    """The nearest matrix to [M, N] whose singular values are all about 1, by Newton and Schulz's iteration in bfloat16."""
    a, b, c = _COEFFICIENTS
    wide = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    x = wide.bfloat16()
    x = x / (x.norm() + 1e-7)
    for _ in range(_REPETITIONS):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.T if matrix.shape[0] > matrix.shape[1] else x).to(matrix.dtype)
