"""A direction in latent space with its own unit, and its file."""

import dataclasses
import math
from pathlib import Path

import torch

from ..checkpoints import read_weights, write_weights
from ..errors import CheckpointError, ConfigError, ShapeError
from ..shapes import check_shape


@dataclasses.dataclass(frozen=True, eq=False)
class Direction:
    """Latents moved by `d` x `sigma` x n are moved by n standard deviations of the generator's own latents along it."""

    name: str
    d: torch.Tensor
    """[L, D], float32 on the CPU; the mean over latents of their squared length is 1."""
    sigma: float
    """Standard deviation of mapped latents along `d`."""
    source: str = ""
    """Where it comes from: "joint space", "pca", "sefa", "two latents", "pictures", "file"."""

    def __post_init__(self) -> None:
        check_shape("direction", self.d, "L D")
        if not (math.isfinite(self.sigma) and self.sigma > 0) or not bool(self.d.isfinite().all()):
            raise ConfigError(f"direction {self.name}: got sigma {self.sigma}, expected finite numbers and a sigma above 0")

    def offset(self, sigmas: float | torch.Tensor) -> torch.Tensor:
        """What is added to latents for `sigmas` standard deviations: [L, D] for a number, [n, L, D] for [n]."""
        amount = torch.as_tensor(sigmas, dtype=torch.float32)
        return amount[..., None, None] * self.sigma * self.d

    def named(self, name: str) -> "Direction":
        """The same under another name."""
        return dataclasses.replace(self, name=name)

    def fits(self, num_ws: int, w_dim: int) -> "Direction":
        """Itself, for a generator of these latents; a direction of one latent is repeated for all. Raises ShapeError.

        `num_ws` and `w_dim` are the generator's L and D.
        """
        d = self.d.expand(num_ws, -1) if len(self.d) == 1 else self.d
        if d.shape != (num_ws, w_dim):
            raise ShapeError(f"direction {self.name}: made for {len(self.d)} latents of {self.d.shape[1]}, but the generator takes {num_ws} of "
                             f"{w_dim}; choose a direction of this generator")
        return dataclasses.replace(self, d=d)


def save_direction(path: str | Path, direction: Direction) -> None:
    """Write a direction as .safetensors; the file appears whole or not at all. Raises CheckpointError."""
    if Path(path).suffix != ".safetensors":
        raise CheckpointError(f"{path}: directions are written as .safetensors; choose that ending")
    config = {"name": direction.name, "sigma": direction.sigma, "source": direction.source,
              "num_ws": direction.d.shape[0], "w_dim": direction.d.shape[1]}
    write_weights(Path(path), {"d": direction.d}, kind="direction", config=config)


def load_direction(path: str | Path, num_ws: int | None = None, w_dim: int | None = None) -> Direction:
    """The direction in a file of `save_direction`, checked against a generator's latents if given. Raises CheckpointError, ShapeError.

    `num_ws` and `w_dim` are the generator's L and D (None: not checked).
    """
    stored = read_weights(Path(path), kind="direction")
    d, sigma = stored.state.get("d", torch.empty(0)), stored.config.get("sigma")
    if d.ndim != 2 or isinstance(sigma, bool) or not isinstance(sigma, int | float) or not (math.isfinite(sigma) and sigma > 0):
        raise CheckpointError(f"{path}: no direction [L, D] with its sigma; the file is damaged, get it again")
    name = stored.config.get("name")
    found = Direction(name if isinstance(name, str) and name else Path(path).stem, d, float(sigma), str(stored.config.get("source", "file"))[:100])
    return found if num_ws is None or w_dim is None else found.fits(num_ws, w_dim)
