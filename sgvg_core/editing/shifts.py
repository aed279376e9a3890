"""What an edit adds to latents, by how strong it is: straight lines between a few measured places."""

import dataclasses
from collections.abc import Sequence

import torch


@dataclasses.dataclass(frozen=True, eq=False)
class KnotShift:
    """Straight lines between offsets at given amounts; beyond the ends the last line continues."""

    amounts: torch.Tensor
    """[M], rising; 0 is among them."""
    offsets: torch.Tensor
    """[M, L, D]; that of 0 is zero."""

    def __call__(self, amounts: torch.Tensor) -> torch.Tensor:
        amounts = amounts.to(self.amounts).contiguous()
        above = torch.searchsorted(self.amounts, amounts, right=True).clamp(1, len(self.amounts) - 1)
        low, high = self.amounts[above - 1], self.amounts[above]
        share = ((amounts - low) / (high - low))[:, None, None]
        shifted = torch.lerp(self.offsets[above - 1], self.offsets[above], share)
        return torch.where((amounts == 0)[:, None, None], torch.zeros_like(shifted), shifted)


def linearised(places: Sequence[float], responses: torch.Tensor, num_knots: int = 5) -> list[float]:
    """Places at which a response is reached in equal parts: of `places` [M], rising from 0, with measured `responses` [M], those where
    0, 1/(n-1), ... 1 of the way from the first response to the last is made.

    What falls back is taken as no progress; where nothing is gained, the places are spread evenly.

    `num_knots` is n.
    """
    rising = (responses - responses[0]).double().cummax(0).values
    total = float(rising[-1])
    first, last = float(places[0]), float(places[-1])
    if total <= 1e-9:
        return [first + (last - first) * k / (num_knots - 1) for k in range(num_knots)]
    found = []
    for knot in range(num_knots):
        wanted = total * knot / (num_knots - 1)
        above = int(torch.searchsorted(rising, wanted, right=False).clamp(1, len(rising) - 1))
        gap = float(rising[above] - rising[above - 1])
        share = (wanted - float(rising[above - 1])) / gap if gap > 0 else 1.0
        found.append(float(places[above - 1]) + min(max(share, 0.0), 1.0) * (float(places[above]) - float(places[above - 1])))
    found[0], found[-1] = first, last
    return found
