"""The texture of a sound: what its bands do in time, as numbers that hardly change from place to place."""

import torch
from torch import nn
from torch.nn import functional

COLOURLESS_SHARE = 0.5
"""Share of the windows in training whose texture is judged without its colour."""
FARTHEST = 3.0
"""Standard deviations beyond which a number of the texture says no more: another place or microphone can't shout the others down."""
NUM_BANDS = 16
NUM_GROUPS = 4
LAGS = (2, 4, 8)
"""Frames over which a level's course is compared with itself."""
NUM_MOMENTS = 8
"""Parts of a window's time whose loudness is told."""
NUM_LOUDNESSES = 2 * NUM_MOMENTS
_SMALL = 1e-3


class SoundTexture(nn.Module):
    """What the bands of a window do, as numbers: log-mel windows [S, 1, M, F] in 0..1 -> [S, num_features], about -3..3.

    First the colour, the mean of each of 16 bands less the window's own (`num_colours` numbers). Then for each band, for four groups of
    them and for all together what their level does in time: how far and how restlessly it moves, over which times, whether peaks or
    dips stand out, and whether it rises faster than it falls. At last how far all bands go together. A place, a microphone or a
    distance changes the colour and hardly the rest, so these numbers carry over to recordings of places that were never heard. The
    idea is that of sound textures (McDermott and Simoncelli, Neuron 2011); loudness is left out. In training the colour is left out of
    half of the windows, so that it isn't all that is learned.
    """

    def __init__(self, num_mels: int) -> None:
        super().__init__()
        self.num_bands, self.num_groups = min(NUM_BANDS, num_mels), min(NUM_GROUPS, num_mels)
        self.num_colours = self.num_bands
        self.num_features = self.num_bands + (5 + len(LAGS)) * (self.num_bands + self.num_groups + 1) + 2
        self.norm = nn.BatchNorm1d(self.num_features)

    def forward(self, log_mel: torch.Tensor) -> torch.Tensor:
        return self.told(self.measure(log_mel))

    def told(self, numbers: torch.Tensor) -> torch.Tensor:
        """What is heard in the numbers of windows [S, num_features], same shape: about -3..3, with the colour as training and films have it."""
        numbers = self.norm(numbers).clamp(-FARTHEST, FARTHEST)
        colour, courses = numbers.tensor_split([self.num_colours], 1)
        heard = (torch.rand(len(colour), 1, device=colour.device) >= COLOURLESS_SHARE) if self.training else 1 - COLOURLESS_SHARE
        return torch.cat([colour * heard, courses], 1)

    def measure(self, log_mel: torch.Tensor) -> torch.Tensor:
        """The numbers as they are, [S, num_features]."""
        bands = functional.adaptive_avg_pool2d(log_mel.float(), (self.num_bands, log_mel.shape[3]))[:, 0]  # [S, B, F]
        groups = functional.adaptive_avg_pool1d(bands.transpose(1, 2), self.num_groups).transpose(1, 2)
        whole = bands.mean(1, keepdim=True)
        colour = bands.mean(2) - bands.mean((1, 2))[:, None]
        return torch.cat([colour, *(_course(level).flatten(1) for level in (bands, groups, whole)), _agreement(bands)], 1)


def loudness_course(log_mel: torch.Tensor) -> torch.Tensor:
    """What the texture leaves out: how loud log-mel windows [S, 1, M, F] are in each eighth of their time, over all of 16 bands and in the
    loudest of them. [S, NUM_LOUDNESSES], -2..2."""
    bands = functional.adaptive_avg_pool2d(log_mel.float(), (min(NUM_BANDS, log_mel.shape[2]), NUM_MOMENTS))[:, 0]
    return 4 * torch.cat([bands.mean(1), bands.amax(1)], 1) - 2


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
