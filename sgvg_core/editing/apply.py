"""Edits on latents: one still, or a whole trajectory as it streams by."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Any, Protocol

import torch

from ..latents import ChangedWalk, LatentWalk, WrappedWalk, held_rows
from ..shapes import check_shape


class Shift(Protocol):
    """What an edit adds to latents for amounts [n] (0: nothing, 1: its default): [n, L, D]."""

    def __call__(self, amounts: torch.Tensor) -> torch.Tensor: ...


@dataclasses.dataclass(frozen=True, eq=False)
class LinearShift:
    """Straight along one offset [L, D]."""

    offset: torch.Tensor

    def __call__(self, amounts: torch.Tensor) -> torch.Tensor:
        return amounts[:, None, None] * self.offset


@dataclasses.dataclass(frozen=True, eq=False)
class ResolvedEdit:
    """An edit for one generator and start: shifts, and how much of each at which frame."""

    name: str
    shifts: tuple[Shift, ...]
    amounts: torch.Tensor
    """[T, K]: of each shift at each frame, strength and curve included; [1, K] holds throughout, and the last frame holds beyond the end."""
    region: Any = None
    """The edit's region, as it was given: what blends pictures or features reads it."""
    notes: tuple[str, ...] = ()
    """What the user should know, a sentence each: the way it was understood, words that the model doesn't know."""
    way: str = ""
    """"scene", "attribute" or "direction"."""

    def amounts_at(self, first: int, count: int) -> torch.Tensor:
        """The amounts [count, K] of the frames from `first` on."""
        return held_rows(self.amounts, first, count)

    def change(self, first: int, count: int) -> torch.Tensor | None:
        """What is added to the latents of these frames, [count, L, D]; None where it's nothing at all.

        `first` is the number of the first of `count` frames.
        """
        amounts = self.amounts_at(first, count)
        parts = [shift(amounts[:, k]) for k, shift in enumerate(self.shifts) if bool((amounts[:, k] != 0).any())]
        return torch.stack(parts).sum(0) if parts else None


def apply_edits(ws: torch.Tensor, edits: Sequence[ResolvedEdit], first: int = 0) -> torch.Tensor:
    """Latents [n, L, D] of frames `first` on, edited; where every amount is 0 they're the same tensor, byte for byte. `ws` is left as it is."""
    check_shape("ws", ws, "N L D")
    changes = [change.to(ws) for edit in edits if (change := edit.change(first, len(ws))) is not None]
    for change in changes:
        still = (change == 0).flatten(1).all(1)[:, None, None]
        ws = torch.where(still, ws, ws + change)
    return ws


@dataclasses.dataclass(frozen=True)
class EditedWalk(WrappedWalk):
    """A trajectory with edits: iterating gives latents as `walk` does, changed frame by frame; nothing is computed ahead."""

    walk: LatentWalk
    edits: tuple[ResolvedEdit, ...]

    def __iter__(self) -> Iterator[torch.Tensor]:
        return iter(ChangedWalk(self.walk, lambda first, ws: apply_edits(ws, self.edits, first)))


@dataclasses.dataclass(frozen=True, eq=False)
class StillWalk:
    """One latent [1, L, D], or a given series [T, L, D], as a trajectory: a latent is held for `num_frames` frames."""

    ws: torch.Tensor
    num_frames: int
    fps: Fraction = Fraction(25)
    batch: int = 32

    def __iter__(self) -> Iterator[torch.Tensor]:
        for first in range(0, self.num_frames, self.batch):
            yield held_rows(self.ws, first, min(self.batch, self.num_frames - first))


def gathered(walk: Iterable[torch.Tensor]) -> torch.Tensor:
    """All latents of a trajectory at once, [T, L, D]."""
    return torch.cat(list(walk))
