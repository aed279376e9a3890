"""F_a: windows of sound -> the joint space (paper Eq. 2; Lee et al., CVPR 2022)."""

import itertools
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from ..backbones import SoundTexture
from ..shapes import check_shape

SILENT_SHARE = 0.5
"""Share of the windows in training that the texture answers alone."""
SHARE_OF_CONVOLUTIONS = 0.5
"""Weight of the convolutions; that of the texture is 1."""


class TextureTower(nn.Module):
    """Log-mel windows [S, 1, num_mels, F] -> [S, embed_dim], by the texture alone, through two layers of `width`."""

    def __init__(self, embed_dim: int, width: int, num_mels: int) -> None:
        super().__init__()
        self.texture = SoundTexture(num_mels)
        self.layers = nn.Sequential(
            nn.Dropout(0.1), nn.Linear(self.texture.num_features, width), nn.ReLU(), nn.Dropout(0.4),
            nn.Linear(width, width), nn.ReLU(), nn.Dropout(0.4), nn.Linear(width, embed_dim),
        )  # fmt: skip

    def forward(self, log_mel: torch.Tensor) -> torch.Tensor:
        return self.layers(self.texture(log_mel))


class SoundTower(nn.Module):
    """Log-mel windows [S, 1, M, F] in 0..1 -> `sound_embed` [S, embed_dim], unit length.

    Residual blocks of two convolutions, each halving both axes. What's left is averaged and maximised over time alone: at which
    pitch something sounds matters, when in the window it sounds does not. Added to them are two layers of `texture` units on the
    sound's texture (0: none). The convolutions tell sounds apart finely, the texture carries over to recordings of places that were
    never heard; in training the convolutions are silent in `silent_share` of the windows, so that neither leaves the work to the other.

    `widths` are the channels after each block, `num_mels` is M, `dropout` the share of what's left that is dropped in training.
    """

    def __init__(self, embed_dim: int, widths: Sequence[int], num_mels: int, dropout: float = 0.2, texture: int = 0,
                 silent_share: float = SILENT_SHARE) -> None:
        super().__init__()
        steps = [1, *widths]
        self.blocks = nn.Sequential(*(_Block(a, b) for a, b in itertools.pairwise(steps)))
        rows = num_mels
        for _ in widths:
            rows = (rows + 1) // 2
        self.num_mels, self.silent_share = num_mels, silent_share
        self.dropout = nn.Dropout(dropout)
        self.project = nn.Linear(2 * rows * widths[-1], embed_dim)
        self.statistics = TextureTower(embed_dim, texture, num_mels) if texture else None

    def forward(self, log_mel: torch.Tensor) -> torch.Tensor:
        check_shape("log_mel", log_mel, "S 1 M F", M=self.num_mels)
        maps = self.blocks(log_mel * 2 - 1)  # [S, C, rows, columns]
        pooled = torch.cat([maps.mean(3), maps.amax(3)], 1).flatten(1)  # [S, 2 * C * rows]
        embed = functional.normalize(self.project(self.dropout(pooled)), dim=-1)
        if self.statistics is None:
            return embed
        keep_mask = (torch.rand(len(embed), 1, device=embed.device) >= self.silent_share) if self.training else 1 - self.silent_share
        texture = functional.normalize(self.statistics(log_mel), dim=-1)
        return functional.normalize(SHARE_OF_CONVOLUTIONS * keep_mask * embed + texture, dim=-1)


class _Block(nn.Module):
    def __init__(self, num_in: int, num_out: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(num_in, num_out, 3, stride=2, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(num_out)
        self.second = nn.Conv2d(num_out, num_out, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(num_out)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        first = functional.relu(self.first_norm(self.first(maps)))
        return functional.relu(first + self.second_norm(self.second(first)))
