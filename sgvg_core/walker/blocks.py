"""The recurrent walker (paper 3.2, Eq. 4 and 5): three recurrent blocks walk the latent from step to step.

The sound enters at every step, through E_a and nothing else. Each block moves its own group of latents by Eq. 4's sum of where it
is and what is heard. All three also see the mean of both, apart: so what belongs together (the phase of a wave, say) stays
together, and a loud sound at a calm place isn't taken for a calm one at a loud place, which have the same sum.

Beyond the paper, a walker may have a clock: waves, flames and leaves go round and round, and where they are is so small a part of a latent
that a walk can't tell it from where it stands. So it's counted, and the way round at each place is learned by itself.
"""

import math

import torch
from torch import nn

from ..latents import GROUPS, group_slices
from ..shapes import check_shape

Hidden = dict[str, torch.Tensor]
"""The hidden state of each block, [num_layers, B, hidden], and with a clock its "clock", [1, B, 1] in turns; an empty dict before the first step."""


class Clock(nn.Module):
    """Where a walk is in what goes round and round, in turns; a sound decides how fast it turns, the place which way round it goes.

    It learns from the world's own answers alone: what the latents should be doesn't pull at it. `hidden` is the number of units of each layer;
    the way round has twice as many, and is none until it's learned.
    """

    def __init__(self, w_dim: int, hidden: int) -> None:
        super().__init__()
        wide = 2 * hidden
        self.begin = nn.Sequential(nn.Linear(w_dim, hidden), nn.SiLU(), nn.Linear(hidden, 2))
        self.speed = nn.Sequential(nn.Linear(2 * w_dim, hidden), nn.SiLU(), nn.Linear(hidden, 1))
        last = nn.Linear(wide, 2 * w_dim)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.circle = nn.Sequential(nn.Linear(w_dim, wide), nn.SiLU(), nn.Linear(wide, wide), nn.SiLU(), last)

    def first(self, stands: torch.Tensor) -> torch.Tensor:
        """The turns that a start shows, from its mean latent [B, D] (less the centre, by the scale) -> [B]."""
        pair = self.begin(stands)
        return torch.atan2(pair[:, 1], pair[:, 0]) / (2 * math.pi)

    def turns_a_second(self, means: torch.Tensor) -> torch.Tensor:
        """How fast it turns, 0 to 1, by the means of walk and sound [B, 2 D] -> [B]."""
        return self.speed(means)[:, 0].sigmoid()

    @torch.no_grad()
    def way(self, stands: torch.Tensor, before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
        """The step from `before` to `after`, [B] turns, on the circle around where a walk stands, its mean latent [B, D] -> [B, D]."""
        way = circle_point(after) - circle_point(before)
        return torch.einsum("bp,bpd->bd", way, self.circle(stands).unflatten(1, (2, -1)))


def circle_point(turns: torch.Tensor) -> torch.Tensor:
    """Cosine and sine of `turns` [B] -> [B, 2]."""
    angle = 2 * math.pi * turns
    return torch.stack([angle.cos(), angle.sin()], 1)


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
        along_circle, after = stands.new_zeros(()), {}
        if self.clock is not None:
            place = shared[:, : self.w_dim]
            before = (hidden["clock"][0, :, 0] if "clock" in hidden else self.clock.first(place)).detach() % 1
            turns = before + self.clock.turns_a_second(shared) / self.walk_rate
            after["clock"] = turns[None, :, None]
            along_circle = self.clock.way(place, before, turns)[:, None]
            shared = torch.cat([shared, circle_point(turns.detach())], 1)
        steps = []
        for name in GROUPS:
            step, after[name] = self.blocks[name](summed[:, self.slices[name]], shared, hidden.get(name))
            steps.append(step)
        return (torch.cat(steps, 1) + along_circle) * self.scale, after
