"""A walker made for another generator, fitted to the one at hand: it walks its own latents, by what they draw."""

import torch
from torch import nn

from ..latents import map_latents, map_slices
from ..shapes import check_shape
from .blocks import Hidden, RecurrentWalker
from .released import ReleasedWalker


class AdaptedWalker(nn.Module):
    """In the protocol of `RecurrentWalker`, over L_target latents.

    `up` [L_source, L_target] shows the walker where its latents are, `down` [L_target, L_source] brings its steps back; both are
    `layer_map`s. What is between two latents of the source moves with both.
    """

    up: torch.Tensor
    down: torch.Tensor

    def __init__(self, walker: RecurrentWalker | ReleasedWalker, up: torch.Tensor, down: torch.Tensor) -> None:
        super().__init__()
        check_shape("up", up, "S T", S=walker.num_ws)
        check_shape("down", down, "T S", T=up.shape[1], S=walker.num_ws)
        self.walker = walker
        self.num_ws, self.w_dim, self.walk_rate = up.shape[1], walker.w_dim, walker.walk_rate
        self.shows_start: bool = getattr(walker, "shows_start", False)
        self.slices = map_slices(walker.slices, down)
        self.register_buffer("up", up.clone())
        self.register_buffer("down", down.clone())

    def forward(self, ws: torch.Tensor, audio_ws: torch.Tensor, hidden: Hidden) -> tuple[torch.Tensor, Hidden]:
        step, hidden = self.walker(map_latents(ws, self.up), map_latents(audio_ws, self.up), hidden)
        return map_latents(step, self.down), hidden


AnyWalker = RecurrentWalker | ReleasedWalker | AdaptedWalker
"""What can walk in a model."""
