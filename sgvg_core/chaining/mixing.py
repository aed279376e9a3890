"""Examples of another model's space, mixed frame by frame by weights."""

from collections.abc import Sequence

import torch

from ..curves.curve import Curve
from ..errors import ConfigError, ShapeError

MAX_EXAMPLES = 12


def mixing_weights(scores: Sequence[Curve], *, sharpness: float = 1.0) -> torch.Tensor:
    """Weights [T, K] of K examples from their scores, a curve each: every row sums to 1, and a score that stands alone is exactly 1.

    Scores below 0 count as 0; each is raised to `sharpness` (above 0: larger ones prefer the strongest). Curves of another rate or length
    are read at the first one's frames. A frame without any score keeps the weights of the frame before; before the first score all
    examples weigh the same. Raises ConfigError.
    """
    if not 1 <= len(scores) <= MAX_EXAMPLES:
        raise ConfigError(f"scores: got {len(scores)} curves, expected 1 to {MAX_EXAMPLES}, one for each example")
    if not 0 < sharpness < 1000:
        raise ConfigError(f"sharpness: got {sharpness}, expected a number above 0, below 1000")
    first = scores[0]
    same = [curve if (curve.rate, len(curve)) == (first.rate, len(first)) else curve.at(first.rate, len(first)) for curve in scores]
    raised = torch.stack([curve.values.double() for curve in same], 1).clamp(min=0)
    raised = (raised / raised.amax(1, keepdim=True).clamp(min=1e-300)) ** sharpness
    total = raised.sum(1, keepdim=True)
    weights = torch.where(total > 0, raised / total.clamp(min=1e-300), torch.nan)
    before = torch.full((len(same),), 1 / len(same), dtype=torch.float64)
    for row in range(len(weights)):
        if bool(weights[row].isnan().any()):
            weights[row] = before
        before = weights[row]
    return weights.float()


def mix_examples(examples: Sequence[torch.Tensor], weights: torch.Tensor, *, what: str = "example") -> torch.Tensor:
    """The weighted sum of examples, each [1, ...] of one shape, by `weights` [T, K]: [T, ...], in the examples' number type.

    A frame whose weight is 1 for one example and 0 for the others is exactly that example, to the bit. `what` names the examples in
    errors. Raises ShapeError where they're unlike: nothing is padded or cut.
    """
    _check(examples, weights, what)
    stacked = torch.cat([example.detach().to("cpu") for example in examples])
    flat = stacked.reshape(len(stacked), -1)
    mixed = (weights.double() @ flat.double()).to(flat.dtype)
    alone = weights.amax(1) == 1
    mixed[alone] = flat[weights.argmax(1)[alone]]
    return mixed.reshape(len(weights), *stacked.shape[1:])


def mix_vectors(examples: Sequence[torch.Tensor], weights: torch.Tensor, *, what: str = "example") -> torch.Tensor:
    """As `mix_examples`, of vectors [1, D], with norms kept: each mix is as long as its examples are, by the same weights.

    A mean of directions is shorter than they are, and image models take a short embedding for a weak one.

    `what` names the examples in errors.
    """
    mixed = mix_examples(examples, weights, what=what)
    lengths = torch.stack([example.detach().cpu().double().norm() for example in examples])
    wanted, found = weights.double() @ lengths, mixed.double().flatten(1).norm(dim=1)
    scale = torch.where(found > 1e-6 * wanted.clamp(min=1e-12), wanted / found.clamp(min=1e-12), 1.0)
    scaled = (mixed.double() * scale.reshape(-1, *[1] * (mixed.ndim - 1))).to(mixed.dtype)
    alone = weights.amax(1) == 1
    return torch.where(alone.reshape(-1, *[1] * (mixed.ndim - 1)), mixed, scaled)


def nearest_example(weights: torch.Tensor) -> torch.Tensor:
    """The example of each frame [T] that weighs most (int64): for fields of tokens, whose places mean something and can't be averaged."""
    return weights.argmax(1)


def _check(examples: Sequence[torch.Tensor], weights: torch.Tensor, what: str) -> None:
    if weights.ndim != 2 or weights.shape[1] != len(examples):
        raise ShapeError(f"weights: got shape {list(weights.shape)}, expected [T, {len(examples)}], one for each {what}")
    first = examples[0]
    for number, example in enumerate(examples, 1):
        if len(example) != 1:
            raise ShapeError(f"{what} {number}: got a batch of {len(example)}, expected 1; choose one item of it")
        if example.shape != first.shape:
            raise ShapeError(f"{what} {number}: got shape {list(example.shape)}, but {what} 1 has {list(first.shape)}; nothing is padded here, so "
                             "take examples of one encoder, of equal length")
