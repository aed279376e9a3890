"""Directions that the generator gives by itself, or that latents, pictures and words give.

PCA of mapped codes: Haerkoenen et al. 2020 (GANSpace, arXiv 2004.02546). SeFa: Shen and Zhou 2021 (arXiv 2007.06600).
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

import torch

from ..assembly import SoundModel
from ..errors import ConfigError, ShapeError
from ..image_inversion import map_codes
from ..progress import Progress, silent
from ..shapes import check_shape
from ..synthesis import Generator
from .directions import Direction
from .joint_map import joint_map
from .targets import Target
from .understanding import understand

_NAMED = re.compile(r"(pca|sefa)[\s:]*(\d*)", re.IGNORECASE)
_NUM_CODES = 2000
_MOST = 64


def is_named(told: str) -> bool:
    """Whether a text names a direction that the generator gives by itself, and no file."""
    return re.match(r"\s*(pca|sefa)(\W|\d|$)", told, re.IGNORECASE) is not None and not told.rstrip().endswith(".safetensors")


def direction_by_name(generator: Generator, name: str) -> Direction:
    """The direction "pca:N" or "sefa:N" ("pca N" too), N from 0, the strongest first. Raises ConfigError."""
    match = _NAMED.fullmatch(name.strip())
    kind, number = (match[1].lower(), match[2]) if match else ("", "")
    finders: dict[str, Callable[[Generator, int], tuple[Direction, ...]]] = {"pca": pca_directions, "sefa": sefa_directions}
    most = min(_MOST, generator.w_dim)
    if kind not in finders or not number.isdecimal() or int(number) >= most:
        raise ConfigError(f"direction: got {name!r}, expected pca:0 to pca:{most - 1}, sefa:0 to sefa:{most - 1}, or the name of a file")
    return finders[kind](generator, int(number) + 1)[-1]


def pca_directions(generator: Generator, count: int = 8, seed: int = 0) -> tuple[Direction, ...]:
    """The `count` directions along which mapped codes differ most, strongest first."""
    ws = map_codes(generator, seed, _NUM_CODES)
    _, values, vectors = torch.linalg.svd((ws - ws.mean(0)).double(), full_matrices=False)
    sigmas = values / (len(ws) - 1) ** 0.5
    return tuple(
        Direction(f"pca:{index}", _signed(vectors[index]).float().expand(generator.num_ws, -1).clone(), max(float(sigmas[index]), 1e-6), "pca")
        for index in range(min(count, len(vectors)))
    )


def sefa_directions(generator: Generator, count: int = 8, layers: Sequence[int] = (), seed: int = 0) -> tuple[Direction, ...]:
    """The `count` directions that the layers' styles answer to most, in closed form: the eigenvectors of A^T A, A being the weights of all
    affine layers (of `layers`, counted through the network; empty: all), each row at unit length. Strongest first.
    """
    weights = style_weights(generator)
    chosen = [weights[index] for index in layers] if layers else weights
    rows = torch.nn.functional.normalize(torch.cat(chosen).double(), dim=1)
    vectors = torch.linalg.eigh(rows.T @ rows).eigenvectors.flip(1).T
    ws = map_codes(generator, seed, _NUM_CODES)
    centred = (ws - ws.mean(0)).double()
    return tuple(
        Direction(f"sefa:{index}", _signed(vector).float().expand(generator.num_ws, -1).clone(), max(float((centred @ vector).std()), 1e-6), "sefa")
        for index, vector in enumerate(vectors[:count])
    )


def style_weights(generator: Generator) -> list[torch.Tensor]:
    """The weights [C, D] of the affine layers that turn latents into styles, in their order, on the CPU."""
    affines: list[Any] = [module.affine for module in generator.synthesis.modules() if hasattr(module, "affine")]
    found = [affine.weight.detach().float().cpu() for affine in affines]
    return [weight for weight in found if weight.ndim == 2 and weight.shape[1] == generator.w_dim]


def _signed(vector: torch.Tensor) -> torch.Tensor:
    """A vector whose largest number is above 0, so that the same direction comes out on every machine."""
    return vector * vector[vector.abs().argmax()].sign()


def direction_between(name: str, first: torch.Tensor, second: torch.Tensor) -> Direction:
    """From latents `first` [N, L, D] to `second` [M, L, D], mean to mean: two latents, or two handfuls of pictures' latents.

    One standard deviation is half the way, so that strength 1 (two of them) leads from the one to the other.

    Raises ShapeError where one of them is empty, ConfigError where both are the same.
    """
    check_shape("first", first, "N L D")
    check_shape("second", second, "N L D", L=first.shape[1], D=first.shape[2])
    if not len(first) or not len(second):
        raise ShapeError(f"direction {name}: got {len(first)} and {len(second)} latents, expected one or more of each")
    way = second.float().mean(0) - first.float().mean(0)
    length = float(way.square().sum(1).mean().sqrt())
    if length < 1e-6:
        raise ConfigError(f"direction {name}: both ends are the same latents; choose others")
    return Direction(name, way.cpu() / length, length / 2, "two latents" if len(first) == len(second) == 1 else "pictures")


def direction_to(model: SoundModel, target: Target, num_codes: int | None = None, progress: Progress = silent) -> Direction:
    """Where a target leads within scenes, in the linearised joint space; its sigma is one standard deviation of mapped codes along it."""
    known = joint_map(model, num_codes, progress=progress)
    understood = understand(model, known, target, progress)
    changes = understood.changes
    if changes is None:
        wanted = known.centres[0] if understood.wanted is None else understood.wanted
        changes = (wanted - known.embeds.mean(0)).expand(len(known.centres), -1)
    step = known.attribute(changes).step
    length = float(step.norm().clamp(min=1e-9))
    return Direction(target.name[:80], (step / length).expand(model.generator.num_ws, -1).clone(), length, "joint space")

