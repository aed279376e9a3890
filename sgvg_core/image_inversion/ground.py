"""The generator's own ground: where its mapped codes lie in W, so that latents can be held there, and told how far from it they are."""

import dataclasses
import math

import torch

from ..config import check_range
from ..errors import ConfigError
from ..progress import Progress, silent
from ..randomness import generator_for
from ..shapes import check_shape
from ..synthesis import Generator

_CHUNK = 500
_FLOOR = 1e-3
"""Share of the mean variance that is added to every direction's: a mapping of few codes leaves some without any."""
NUM_CODES = 10_000


@dataclasses.dataclass(frozen=True, eq=False)
class Ground:
    """Mean and covariance of mapped codes, float32 on the CPU."""

    mean: torch.Tensor
    """[D]."""
    spread: torch.Tensor
    """[D, D], lower triangle: `mean` + `spread` @ u is a latent, for u of independent numbers of variance 1 (Cholesky)."""
    median: float
    """Median of the mapped codes' `distance`."""
    limit: float
    """The 99th percentile of the mapped codes' `distance`."""

    def whiten(self, ws: torch.Tensor) -> torch.Tensor:
        """Latents [..., D] in standard deviations along independent axes."""
        centred = (ws - self.mean.to(ws)).flatten(0, -2)
        return torch.linalg.solve_triangular(self.spread.to(ws), centred.T, upper=False).T.reshape(ws.shape)

    def colour(self, units: torch.Tensor) -> torch.Tensor:
        """The inverse of `whiten`, [..., D]; differentiable."""
        return self.mean.to(units) + units @ self.spread.to(units).T

    def distance(self, ws: torch.Tensor) -> torch.Tensor:
        """The Mahalanobis distance of latents [N, L, D], root of the mean square over the L latents, [N]."""
        check_shape("ws", ws, "N L D", D=len(self.mean))
        return self.whiten(ws).square().sum(2).mean(1).sqrt()


@torch.no_grad()
def map_codes(generator: Generator, seed: int, num_codes: int, stream: str = "ground") -> torch.Tensor:
    """Mapped codes [N, D] of `seed`, on the CPU: the first n are the same however many are drawn.

    Codes of a conditional generator are of all classes; of one whose codes say what they show, those that show one thing. `stream` names
    which of a seed's series they are.
    """
    check_range("number of codes", num_codes, 2, 1_000_000)
    found: list[torch.Tensor] = []
    for chunk in range(math.ceil(num_codes / _CHUNK)):
        source = generator_for(seed, stream, chunk)
        z = _clear_codes(generator, source)
        c = None
        if generator.c_dim:
            c = torch.eye(generator.c_dim)[torch.randint(generator.c_dim, (_CHUNK,), generator=source)].to(generator.w_avg.device)
        found.append(generator.mapping(z.to(generator.w_avg.device), c)[:, 0].float().cpu())
    return torch.cat(found)[:num_codes]


def codes_of(generator: Generator, seed: int, num_codes: int, stream: str = "ground") -> torch.Tensor:
    """The codes [N, z_dim] that `map_codes` maps.

    `stream` names what they are for: other names give independent codes.
    """
    chunks = range(math.ceil(num_codes / _CHUNK))
    return torch.cat([_clear_codes(generator, generator_for(seed, stream, chunk)) for chunk in chunks])[:num_codes]


def _clear_codes(generator: Generator, source: torch.Generator) -> torch.Tensor:
    """A chunk of codes; where the generator's codes say which scene they show, none that lies between two."""
    features = getattr(generator.mapping, "features", None)
    kept: list[torch.Tensor] = []
    for _ in range(64):
        z = torch.randn(_CHUNK, generator.z_dim, generator=source)
        kept.append(z if features is None else z[features.is_clear(z)])
        if sum(map(len, kept)) >= _CHUNK:
            return torch.cat(kept)[:_CHUNK]
    return torch.randn(_CHUNK, generator.z_dim, generator=source)


def measure_ground(generator: Generator, seed: int = 0, num_codes: int = NUM_CODES, progress: Progress = silent) -> Ground:
    """The ground of a generator, from its mapped codes. Raises ConfigError where they aren't finite."""
    progress(0, 1, "map codes")
    ws = map_codes(generator, seed, num_codes)
    if not bool(ws.isfinite().all()):
        raise ConfigError("generator: its mapped codes hold NaN or infinity; the file is damaged, get it again")
    mean = ws.mean(0)
    covariance = torch.cov(ws.T.double())
    floor = max(float(covariance.diagonal().mean()) * _FLOOR, 1e-12)
    spread = torch.linalg.cholesky(covariance + floor * torch.eye(len(mean), dtype=torch.float64)).float()
    ground = Ground(mean, spread, 0.0, 0.0)
    median, limit = ground.distance(ws[:, None]).quantile(torch.tensor([0.5, 0.99])).tolist()
    progress(1, 1, "map codes")
    return dataclasses.replace(ground, median=median, limit=limit)
