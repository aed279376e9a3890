"""F_a: windows of sound -> the joint space (paper Eq. 2; Lee et al., CVPR 2022)."""

import itertools
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from ..shapes import check_shape

SILENT_SHARE = 0.5
"""Share of the windows in training that the texture answers alone."""
SHARE_OF_CONVOLUTIONS = 0.5
"""How much the convolutions count beside the texture."""
COLOURLESS_SHARE = 0.5
"""Share of the windows in training whose texture is judged without its colour."""
FARTHEST = 3.0
"""Standard deviations beyond which a number of the texture says no more: another place or microphone can't shout the others down."""
NUM_BANDS = 16
NUM_GROUPS = 4
LAGS = (2, 4, 8)
"""Frames over which a level's course is compared with itself."""
_SMALL = 1e-3


class SoundTexture(nn.Module):
    """What the bands of a window do, as numbers: log-mel windows [S, 1, M, F] -> [S, num_features].

    First the colour, the mean of each of 16 bands less the window's own (`num_colours` numbers). Then for each band, for four groups of
    them and for all together what their level does in time: how far and how restlessly it moves, over which times, whether peaks or
    dips stand out, and whether it rises faster than it falls. At last how far all bands go together. A place, a microphone or a
    distance changes the colour and hardly the rest, so these numbers carry over to recordings of places that were never heard. The
    idea is that of sound textures (McDermott and Simoncelli, Neuron 2011); loudness is left out.
    """

    def __init__(self, num_mels: int) -> None:
        super().__init__()
        self.num_bands, self.num_groups = min(NUM_BANDS, num_mels), min(NUM_GROUPS, num_mels)
        self.num_colours = self.num_bands
        self.num_features = self.num_bands + (5 + len(LAGS)) * (self.num_bands + self.num_groups + 1) + 2

    def forward(self, log_mel: torch.Tensor) -> torch.Tensor:
        bands = functional.adaptive_avg_pool2d(log_mel.float(), (self.num_bands, log_mel.shape[3]))[:, 0]  # [S, B, F]
        groups = functional.adaptive_avg_pool1d(bands.transpose(1, 2), self.num_groups).transpose(1, 2)
        whole = bands.mean(1, keepdim=True)
        colour = bands.mean(2) - bands.mean((1, 2))[:, None]
        return torch.cat([colour, *(_course(level).flatten(1) for level in (bands, groups, whole)), _agreement(bands)], 1)


def _course(level: torch.Tensor) -> torch.Tensor:
    """What levels [S, B, F] do in time, in eight numbers each: [S, 8, B]."""
    apart = level - level.mean(2, keepdim=True)
    steps = level.diff(dim=2)
    spread, pace = apart.square().mean(2).sqrt() + _SMALL, steps.square().mean(2).sqrt() + _SMALL
    lags = [min(lag, level.shape[2] - 1) for lag in LAGS]
    slow = [(level[..., lag:] - level[..., :-lag]).abs().mean(2) / spread for lag in lags]
    lopsided, attack = apart.pow(3).mean(2) / spread**3, steps.pow(3).mean(2) / pace**3
    reach = level.quantile(0.9, dim=2) - level.median(2).values
    return torch.stack([spread.log(), (steps.abs().mean(2) + _SMALL).log(), *slow, lopsided, attack, reach], 1)


def _agreement(bands: torch.Tensor) -> torch.Tensor:
    """How far bands [S, B, F] go together, slowly and from frame to frame: [S, 2], one where they move as one."""
    whole, steps = bands.mean(1), bands.diff(dim=2)
    slow = whole.std(1) / (bands.std(2).mean(1) + _SMALL)
    return torch.stack([slow, steps.mean(1).abs().mean(1) / (steps.abs().mean((1, 2)) + _SMALL)], 1)


class TextureTower(nn.Module):
    """Log-mel windows [S, 1, M, F] -> [S, embed_dim], by the texture alone, through two layers of `width`."""

    def __init__(self, embed_dim: int, width: int, num_mels: int) -> None:
        super().__init__()
        self.texture = SoundTexture(num_mels)
        self.norm = nn.BatchNorm1d(self.texture.num_features)
        self.layers = nn.Sequential(
            nn.Dropout(0.1), nn.Linear(self.texture.num_features, width), nn.ReLU(), nn.Dropout(0.4),
            nn.Linear(width, width), nn.ReLU(), nn.Dropout(0.4), nn.Linear(width, embed_dim),
        )  # fmt: skip

    def forward(self, log_mel: torch.Tensor) -> torch.Tensor:
        numbers = self.norm(self.texture(log_mel)).clamp(-FARTHEST, FARTHEST)
        colour, courses = numbers.tensor_split([self.texture.num_colours], 1)
        heard = (torch.rand(len(colour), 1, device=colour.device) >= COLOURLESS_SHARE) if self.training else 1 - COLOURLESS_SHARE
        return self.layers(torch.cat([colour * heard, courses], 1))


class SoundTower(nn.Module):
    """Log-mel windows [S, 1, M, F] in 0..1 -> `sound_embed` [S, embed_dim], unit length.

    Residual blocks of two convolutions, each halving both axes. What's left is averaged and maximised over time alone: at which
    pitch something sounds matters, when in the window it sounds does not. Beside them stand two layers of `statistics` units on the
    sound's texture (0: none). The convolutions tell sounds apart finely, the texture carries over to recordings of places that were
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
        self.statistics = TextureTower(embed_dim, statistics, num_mels) if statistics else None

    def forward(self, log_mel: torch.Tensor) -> torch.Tensor:
        check_shape("log_mel", log_mel, "S 1 M F", M=self.num_mels)
        maps = self.blocks(log_mel * 2 - 1)  # [S, C, rows, columns]
        pooled = torch.cat([maps.mean(3), maps.amax(3)], 1).flatten(1)  # [S, 2 * C * rows]
        embed = functional.normalize(self.project(self.dropout(pooled)), dim=-1)
        if self.statistics is None:
            return embed
        heard = (torch.rand(len(embed), 1, device=embed.device) >= SILENT_SHARE) if self.training else 1 - SILENT_SHARE
        beside = functional.normalize(self.statistics(log_mel), dim=-1)
        return functional.normalize(SHARE_OF_CONVOLUTIONS * heard * embed + beside, dim=-1)


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
