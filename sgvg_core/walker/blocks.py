"""The recurrent walker (paper 3.2, Eq. 4 and 5): three recurrent blocks walk the latent from step to step.

The sound enters at every step, through E_a and nothing else. Each block moves its own group of latents by Eq. 4's sum of where it
is and what is heard. All three also see the mean of both, apart: so what belongs together (the phase of a wave, say) stays
together, and a loud sound at a calm place isn't taken for a calm one at a loud place, which have the same sum.

Beyond the paper, a walker may have a clock: waves, flames and leaves go round and round, and where they are is so small a part of a latent
that a walk can't tell it from where it stands. So it's counted.
"""

import math

import torch
from torch import nn

from ..latents import GROUPS, group_slices
from ..shapes import check_shape

Hidden = dict[str, torch.Tensor]
"""The hidden state of each block, [num_layers, B, hidden], and with a clock its "clock", [1, B, 1] in turns; an empty dict before the first step."""


class Clock(nn.Module):
    """Where a walk is in what goes round and round, in turns; a sound decides how fast it turns. `hidden` is the number of units of each layer."""

    def __init__(self, w_dim: int, hidden: int) -> None:
        super().__init__()
        self.begin = nn.Sequential(nn.Linear(w_dim, hidden), nn.SiLU(), nn.Linear(hidden, 2))
        self.speed = nn.Sequential(nn.Linear(2 * w_dim, hidden), nn.SiLU(), nn.Linear(hidden, 1))

    def first(self, stands: torch.Tensor) -> torch.Tensor:
        """The turns that a start shows, from its mean latent [B, D] (less the centre, by the scale) -> [B]."""
        pair = self.begin(stands)
        return torch.atan2(pair[:, 1], pair[:, 0]) / (2 * math.pi)

    def turns_a_second(self, means: torch.Tensor) -> torch.Tensor:
        """How fast it turns, 0 to 1, by the means of walk and sound [B, 2 D] -> [B]."""
        return self.speed(means)[:, 0].sigmoid()


class RecurrentBlock(nn.Module):
    """E_RNN of one group: what is heard of its `num_group` latents -> the step they take, and the next hidden state.

    `hidden` is the number of units of each layer, `num_layers` that of the GRU's layers, `num_further` that of what it reads besides latents.
    """

    def __init__(self, num_group: int, w_dim: int, hidden: int, num_layers: int, num_further: int = 0) -> None:
        super().__init__()
        self.num_group, self.w_dim, self.hidden, self.num_layers = num_group, w_dim, hidden, num_layers
        self.enter = nn.Sequential(nn.Linear((num_group + 2) * w_dim + num_further, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU())
        self.recur = nn.GRU(hidden, hidden, num_layers)
        self.leave = nn.Sequential(nn.Linear(2 * hidden, hidden), nn.SiLU(), nn.Linear(hidden, num_group * w_dim))

    def forward(self, summed: torch.Tensor, shared: torch.Tensor, h: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        """`summed` [B, n, D] and what all blocks read -> step [B, n, D], hidden [num_layers, B, hidden].

        `shared` are the means over all latents of walk and sound [B, 2 D], and what is further read.
        """
        entered = self.enter(torch.cat([summed.flatten(1), shared], 1))
        out, h = self.recur(entered[None], h)
        step = self.leave(torch.cat([out[0], entered], 1))
        return step.unflatten(1, (self.num_group, self.w_dim)), h


class RecurrentWalker(nn.Module):
    """Coarse, mid and fine recurrent blocks over W+. Arguments as in `WalkerConfig`.

    The blocks read and answer latents less `centre` [D] and divided by `scale`, so that they work on numbers around one.
    """

    centre: torch.Tensor
    scale: torch.Tensor

    def __init__(
        self,
        num_ws: int,
        w_dim: int,
        bounds: tuple[int, int] = (3, 6),
        hidden: int = 512,
        num_layers: int = 1,
        walk_rate: float = 12.0,
        clock: bool = False,
    ) -> None:
        super().__init__()
        self.num_ws, self.w_dim, self.walk_rate = num_ws, w_dim, walk_rate
        self.slices = group_slices(bounds, num_ws)
        self.register_buffer("centre", torch.zeros(w_dim))
        self.register_buffer("scale", torch.ones([]))
        self.clock = Clock(w_dim, hidden) if clock else None
        further = 2 if clock else 0
        self.blocks = nn.ModuleDict(
            {name: RecurrentBlock(part.stop - part.start, w_dim, hidden, num_layers, further) for name, part in self.slices.items()}
        )

    def forward(self, ws: torch.Tensor, audio_ws: torch.Tensor, hidden: Hidden) -> tuple[torch.Tensor, Hidden]:
        """Eq. 4: latents and what is heard, [B, L, D] each, and the hidden state -> the step of all latents [B, L, D], new state."""
        check_shape("ws", ws, "B L D", L=self.num_ws, D=self.w_dim)
        check_shape("audio_ws", audio_ws, "B L D", B=ws.shape[0], L=self.num_ws, D=self.w_dim)
        stands, sounds = (ws - self.centre) / self.scale, audio_ws / self.scale
        summed, shared = sounds + stands, torch.cat([stands.mean(1), sounds.mean(1)], 1)
        steps, after = [], {}
        if self.clock is not None:
            before = hidden["clock"][0, :, 0] if "clock" in hidden else self.clock.first(shared[:, : self.w_dim])
            turns = before.detach() % 1 + self.clock.turns_a_second(shared) / self.walk_rate
            after["clock"] = turns[None, :, None]
            angle = 2 * math.pi * turns.detach()  # read, not taught by what the latents should be
            shared = torch.cat([shared, angle.cos()[:, None], angle.sin()[:, None]], 1)
        for name in GROUPS:
            step, after[name] = self.blocks[name](summed[:, self.slices[name]], shared, hidden.get(name))
            steps.append(step)
        return torch.cat(steps, 1) * self.scale, after
