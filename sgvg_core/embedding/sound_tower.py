"""F_a: windows of sound -> the joint space (paper Eq. 2; Lee et al., CVPR 2022)."""

import itertools
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from ..shapes import check_shape

SILENT_SHARE = 0.35
"""Share of the windows in training that the statistics answer alone."""
SHARE_OF_CONVOLUTIONS = 0.7
"""How much the convolutions count beside the statistics."""


class BandStatistics(nn.Module):
    """What the bands of a window do: log-mel windows [S, 1, M, F] -> numbers [S, 4 B + 4], B bands.

    For each band its mean (less the window's own), its spread, its unrest from frame to frame and how far its peak stands out; then
    how far all bands go together, slowly and from frame to frame, and how loud window and middle are. Few numbers, and none that a
    single place or microphone could be learned by heart from.
    """

    def __init__(self, num_mels: int) -> None:
        super().__init__()
        self.mels_a_band = 2 if num_mels % 2 == 0 else 1
        self.num_features = 4 * (num_mels // self.mels_a_band) + 4

    def forward(self, log_mel: torch.Tensor) -> torch.Tensor:
        bands = log_mel[:, 0].unflatten(1, (-1, self.mels_a_band)).mean(2)  # [S, B, F]
        mean, spread, unrest = bands.mean(2), bands.std(2), bands.diff(dim=2).abs().mean(2)
        whole = bands.mean(1)
        third = whole.shape[1] // 3
        together = whole.std(1) / (spread.mean(1) + 1e-3), whole.diff(dim=1).abs().mean(1) / (unrest.mean(1) + 1e-3)
        loud = torch.stack([*together, whole.mean(1), whole[:, third : 2 * third + 1].mean(1)], 1)
        return torch.cat([mean - mean.mean(1, keepdim=True), spread, unrest, bands.amax(2) - mean, loud], 1)


class SoundTower(nn.Module):
    """Log-mel windows [S, 1, M, F] in 0..1 -> `sound_embed` [S, embed_dim], unit length.

    Residual blocks of two convolutions, each halving both axes. What's left is averaged and maximised over time alone: at which
    pitch something sounds matters, when in the window it sounds does not. Beside them stand two layers of `statistics` units on what
    the bands do (0: none). The convolutions tell sounds apart finely, the statistics carry over to recordings of places that were
    never heard; in training the convolutions are silent in a share of the windows, so that neither leaves the work to the other.
    """

    def __init__(self, embed_dim: int, widths: Sequence[int], num_mels: int, dropout: float = 0.2, statistics: int = 0) -> None:
        super().__init__()
        steps = [1, *widths]
        self.blocks = nn.Sequential(*(_Block(a, b) for a, b in itertools.pairwise(steps)))
        rows = num_mels
        for _ in widths:
            rows = (rows + 1) // 2
        self.num_mels = num_mels
        self.dropout = nn.Dropout(dropout)
        self.project = nn.Linear(2 * rows * widths[-1], embed_dim)
        self.statistics: nn.Sequential | None = None
        if statistics:
            bands = BandStatistics(num_mels)
            first = nn.Linear(bands.num_features, statistics)
            layers = [nn.BatchNorm1d(bands.num_features), nn.Dropout(0.1), first, nn.ReLU(), nn.Dropout(0.3), nn.Linear(statistics, embed_dim)]
            self.statistics = nn.Sequential(bands, *layers)

    def forward(self, log_mel: torch.Tensor) -> torch.Tensor:
        check_shape("log_mel", log_mel, "S 1 M F", M=self.num_mels)
        maps = self.blocks(log_mel * 2 - 1)  # [S, C, rows, columns]
        pooled = torch.cat([maps.mean(3), maps.amax(3)], 1).flatten(1)  # [S, 2 * C * rows]
        embed = functional.normalize(self.project(self.dropout(pooled)), dim=-1)
        if self.statistics is None:
            return embed
        if self.training:
            embed = embed * (torch.rand(len(embed), 1, device=embed.device) >= SILENT_SHARE)
        beside = functional.normalize(self.statistics(log_mel), dim=-1)
        return functional.normalize(SHARE_OF_CONVOLUTIONS * embed + beside, dim=-1)


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
