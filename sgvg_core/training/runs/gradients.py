"""How much of the gradient each loss term gives."""

import math
from collections.abc import Mapping

import torch


def gradient_shares(terms: Mapping[str, torch.Tensor], parameters: list[torch.nn.Parameter]) -> dict[str, float]:
    """The norm of each (weighted) term's own gradient, as a share of the sum of these norms.

    `terms` are by name, with their weights and one common graph.
    """
    norms = {}
    for name, term in terms.items():
        parts = torch.autograd.grad(term, parameters, retain_graph=True, allow_unused=True)
        norms[name] = math.sqrt(sum(float(part.square().sum()) for part in parts if part is not None))
    total = sum(norms.values()) or 1.0
    return {name: norm / total for name, norm in norms.items()}
