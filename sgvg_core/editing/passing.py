"""From one scene to another: how far a strength leads, and how a film gets past the middle.

Between two scenes lies nothing that a generator knows: halfway a straight line shows neither of them, blurred. So a strength leads along the
line as far as pictures stay crisp, on the start's side and on the landing's, and what lies between is jumped over. A film jumps in a third of
a second, whatever its curve does there.
"""

import dataclasses
from fractions import Fraction

import torch

PASSING_SECONDS = 0.3
"""How long a film takes from one scene to another."""
LEAST_SECONDS = 0.5
"""A film stays on a side for so long at least: shorter crossings are left out."""
LEAVES, LANDS = 0.49, 0.5
"""Strengths between which the jump lies."""


@dataclasses.dataclass(frozen=True, eq=False)
class LandingShift:
    """Along an offset [L, D] to a landing, with a jump: strength `LEAVES` leads to `near` of the way, `LANDS` to `far` of it, 1 to its end."""

    offset: torch.Tensor
    near: float
    far: float

    def __call__(self, amounts: torch.Tensor) -> torch.Tensor:
        return self.place(amounts)[:, None, None] * self.offset

    def place(self, amounts: torch.Tensor) -> torch.Tensor:
        """How much of the way strengths [n] lead, [n]; below 0 and beyond 1 it's as much as they say."""
        before = self.near * amounts / LEAVES
        behind = 1 - (1 - self.far) * (1 - amounts) / (1 - LANDS)
        share = ((amounts - LEAVES) / (LANDS - LEAVES)).clamp(0, 1)
        inside = torch.lerp(before.clamp(max=self.near), behind.clamp(min=self.far), share.square() * (3 - 2 * share))
        return torch.where((amounts < 0) | (amounts > 1), amounts, inside)


def crisp_ends(places: torch.Tensor, crisp: torch.Tensor) -> tuple[float, float]:
    """How far pictures stay crisp from each end of a way: of `places` [M], rising from 0 to 1, the last of the first run that is `crisp`
    (bool [M]) and the first of the last run. A way that is crisp throughout has no jump: both are its middle.
    """
    dull = (~crisp).nonzero().flatten()
    if not len(dull):
        return LEAVES, LANDS
    return float(places[max(int(dull[0]) - 1, 0)]), float(places[min(int(dull[-1]) + 1, len(places) - 1)])


def passed_quickly(amounts: torch.Tensor, fps: Fraction) -> torch.Tensor:
    """Strengths over time `amounts` [T, K] so that they cross the jump in `PASSING_SECONDS`, and stay on each side for `LEAST_SECONDS` at least.

    Where they're 0 they stay 0. `fps` are frames a second.
    """
    landed = torch.stack([_held(each > (LEAVES + LANDS) / 2, round(LEAST_SECONDS * float(fps))) for each in amounts.T], 1).float()
    share = eased(landed, fps)
    passed = torch.lerp(amounts.clamp(max=LEAVES), amounts.clamp(min=LANDS), share)
    return torch.where(amounts == 0, amounts, passed)


def _held(sides: torch.Tensor, shortest: int) -> torch.Tensor:
    """Sides [T] (bool) without runs of fewer than `shortest` frames between two others."""
    runs, counts = torch.unique_consecutive(sides, return_counts=True)
    for place in range(1, len(runs) - 1):
        if counts[place] < shortest:
            runs[place] = runs[place - 1]
    return runs.repeat_interleave(counts)


def eased(weights: torch.Tensor, fps: Fraction) -> torch.Tensor:
    """Weights over time [T, K], each step of which takes `PASSING_SECONDS` and begins and ends gently; as much before it as behind."""
    half = max(0, round(PASSING_SECONDS * float(fps) / 2))
    if half == 0 or len(weights) == 1:
        return weights
    window = torch.hann_window(2 * half + 3, periodic=False)[1:-1]
    padded = torch.cat([weights[:1].expand(half, -1), weights, weights[-1:].expand(half, -1)])
    return torch.nn.functional.conv1d(padded.T[:, None], (window / window.sum())[None, None])[:, 0].T
