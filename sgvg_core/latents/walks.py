"""What is rendered: latents frame after frame, wherever they come from, and a walk that is another one changed on its way."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any, Protocol, runtime_checkable

import torch

_AT_ONCE = 32


@runtime_checkable
class LatentWalk(Protocol):
    """Iterating gives latents [n, L, D] of frame after frame, batch after batch; iterating again gives the same numbers."""

    @property
    def num_frames(self) -> int:
        """How many frames it has in all."""

    @property
    def fps(self) -> Fraction:
        """Frames a second."""

    def __iter__(self) -> Iterator[torch.Tensor]: ...


WalkEdit = Callable[[LatentWalk], LatentWalk]
"""What changes a walk into another one, lazily."""


@dataclasses.dataclass(frozen=True)
class StoredWalk:
    """Latents [T, L, D], frame after frame, that no sound moved: those of a file, or of pictures. A film of it is silent."""

    ws: torch.Tensor
    fps: Fraction

    @property
    def num_frames(self) -> int:
        """T."""
        return len(self.ws)

    def __iter__(self) -> Iterator[torch.Tensor]:
        return iter(self.ws.split(_AT_ONCE))


@dataclasses.dataclass(frozen=True)
class ChangedWalk:
    """`walk` with every batch of latents changed: `change` gets the number of its first frame and the latents [n, L, D]."""

    walk: LatentWalk
    change: Callable[[int, torch.Tensor], torch.Tensor]

    @property
    def num_frames(self) -> int:
        """As many as the walk's."""
        return self.walk.num_frames

    @property
    def fps(self) -> Fraction:
        """The walk's."""
        return self.walk.fps

    def __iter__(self) -> Iterator[torch.Tensor]:
        first = 0
        for ws in self.walk:
            yield self.change(first, ws)
            first += len(ws)


def origin_of(walk: Any) -> Any:
    """The walk that all changes began with: wrappers hold what they change as `walk`."""
    while hasattr(walk, "walk"):
        walk = walk.walk
    return walk


def edited(walk: LatentWalk, edits: Sequence[WalkEdit] = ()) -> LatentWalk:
    """The walk after all `edits`, the first of them first."""
    for edit in edits:
        walk = edit(walk)
    return walk
