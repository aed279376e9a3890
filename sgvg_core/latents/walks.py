"""What is rendered: latents frame after frame, wherever they come from, and a walk that is another one changed on its way."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any, Protocol, runtime_checkable

import torch

from ..errors import ConfigError

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


class WrappedWalk:
    """What walks that are made of another one, their `walk`, have of it: its length and its rate."""

    walk: LatentWalk

    @property
    def num_frames(self) -> int:
        """As many as the walk's."""
        return self.walk.num_frames

    @property
    def fps(self) -> Fraction:
        """The walk's."""
        return self.walk.fps


@dataclasses.dataclass(frozen=True)
class ChangedWalk(WrappedWalk):
    """`walk` with every batch of latents changed: `change` gets the number of its first frame and the latents [n, L, D].

    Of walks side by side ([n, K, L, D]) each is changed in the same way.
    """

    walk: LatentWalk
    change: Callable[[int, torch.Tensor], torch.Tensor]

    def __iter__(self) -> Iterator[torch.Tensor]:
        first = 0
        for ws in self.walk:
            yield self.change(first, ws) if ws.ndim == 3 else torch.stack([self.change(first, own) for own in ws.unbind(1)], 1)
            first += len(ws)


@dataclasses.dataclass(frozen=True)
class WalksSideBySide(WrappedWalk):
    """`walk` and those to the right of it, which are as long: iterating gives [n, K, L, D], for pictures that lie side by side."""

    walk: LatentWalk
    right: tuple[LatentWalk, ...]
    light_from: int | None = None
    """From this latent on, counted from 0, all have those of `walk`: one light and one palette over all pictures. None: each has its own."""

    def __post_init__(self) -> None:
        for number, walk in enumerate(self.right, start=2):
            if (walk.num_frames, walk.fps) != (self.num_frames, self.fps):
                got, wanted = (f"{each.num_frames} frames at {each.fps} a second" for each in (walk, self.walk))
                raise ConfigError(f"walk {number}: has {got}, but the first one {wanted}; walks side by side are of one sound and rate")

    def __iter__(self) -> Iterator[torch.Tensor]:
        walks = [(ws for batch in walk for ws in batch.split(1)) for walk in (self.walk, *self.right)]
        row: list[torch.Tensor] = []
        for several in zip(*walks, strict=True):
            row.append(self._in_one_light(torch.stack(several, 1)))
            if len(row) == _AT_ONCE:
                yield torch.cat(row)
                row = []
        if row:
            yield torch.cat(row)

    def _in_one_light(self, ws: torch.Tensor) -> torch.Tensor:
        if self.light_from is not None:
            ws[:, 1:, self.light_from:] = ws[:, :1, self.light_from:]
        return ws


def parts_of(walk: Any) -> Iterator[Any]:
    """A walk, what it changes, what that changes, ...: wrappers hold what they change as `walk`."""
    yield walk
    while hasattr(walk, "walk"):
        walk = walk.walk
        yield walk


def origin_of(walk: Any) -> Any:
    """The walk that all changes began with."""
    return list(parts_of(walk))[-1]


def on_another(walk: Any, change: Callable[[Any], Any]) -> Any:
    """The same walk, with all that changes it, on what `change` makes of the one that the changes began with; of walks side by side, of each."""
    if isinstance(walk, WalksSideBySide):
        right = tuple(on_another(each, change) for each in walk.right)
        return dataclasses.replace(walk, walk=on_another(walk.walk, change), right=right)
    return dataclasses.replace(walk, walk=on_another(walk.walk, change)) if hasattr(walk, "walk") else change(walk)


def start_of(walk: LatentWalk) -> torch.Tensor:
    """Where a walk begins, [1, L, D]: its own start where it has one, before any change; else its first latent."""
    origin = origin_of(walk)
    return origin.start_ws if hasattr(origin, "start_ws") else next(iter(walk))[:1]


def held_rows(values: torch.Tensor, first: int, count: int) -> torch.Tensor:
    """Rows `first` to `first + count - 1` of `values` [T, ...], one a frame; beyond the end the last one holds."""
    return values[torch.arange(first, first + count).clamp(max=len(values) - 1)]


def edited(walk: LatentWalk, edits: Sequence[WalkEdit] = ()) -> LatentWalk:
    """The walk after all `edits`, the first of them first."""
    for edit in edits:
        walk = edit(walk)
    return walk
