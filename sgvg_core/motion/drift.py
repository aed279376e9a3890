"""Bounds on a walk, so that it stays where the generator paints well, however long it lasts: on its steps, its distance, its directions."""

import dataclasses

import torch

from ..config import check_range
from ..errors import ConfigError


@dataclasses.dataclass(frozen=True, eq=False)
class LatentSpread:
    """How mapped codes lie: their mean and principal axes."""

    mean: torch.Tensor
    """[D]."""
    axes: torch.Tensor
    """[K, D], of unit length, the one of the greatest spread first."""
    scales: torch.Tensor
    """[K], the standard deviation along each."""

    def distance(self, ws: torch.Tensor) -> torch.Tensor:
        """The Mahalanobis distance of latents [..., D] from the mean, over the square root of K: about 1 for mapped codes."""
        return ((ws - self.mean) @ self.axes.T / self.scales).square().mean(-1).sqrt()


def measure_spread(ws: torch.Tensor, num_axes: int | None = None) -> LatentSpread:
    """The spread of mapped codes `ws` [N, D], along `num_axes` axes (None: all).

    Axes whose spread is below a hundredth of the largest are left out. Raises ConfigError.
    """
    if ws.ndim != 2 or len(ws) < 2:
        raise ConfigError(f"spread: got latents of shape {list(ws.shape)}, expected [N, D] with N of 2 or more")
    mean = ws.double().mean(0)
    _, sizes, axes = torch.linalg.svd(ws.double() - mean, full_matrices=False)
    scales = sizes / max(len(ws) - 1, 1) ** 0.5
    kept = int((scales > 0.01 * scales[0].clamp(min=1e-9)).sum())
    kept = max(1, kept if num_axes is None else min(num_axes, kept))
    signs = axes[:kept].sum(1).sign()
    signs = torch.where(signs == 0, torch.ones_like(signs), signs)  # so that an axis points the same way on every machine
    return LatentSpread(mean.float(), (axes[:kept] * signs[:, None]).float(), scales[:kept].float())


@dataclasses.dataclass(frozen=True)
class DriftSettings:
    """What a walk may do at most; 0 sets no bound."""

    max_step: float = 0.0
    """The longest step a second, in standard deviations of mapped codes (root of the mean square over all latents and axes)."""
    max_distance: float = 0.0
    """The largest Mahalanobis distance of a latent from the mean, where mapped codes have about 1: a latent beyond is brought back to it."""
    axes: int = 0
    """Number of principal axes of the mapped codes that steps go along."""

    def __post_init__(self) -> None:
        check_range("max step", self.max_step, 0, 1000)
        check_range("max distance", self.max_distance, 0, 1000)
        check_range("axes", self.axes, 0, 4096)

    def __bool__(self) -> bool:
        return bool(self.max_step or self.max_distance or self.axes)


@dataclasses.dataclass(frozen=True, eq=False)
class DriftBound:
    """Brings each step of a walk within its bounds."""

    spread: LatentSpread
    settings: DriftSettings
    walk_rate: float
    """Steps a second."""

    def __call__(self, before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
        """The latents [B, L, D] that are taken instead of `after`, which follow `before`."""
        step = after - before
        if self.settings.axes:
            axes = self.spread.axes[: self.settings.axes].to(step)
            step = step @ axes.T @ axes
        if self.settings.max_step:
            size = (step @ self.spread.axes.to(step).T / self.spread.scales.to(step)).square().mean((1, 2), keepdim=True).sqrt()
            step = step * (self.settings.max_step / self.walk_rate / size.clamp(min=1e-12)).clamp(max=1)
        return self._within(before + step)

    def _within(self, ws: torch.Tensor) -> torch.Tensor:
        if not self.settings.max_distance:
            return ws
        distance = self.spread.distance(ws)[..., None]
        held = self.spread.mean + (ws - self.spread.mean) * (self.settings.max_distance / distance.clamp(min=1e-12))
        return torch.where(distance > self.settings.max_distance, held, ws)
