"""Style mixing over time: content from one trajectory, style from another, layer by layer and frame by frame.

Style mixing in W+ takes some layers' latents from another source (Karras et al. 2019, arXiv 1812.04948, section 3.1): the coarse ones decide
layout, the mid ones shapes, the fine ones light and colour. Here the source may itself be a film, and each layer has a weight a frame.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence

import torch

from ..errors import ConfigError, ShapeError
from ..generation.trajectory import change_rate
from ..latents import LatentWalk, WrappedWalk, held_rows
from ..shapes import check_shape

Weight = float | Sequence[float]
"""One number for the whole film, or one a frame; the last one holds."""

_LIMIT = 4.0


def layer_weights(weights: Mapping[str, Weight], slices: Mapping[str, slice], num_ws: int) -> torch.Tensor:
    """How much of the style each layer takes, [T, L], of weights for groups of layers.

    `weights` has a number, or one a frame, for names of `slices` (see `latents.group_slices`); groups that aren't named take 0. T is the
    longest list's length; shorter ones hold their last number. 0 is the content, 1 the style; beyond that it's exaggerated, to +-4 at most.
    Raises ConfigError.

    `num_ws` is L.
    """
    tracks = {name: _track(name, weight) for name, weight in weights.items()}
    unknown = sorted(set(tracks) - set(slices))
    if unknown:
        raise ConfigError(f"style weights: got layers {', '.join(unknown)}, expected some of {', '.join(slices)}")
    length = max((len(track) for track in tracks.values()), default=1)
    found = torch.zeros(length, num_ws)
    for name, track in tracks.items():
        found[:, slices[name]] = held_rows(track, 0, length)[:, None]
    return found


def _track(name: str, weight: Weight) -> torch.Tensor:
    track = torch.as_tensor(weight, dtype=torch.float32).flatten()
    if not len(track) or not bool(track.isfinite().all()) or float(track.abs().max()) > _LIMIT:
        seen = "an empty list" if not len(track) else f"{float(track.min()):g} to {float(track.max()):g}"
        raise ConfigError(f"style weight of {name}: got {seen}, expected numbers from {-_LIMIT:g} to {_LIMIT:g}; 0 is the content, 1 the style")
    return track


def mix_ws(content_ws: torch.Tensor, style_ws: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Latents of `content_ws` [N, L, D] with those of `style_ws` ([N, L, D], or [1, L, D] for all) by `weights` [N or 1, L].

    Layers of weight 0 are the content's bit by bit, those of weight 1 the style's. Raises ShapeError.
    """
    check_shape("content", content_ws, "N L D")
    check_shape("style", style_ws, "N L D", L=content_ws.shape[1], D=content_ws.shape[2])
    check_shape("weights", weights, "N L", L=content_ws.shape[1])
    for name, tensor in (("style", style_ws), ("weights", weights)):
        if len(tensor) not in (1, len(content_ws)):
            raise ShapeError(f"{name}: got {len(tensor)} for {len(content_ws)} latents, expected as many, or one for all")
    share = weights.to(content_ws)[:, :, None]
    mixed = torch.lerp(content_ws, style_ws.to(content_ws), share)
    return torch.where(share == 0, content_ws, torch.where(share == 1, style_ws.to(content_ws), mixed))


@dataclasses.dataclass(frozen=True)
class MixedWalk(WrappedWalk):
    """A trajectory whose layers come from two others: as many frames as `walk` has, at its rate."""

    walk: LatentWalk
    """The content: it says how many frames there are, at which rate."""
    style: LatentWalk | torch.Tensor
    """A film, brought to the content's frame rate and held at its end; or one latent [1, L, D] for all frames."""
    weights: torch.Tensor
    """[T, L] of `layer_weights`; frames beyond the last hold it."""

    def __iter__(self) -> Iterator[torch.Tensor]:
        styles = _Reader(self._styles())
        first = 0
        for ws in self.walk:
            yield mix_ws(ws, styles.take(len(ws)), held_rows(self.weights, first, len(ws)))
            first += len(ws)

    def _styles(self) -> Iterable[torch.Tensor]:
        if isinstance(self.style, torch.Tensor):
            return [self.style[:1].expand(self.num_frames, -1, -1)]
        if self.style.fps == self.fps and self.style.num_frames >= self.num_frames:
            return self.style
        return change_rate(self.style, self.style.fps, self.fps, self.num_frames)


class _Reader:
    """A stream of batches, taken out in pieces of other sizes."""

    def __init__(self, batches: Iterable[torch.Tensor]) -> None:
        self._batches = iter(batches)
        self._rest = next(self._batches)
        self._last = self._rest[-1:]

    def take(self, num_items: int) -> torch.Tensor:
        """The next `num_items`; the last one again where the stream has ended."""
        parts, missing = [self._rest], num_items - len(self._rest)
        while missing > 0:
            batch = next(self._batches, None)
            parts.append(self._last.expand(missing, *self._last.shape[1:]) if batch is None else batch)
            self._last = parts[-1][-1:]
            missing -= len(parts[-1])
        joined = torch.cat(parts) if len(parts) > 1 else parts[0]
        self._rest = joined[num_items:]
        return joined[:num_items]
