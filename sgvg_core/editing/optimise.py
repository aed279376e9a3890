"""An edit by descent through the generator: the objective of Lee et al. (CVPR 2022, arXiv 2112.00007), section 3.2, with its layer mask.

It takes minutes, and in a small joint space gradients find what the space likes and nobody else sees: `resolve`'s own ways are better
there. With a CLIP model of its authors' size it's the published method.
"""

import dataclasses
import math

import torch
from torch.nn import functional as F

from ..assembly import SoundModel
from ..config import check_range
from ..errors import Cancelled
from ..generation.render import to_uint8
from ..progress import Progress, silent
from ..shapes import check_shape
from ..synthesis import rgb_images
from .targets import joint_space_of


@dataclasses.dataclass(frozen=True)
class DescentSettings:
    """How an edit is looked for. The numbers are the authors'."""

    num_steps: int = 300
    lr: float = 0.05
    """Adam's step size, in latents' own units."""
    latent_weight: float = 0.008
    """Weight of the squared distance of the masked latents from the start's."""
    masked: bool = True
    """Whether each layer's change is weighted by a number that is learned with it."""
    keep_at_cancel: bool = False
    """Whether a cancel gives back the best so far, instead of nothing."""

    def __post_init__(self) -> None:
        check_range("steps", self.num_steps, 1, 100_000)
        check_range("lr", self.lr, 1e-6, 10)
        check_range("latent weight", self.latent_weight, 0, 1e6)


@dataclasses.dataclass(frozen=True, eq=False)
class Descent:
    """What was found."""

    ws: torch.Tensor
    """[1, L, D], float32 on the CPU."""
    mask: torch.Tensor
    """[L]: the weight of each layer's change; ones without a mask."""
    cosine: float
    """Of the edited image and the target, in the joint space: what was optimised, so it proves nothing."""
    num_steps: int


def edit_loss(embedded: torch.Tensor, target: torch.Tensor, change: torch.Tensor, mask: torch.Tensor, latent_weight: float) -> torch.Tensor:
    """1 - cosine of image [1, E] and target [E], and the squared length of the masked change: `change` [1, L, D], `mask` [L].

    `embedded` is that of the image; `latent_weight` weighs the length.
    """
    apart = 1 - F.cosine_similarity(embedded, target[None]).mean()
    return apart + latent_weight * (mask[None, :, None] * change).square().sum()


@torch.enable_grad()
def optimise_edit(
    model: SoundModel,
    start_ws: torch.Tensor,
    target: torch.Tensor,
    settings: DescentSettings | None = None,
    progress: Progress = silent,
) -> Descent:
    """Latents near `start_ws` [1, L, D] whose image is near `target` [E] in the joint space; the best that was seen is kept.

    Nothing of the model is changed. Raises ConfigError for a model without a joint space, ShapeError.
    """
    check_shape("start_ws", start_ws, "N L D", N=1, L=model.generator.num_ws, D=model.generator.w_dim)
    settings, space = settings or DescentSettings(), joint_space_of(model)
    start, wanted = start_ws.float().to(model.device), target.float().to(model.device)
    change = torch.zeros_like(start).requires_grad_()
    mask = torch.ones(start.shape[1], device=start.device, requires_grad=settings.masked)
    learned = [change, mask] if settings.masked else [change]
    adam = torch.optim.Adam(learned, lr=settings.lr)
    best, best_loss, done = (start.clone(), mask.detach().clone(), 0.0), math.inf, 0
    try:
        for step in range(settings.num_steps + 1):
            ws = start + mask[None, :, None] * change
            images = rgb_images(model.generator, ws, noise_mode="const")
            embedded = space.embed_images(images).float()
            loss = edit_loss(embedded, wanted, change, mask, settings.latent_weight)
            if float(loss.detach()) < best_loss:
                best_loss = float(loss.detach())
                best = (ws.detach().clone(), mask.detach().clone(), float(F.cosine_similarity(embedded, wanted[None]).detach()))
            progress(step, settings.num_steps, "descend towards the target", to_uint8(images.detach())[0])
            if step == settings.num_steps:
                break
            for tensor, grad in zip(learned, torch.autograd.grad(loss, learned), strict=True):
                tensor.grad = grad
            adam.step()
            done = step + 1
    except (Cancelled, KeyboardInterrupt):
        if not settings.keep_at_cancel:
            raise
    return Descent(best[0].cpu(), best[1].cpu(), best[2], done)
