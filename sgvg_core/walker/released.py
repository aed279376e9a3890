"""The recurrent blocks as the paper's authors released them, for their weights and those of people who trained with their code.

A bidirectional GRU sees one step at a time: what it calls backward is a second GRU that also runs forward in time. Its hidden state,
[2 * num_layers, B, hidden], passes a linear layer over all of it before each step in some files (44 tensors) and not in others (42).
The released code reshapes that state in a way that is right for one clip alone; here every clip of a batch is treated as one alone.

In the released film the sound enters once, before the first picture; that picture shows it unchanged, and then each step takes a share
of 0.4 of what the blocks answer (`RELEASED_WALK`).
"""

import torch
from torch import nn

from ..latents import GROUPS, group_slices
from ..shapes import check_shape
from .blocks import Hidden


class ReleasedBlock(nn.Module):
    """One group: its latents [B, n, D] -> the step they take [B, n, D], and the next hidden state. Arguments as in `ReleasedBlockConfig`."""

    def __init__(self, num_group: int, w_dim: int = 512, hidden: int = 512, num_layers: int = 5, noise_fc: bool = True) -> None:
        super().__init__()
        self.num_group, self.w_dim, self.hidden, self.num_states = num_group, w_dim, hidden, 2 * num_layers
        self.rnn = nn.GRU(num_group * w_dim, hidden, num_layers, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(2 * hidden, num_group * w_dim)
        self.audio_noise_fc = nn.Linear(self.num_states * hidden, self.num_states * hidden) if noise_fc else None

    def forward(self, summed: torch.Tensor, h: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        if h is None:
            h = summed.new_zeros(self.num_states, summed.shape[0], self.hidden)
        if self.audio_noise_fc is not None:
            alone = self.audio_noise_fc(h.transpose(0, 1).flatten(1))  # [B, 2 * num_layers * hidden]
            h = alone.unflatten(1, (self.num_states, self.hidden)).transpose(0, 1).contiguous()
        out, h = self.rnn(summed.flatten(1)[:, None], h)
        return self.fc(out[:, 0]).unflatten(1, (self.num_group, self.w_dim)), h


class ReleasedWalker(nn.Module):
    """Coarse, mid and fine released blocks over W+, in the protocol of `RecurrentWalker`. `blocks` are in that order.

    `walk_rate` is steps a second; `family` and `img_resolution` say for which generator it was made, as in `LatentAxis`.
    """

    shows_start = True
    """The first latent of a walk is the start itself; blocks move it from the second one on."""

    def __init__(self, blocks: list[ReleasedBlock], walk_rate: float = 10.0, family: str = "stylegan3", img_resolution: int = 256) -> None:
        super().__init__()
        coarse, mid, fine = (block.num_group for block in blocks)
        self.num_ws, self.w_dim, self.walk_rate = coarse + mid + fine, blocks[0].w_dim, walk_rate
        self.family, self.img_resolution = family, img_resolution
        self.slices = group_slices((coarse, coarse + mid), self.num_ws)
        self.blocks = nn.ModuleDict(dict(zip(GROUPS, blocks, strict=True)))

    def forward(self, ws: torch.Tensor, audio_ws: torch.Tensor, hidden: Hidden) -> tuple[torch.Tensor, Hidden]:
        """Latents and what is heard, [B, L, D] each, and the hidden state -> the step of all latents [B, L, D], new state."""
        check_shape("ws", ws, "B L D", L=self.num_ws, D=self.w_dim)
        check_shape("audio_ws", audio_ws, "B L D", B=ws.shape[0], L=self.num_ws, D=self.w_dim)
        summed = ws + audio_ws
        steps, after = [], {}
        for name in GROUPS:
            step, after[name] = self.blocks[name](summed[:, self.slices[name]], hidden.get(name))
            steps.append(step)
        return torch.cat(steps, 1), after
