"""Pivot tuning (Roich et al. 2022, PTI, arXiv 2106.05744): the generator itself is changed a little, so that found latents show the image.

What changes are the finest layers alone, and only they are kept, as a small file of differences; the generator that it's made from stays as
it is. Locality: between the pivot and other codes the tuned generator is held to what the first one shows.
"""

import copy
import dataclasses
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional as F

from ..checkpoints import read_weights, write_weights
from ..config import check_range
from ..errors import CheckpointError
from ..pixels import to_uint8
from ..progress import Progress, silent
from ..shapes import check_shape
from ..synthesis import Generator, rgb_images
from .ground import map_codes
from .images import fit_image
from .projection import Perceptual

_MOST_NUMBERS = 1_000_000
"""Of the weights that are changed: 2 MB in float16."""
Delta = dict[str, torch.Tensor]
"""Differences of weights by their names."""


@dataclasses.dataclass(frozen=True)
class TuningSettings:
    """How a generator is tuned; the numbers but the first are the authors'."""

    num_steps: int = 60
    lr: float = 3e-4
    """Adam's rate."""
    locality_distance: float = 30.0
    """How far from the pivot, towards another code, the generator is held to what it showed."""
    locality_weight: float = 0.1
    """Weight of the difference to the first generator away from the pivot."""
    perceptual_weight: float = 1.0
    """Weight of the perceptual distance; 0 leaves it out."""
    seed: int = 0

    def __post_init__(self) -> None:
        check_range("tuning steps", self.num_steps, 1, 100_000)
        check_range("lr", self.lr, 1e-8, 1)
        check_range("locality weight", self.locality_weight, 0, 1e6)


def tune_pivot(
    generator: Generator,
    image: torch.Tensor,
    ws: torch.Tensor,
    settings: TuningSettings | None = None,
    *,
    perceptual: Perceptual | None = None,
    fit: str = "crop",
    progress: Progress = silent,
) -> Delta:
    """The differences that make `generator` show `image` [1, 3, H, W] in -1..1 for latents `ws` [1, L, D]; it isn't changed itself.

    Pivotal tuning (Roich et al. 2022). Without `settings` the defaults hold; `perceptual` is a distance that is lowered too (None: squared
    differences alone). `fit` says how an image of another shape is fitted: one of `FITS`.
    """
    settings = settings or TuningSettings()
    check_shape("ws", ws, "N L D", N=1, L=generator.num_ws, D=generator.w_dim)
    device = generator.w_avg.device
    wanted, pivot = fit_image(image, generator.img_size, fit).to(device), ws.float().to(device)
    tuned = copy.deepcopy(generator)
    learned = dict(finest_weights(tuned))
    for weight in learned.values():
        weight.requires_grad_(True)
    unlike = perceptual.fixed(wanted) if perceptual is not None and settings.perceptual_weight else None
    others = map_codes(generator, settings.seed, max(2, settings.num_steps), "tuning").to(device)
    adam = torch.optim.Adam(learned.values(), lr=settings.lr)
    for step in range(settings.num_steps):
        with torch.enable_grad():
            made = rgb_images(tuned, pivot, noise_mode="const").float()
            loss = F.mse_loss(made, wanted)
            if unlike is not None:
                loss = loss + settings.perceptual_weight * unlike(made).mean()
            away = others[step % len(others)] - pivot
            near = pivot + settings.locality_distance * away / away.norm(dim=2, keepdim=True).clamp(min=1e-6)
            with torch.no_grad():
                held = rgb_images(generator, near, noise_mode="const").float()
            loss = loss + settings.locality_weight * F.mse_loss(rgb_images(tuned, near, noise_mode="const").float(), held)
            grads = torch.autograd.grad(loss, list(learned.values()), allow_unused=True)
        for weight, grad in zip(learned.values(), grads, strict=True):
            weight.grad = grad
        adam.step()
        progress(step + 1, settings.num_steps, "tune the generator", to_uint8(made.detach())[0])
    before = dict(generator.named_parameters())
    return {name: (weight.detach() - before[name].detach()).float().cpu() for name, weight in learned.items()}


def finest_weights(generator: Generator) -> list[tuple[str, torch.nn.Parameter]]:
    """The synthesis network's weights from the finest on, up to a million numbers: they draw detail and place nothing."""
    chosen, total = [], 0
    for name, weight in reversed(list(generator.named_parameters())):
        if name.startswith("synthesis.") and total + weight.numel() <= _MOST_NUMBERS:
            chosen.append((name, weight))
            total += weight.numel()
        elif name.startswith("synthesis."):
            break
    return chosen


def tuned_generator(generator: Generator, delta: Delta) -> Generator:
    """A copy with the differences added. Raises CheckpointError where they're another generator's.

    Only its whole picture was tuned, so smaller ones are made of that.
    """
    tuned: Any = copy.deepcopy(generator)
    tuned.smaller_sizes = ()
    weights = dict(tuned.named_parameters())
    for name, change in delta.items():
        if name not in weights or weights[name].shape != change.shape:
            raise CheckpointError(f"tuned weights: {name} of shape {list(change.shape)} isn't one of this generator's; choose the generator they "
                                  "were made from")
        weights[name].data.add_(change.to(weights[name]))
    release: Any = getattr(tuned.synthesis, "release_buffers", None)
    if release is not None:
        release()
    return tuned.eval().requires_grad_(False)


def save_delta(path: str | Path, delta: Delta) -> None:
    """Write differences as .safetensors, float16. Raises CheckpointError."""
    write_weights(Path(path), delta, kind="tuned_weights", config={"num_tensors": len(delta)}, half=True)


def load_delta(path: str | Path) -> Delta:
    """The differences in a file of `save_delta`. Raises CheckpointError."""
    return dict(read_weights(Path(path), kind="tuned_weights").state)
