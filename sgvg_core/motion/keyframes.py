"""Latents at moments, and the way between them: straight, on a sphere, or a cubic whose velocity is continuous."""

import dataclasses
import itertools
import math
from collections.abc import Callable

import torch

from ..config import check_choice
from ..errors import ConfigError, ShapeError

INTERPOLATIONS = ("linear", "slerp", "cubic")
"""linear: straight lines; slerp: each latent turns about the mean latent, its distance from it changing evenly (Shoemake 1985); cubic: Hermite
curves with the tangents of Catmull and Rom for uneven times, which pass every keyframe without a jump of velocity."""

EASINGS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "linear": lambda u: u,
    "smooth": lambda u: u * u * (3 - 2 * u),
    "in": lambda u: u * u,
    "out": lambda u: u * (2 - u),
    "hold": torch.zeros_like,
}
"""How a segment is passed, as the share of its way (0..1) at the share of its time: evenly; softly at both ends; slow at first; slow at last;
not at all until the next keyframe, which then cuts in."""


@dataclasses.dataclass(frozen=True)
class Keyframe:
    """A latent at a moment, and how the way to the next one is passed."""

    seconds: float
    """The moment, from the film's beginning."""
    ws: torch.Tensor
    """[1, L, D]."""
    easing: str = "linear"
    """How the way to the next one is passed: one of `EASINGS`."""

    def __post_init__(self) -> None:
        check_choice("easing", self.easing, tuple(EASINGS))
        if not math.isfinite(self.seconds):
            raise ConfigError(f"keyframe: got {self.seconds} seconds, expected a finite number")
        if self.ws.ndim != 3 or len(self.ws) != 1:
            raise ShapeError(f"keyframe: got latents of shape {list(self.ws.shape)}, expected [1, L, D]")


@dataclasses.dataclass(frozen=True)
class Keyframes:
    """A way through keyframes. Before the first and after the last they hold, unless the way is closed."""

    keys: tuple[Keyframe, ...]
    """In the order of their times, each time once."""
    interpolation: str = "linear"
    """How latents between two of them are found: one of `INTERPOLATIONS`."""
    centre: torch.Tensor | None = None
    """[D], what slerp turns about (the generator's mean latent); None: the origin."""
    period: float | None = None
    """Seconds after which the way begins again: the last keyframe leads on to the first. None: it ends."""

    def __post_init__(self) -> None:
        check_choice("interpolation", self.interpolation, INTERPOLATIONS)
        times = [key.seconds for key in self.keys]
        if not times or not all(before < after for before, after in itertools.pairwise(times)):
            raise ConfigError(f"keyframes: got the times {', '.join(f'{time:g}' for time in times[:8]) or '(none)'} seconds, expected one at least, "
                              "each later than the one before")
        if len({tuple(key.ws.shape) for key in self.keys}) > 1:
            raise ShapeError("keyframes: their latents differ in shape; use latents of one generator")
        if self.interpolation == "cubic" and any(key.easing not in ("linear", "hold") for key in self.keys):
            raise ConfigError("keyframes: cubic keeps the velocity continuous, which an easing would break; use linear or slerp with it")
        if self.period is not None and not times[-1] - times[0] < self.period:
            covered = f"they cover {times[-1] - times[0]:g} s of a loop of {self.period:g} s"
            raise ConfigError(f"keyframes: {covered}; leave out the last one, a loop comes back to the first by itself")

    def at(self, seconds: torch.Tensor) -> torch.Tensor:
        """The latents [n, L, D] at moments [n]."""
        keys = self._unrolled()
        times = torch.tensor([key.seconds for key in keys], dtype=torch.float64)
        ws = torch.cat([key.ws for key in keys])
        seconds = seconds.double()
        if self.period is not None:
            seconds = self.keys[0].seconds + (seconds - self.keys[0].seconds) % self.period
        if len(keys) == 1:
            return ws.expand(len(seconds), -1, -1)
        seconds = seconds.clamp(times[0], times[-1])
        below = (torch.searchsorted(times, seconds, right=True) - 1).clamp(0, len(keys) - 2)
        share = (seconds - times[below]) / (times[below + 1] - times[below])
        eased = torch.empty_like(share)
        for name, ease in EASINGS.items():
            mine = torch.tensor([key.easing == name for key in keys])[below]
            eased[mine] = ease(share[mine])
        eased = torch.where(seconds >= times[-1], torch.ones_like(eased), eased)
        return self._between(ws, times, below, eased)

    def _unrolled(self) -> tuple[Keyframe, ...]:
        """The keyframes; of a closed way the first once more at its end, and for tangents those beyond both ends."""
        if self.period is None:
            return self.keys
        after = [dataclasses.replace(key, seconds=key.seconds + self.period) for key in self.keys[:2]]
        before = dataclasses.replace(self.keys[-1], seconds=self.keys[-1].seconds - self.period)
        return (before, *self.keys, *after)

    def _between(self, ws: torch.Tensor, times: torch.Tensor, below: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
        at = share.to(ws.dtype)[:, None, None]
        if self.interpolation == "linear":
            return torch.lerp(ws[below], ws[below + 1], at)
        if self.interpolation == "slerp":
            return slerp(ws[below], ws[below + 1], at, self.centre)
        tangents = _tangents(ws, times)
        length = (times[below + 1] - times[below]).to(ws.dtype)[:, None, None]
        squared, cubed = at.square(), at**3
        start, end = (2 * cubed - 3 * squared + 1) * ws[below], (3 * squared - 2 * cubed) * ws[below + 1]
        leaving, arriving = (cubed - 2 * squared + at) * length * tangents[below], (cubed - squared) * length * tangents[below + 1]
        return start + leaving + end + arriving


def _tangents(ws: torch.Tensor, times: torch.Tensor) -> torch.Tensor:
    """The velocity at each keyframe, [K, L, D] a second: that of the parabola through it and its neighbours; at the ends of the way 0."""
    lengths = times.diff().to(ws.dtype)[:, None, None]
    slopes = ws.diff(dim=0) / lengths
    inner = (lengths[1:] * slopes[:-1] + lengths[:-1] * slopes[1:]) / (lengths[1:] + lengths[:-1])
    still = torch.zeros_like(ws[:1])
    return torch.cat([still, inner, still])


def slerp(one: torch.Tensor, other: torch.Tensor, share: torch.Tensor, centre: torch.Tensor | None = None) -> torch.Tensor:
    """Between latents `one` and `other` [n, L, D], at `share` 0..1 of the way, on the arc about `centre` [D] (None: the origin): directions turn
    evenly, distances change evenly.

    Where the two are opposite or one is the centre itself there's no arc, and the straight line is taken.

    `share`, 0..1, says how far on the way from the first to the `other`.
    """
    middle = torch.zeros_like(one[0, 0]) if centre is None else centre.to(one)
    first, second = (one - middle).double(), (other - middle).double()
    near, far = first.norm(dim=-1, keepdim=True), second.norm(dim=-1, keepdim=True)
    product = (first * second).sum(-1, keepdim=True) / (near * far).clamp(min=1e-12)
    angle = product.clamp(-1, 1).acos()
    sine = angle.sin()
    at = share.double()
    arc = ((1 - at) * angle).sin() / sine.clamp(min=1e-9) * first / near.clamp(min=1e-12)
    arc = arc + (at * angle).sin() / sine.clamp(min=1e-9) * second / far.clamp(min=1e-12)
    turned = middle + (arc * torch.lerp(near, far, at)).to(one.dtype)
    return torch.where(sine < 1e-4, torch.lerp(one, other, share), turned)
