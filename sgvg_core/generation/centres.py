"""Truncation towards several centres: the mean of unlike scenes is a grey nothing, the mean of like ones is a scene.

Codes are mapped and sorted into clusters by k-means (Lloyd 1957; first centres by Arthur and Vassilvitskii 2007, "k-means++"); a latent
is then drawn towards the centre that is nearest to it. After "Self-Distilled StyleGAN", Mokady et al. 2022, section 4.
"""

import torch

from ..config import check_range
from ..errors import ShapeError
from ..progress import Progress, silent
from ..randomness import generator_for, normal
from ..shapes import check_shape
from ..synthesis.generator import StyleGAN2Generator
from ..synthesis.stylegan3 import StyleGAN3Generator
from .class_labels import Label, label_vector, labels_of_codes

MAX_CENTRES = 4096
_MAX_ROUNDS = 100
_BATCH = 500


@torch.no_grad()
def compute_centres(
    generator: StyleGAN2Generator | StyleGAN3Generator,
    num_centres: int,
    *,
    num_codes: int = 4000,
    seed: int = 0,
    label: Label | None = None,
    progress: Progress = silent,
) -> torch.Tensor:
    """The centres [K, L, D] of `num_codes` mapped codes, the one of most codes first; float32 on the CPU, one latent for all layers.

    They depend on the generator, `seed`, the label and the counts alone. A conditional generator's codes are all of `label`; without one the
    labels go round. Raises ConfigError.

    `num_centres` is K, 1 to 4096, and at most `num_codes`. `progress` may raise to stop.
    """
    check_range("number of centres", num_centres, 1, MAX_CENTRES)
    check_range("number of codes", num_codes, num_centres, 1_000_000)
    device = generator.w_avg.device
    parts = []
    for first in range(0, num_codes, _BATCH):
        items = range(first, min(first + _BATCH, num_codes))
        z = torch.stack([normal(seed, "centres", item, generator.z_dim) for item in items]).to(device)
        parts.append(generator.mapping(z, _labels(generator, label, items))[:, 0].double().cpu())
        progress(items.stop, num_codes, "codes")
    centres = cluster(torch.cat(parts), num_centres, seed=seed, progress=progress)
    return centres.float()[:, None].repeat(1, generator.num_ws, 1)


def _labels(generator: StyleGAN2Generator | StyleGAN3Generator, label: Label | None, items: range) -> torch.Tensor | None:
    """c of the codes: all of one label, or every class in turn, so that none is left out."""
    if label is not None or not generator.c_dim:
        return labels_of_codes(generator, label, 0, items)
    return torch.stack([label_vector(item % generator.c_dim, generator.c_dim) for item in items]).to(generator.w_avg.device)


def cluster(points: torch.Tensor, num_centres: int, *, seed: int = 0, progress: Progress = silent) -> torch.Tensor:
    """The means [K, D] of the clusters of `points` [N, D], by k-means; the largest cluster's first. Expects K <= N. `num_centres` is K."""
    centres = _first_centres(points, num_centres, seed, progress)
    owner = torch.full((len(points),), -1)
    for done in range(_MAX_ROUNDS):
        progress(done, _MAX_ROUNDS, "clusters")
        distances = torch.cdist(points, centres)
        before, (near, owner) = owner, distances.min(1)
        counts = torch.bincount(owner, minlength=num_centres)
        for empty in (counts == 0).nonzero().flatten().tolist():  # takes the point that fits its own centre least
            far = int(near.argmax())
            owner[far], near[far] = empty, 0.0
        counts = torch.bincount(owner, minlength=num_centres)
        centres = torch.zeros_like(centres).index_add_(0, owner, points) / counts.clamp(min=1)[:, None]
        if torch.equal(owner, before):
            break
    progress(_MAX_ROUNDS, _MAX_ROUNDS, "clusters")
    return centres[torch.sort(counts, descending=True, stable=True).indices]


def _first_centres(points: torch.Tensor, num_centres: int, seed: int, progress: Progress) -> torch.Tensor:
    """Points far apart: each next one is drawn with a chance that grows with the square of its distance from those before."""
    draws = torch.rand(num_centres, generator=generator_for(seed, "first centres"), dtype=torch.float64)
    chosen = [int(draws[0] * len(points))]
    squares = (points - points[chosen[0]]).square().sum(1)
    for draw in draws[1:]:
        progress(len(chosen), num_centres, "first centres")
        chances = squares.cumsum(0)
        chosen.append(min(int(torch.searchsorted(chances, draw * chances[-1])), len(points) - 1))
        squares = torch.minimum(squares, (points - points[chosen[-1]]).square().sum(1))
    return points[chosen].clone()


def nearest_centre(ws: torch.Tensor, centres: torch.Tensor) -> torch.Tensor:
    """For each of ws [N, L, D] the number of the nearest of `centres` [K, L, D] -> [N]: the least distance over all its latents together.

    Raises ShapeError where they don't fit.
    """
    check_shape("ws", ws, "N L D")
    if centres.ndim != 3 or centres.shape[1:] != ws.shape[1:] or not len(centres):
        raise ShapeError(f"centres: got shape {list(centres.shape)}, expected [K, L={ws.shape[1]}, D={ws.shape[2]}]; use centres of this generator")
    return torch.cdist(ws.flatten(1).double(), centres.to(ws).flatten(1).double()).argmin(1)


def truncate(ws: torch.Tensor, centres: torch.Tensor, truncation_psi: float, truncation_cutoff: int | None = None) -> torch.Tensor:
    """ws [N, L, D] with its first `truncation_cutoff` latents (None: all) drawn towards the nearest of `centres` [K, L, D].

    1 leaves everything as it is, 0 gives the centre itself. With the one centre `w_avg` it's the usual truncation.

    `truncation_psi` is usually in 0..1: the share of the distance that stays.
    """
    near = centres.to(ws)[nearest_centre(ws, centres)]
    if truncation_psi == 1:
        return ws
    cut = ws.shape[1] if truncation_cutoff is None else truncation_cutoff
    return torch.cat([near[:, :cut].lerp(ws[:, :cut], truncation_psi), ws[:, cut:]], 1)
