"""Changes of a walk's latents, frame by frame: truncation that a curve drives, the layers of another latent, displacements."""

import dataclasses
from collections.abc import Sequence

import torch

from ..curves.curve import Curve
from ..errors import ConfigError, ShapeError
from ..latents import ChangedWalk, LatentWalk, held_rows


def curve_values(curve: Curve, walk: LatentWalk) -> torch.Tensor:
    """The curve at the walk's frames, [T]."""
    return curve.at(walk.fps, walk.num_frames).values


def _of_frames(values: torch.Tensor, first: int, ws: torch.Tensor) -> torch.Tensor:
    """The values of the frames that `ws` [n, L, D] are, [n, 1, 1]."""
    return held_rows(values, first, len(ws)).to(ws)[:, None, None]


@dataclasses.dataclass(frozen=True)
class TruncatedWalk:
    """Each latent drawn towards a centre: 1 leaves it as it is, 0 gives the centre, above 1 leads away from it.

    `centres` [K, L, D]. Without `centre` that's the one nearest to the latent; with it, the one of this number, or between two of them.
    """

    psi: Curve
    """The factor, frame by frame."""
    centres: torch.Tensor
    centre: Curve | None = None

    def __call__(self, walk: LatentWalk) -> LatentWalk:
        psi = curve_values(self.psi, walk)
        which = None if self.centre is None else curve_values(self.centre, walk)

        def change(first: int, ws: torch.Tensor) -> torch.Tensor:
            near = self._nearest(ws) if which is None else self._numbered(_of_frames(which, first, ws))
            return torch.lerp(near, ws, _of_frames(psi, first, ws))

        return ChangedWalk(walk, change)

    def _nearest(self, ws: torch.Tensor) -> torch.Tensor:
        if tuple(self.centres.shape[1:]) != tuple(ws.shape[1:]):
            wanted = f"[K, {ws.shape[1]}, {ws.shape[2]}]"
            raise ShapeError(f"centres: got shape {list(self.centres.shape)}, expected {wanted}; use centres of this generator")
        return self.centres[torch.cdist(ws.flatten(1).double(), self.centres.flatten(1).double()).argmin(1)].to(ws)

    def _numbered(self, places: torch.Tensor) -> torch.Tensor:
        places = places.clamp(0, len(self.centres) - 1)
        low = places.floor().long().flatten()
        high = (low + 1).clamp(max=len(self.centres) - 1)
        return torch.lerp(self.centres[low], self.centres[high], places - places.floor()).to(places)


@dataclasses.dataclass(frozen=True)
class StyleMix:
    """Some latents of a walk drawn towards those of `other` [1, L, D]: 0 leaves them as they are, 1 takes the other's ("style mixing")."""

    other: torch.Tensor
    layers: Sequence[int]
    """The numbers of the latents, from 0."""
    amount: Curve
    """0..1."""

    def __call__(self, walk: LatentWalk) -> LatentWalk:
        amount = curve_values(self.amount, walk)
        mask = layer_mask(self.layers, self.other.shape[1])

        def change(first: int, ws: torch.Tensor) -> torch.Tensor:
            return torch.lerp(ws, self.other.to(ws).expand_as(ws), _of_frames(amount, first, ws) * mask.to(ws)[:, None])

        return ChangedWalk(walk, change)


@dataclasses.dataclass(frozen=True)
class Displacement:
    """A walk moved along `direction` [L, D] by a curve: 0 leaves a frame as it is, 1 moves it by the whole direction."""

    direction: torch.Tensor
    amount: Curve
    """How much of it, frame by frame."""

    def __call__(self, walk: LatentWalk) -> LatentWalk:
        amount = curve_values(self.amount, walk)
        return ChangedWalk(walk, lambda first, ws: ws + _of_frames(amount, first, ws) * self.direction.to(ws))


def layer_mask(layers: Sequence[int], num_ws: int) -> torch.Tensor:
    """1 for the latents of these numbers, 0 for the others, [L]. Raises ConfigError.

    `layers` are numbers from 0 to `num_ws` - 1, and `num_ws` is L.
    """
    if not layers or not all(0 <= layer < num_ws for layer in layers):
        raise ConfigError(f"layers: got {list(layers)}, expected numbers from 0 to {num_ws - 1}, the latents of this generator")
    return torch.zeros(num_ws).index_fill_(0, torch.tensor(list(layers)), 1.0)
