"""Fixed features of a code that a renderer has written: which scene, how strong, where in the cycle.

A generator that is taught by a renderer must paint the scene that z says. In plain z the kind of a scene is an argmax and its
numbers lie on a curve of the normal distribution; these features say the same things openly, so that the mapping needn't find them.
"""

import math

import torch
from torch import nn

from ..config import CodeFeaturesConfig
from .layers import unit_mean_square

SHARPNESS = 8.0
"""Factor of the scores before the softmax: codes whose best score leads by 0.35 are about 94 % sure."""
CLASS_WEIGHT, PAIR_WEIGHT = 3.0, 5.0
"""Weights that bring soft choices, mostly near zero, to about unit variance."""
WAVE_WEIGHT = 0.7
"""Weight of the waves of a value, so that many of them don't outweigh the value."""


class CodeFeatures(nn.Module):
    """Codes z [N, z_dim] -> features [N, num_features]; nothing here is learned."""

    def __init__(self, config: CodeFeaturesConfig) -> None:
        super().__init__()
        self.config = config
        self.parts = config.num_classes, config.num_choices, config.num_values, 2
        self.num_features = config.num_features

    def is_clear(self, z: torch.Tensor) -> torch.Tensor:
        """Whether the best class and the best choice of codes z [N, z_dim] lead the second best by the margin -> bool [N]."""
        classes, choices = unit_mean_square(z)[:, : sum(self.parts[:2])].split(self.parts[:2], dim=1)
        clear = torch.ones(len(z), dtype=torch.bool, device=z.device)
        for scores in (classes, choices):
            if scores.shape[1] > 1:
                best, second = scores.topk(2, dim=1).values.unbind(1)
                clear &= best - second > self.config.margin
        return clear

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """z is read in order as class scores, choice scores, values and the phase's pair; the rest only fills up its norm."""
        classes, choices, values, pair = unit_mean_square(z)[:, : self.config.num_read].split(self.parts, dim=1)
        kind, choice = torch.softmax(SHARPNESS * classes, 1), torch.softmax(SHARPNESS * choices, 1)
        both = (kind[:, :, None] * choice[:, None, :]).flatten(1)  # [N, classes * choices]
        u = 2 * torch.special.ndtr(values) - 1  # uniform in -1..1
        waves = [wave(math.pi / 2 * octave * u) * WAVE_WEIGHT for octave in self.config.octaves for wave in (torch.sin, torch.cos)]
        angle = torch.atan2(pair[:, 1:], pair[:, :1])
        turns = angle * torch.arange(1, self.config.num_harmonics + 1, device=z.device)  # [N, num_harmonics]
        circle = [turns.cos() * math.sqrt(2), turns.sin() * math.sqrt(2)]
        return torch.cat([CLASS_WEIGHT * kind, PAIR_WEIGHT * both, math.sqrt(3) * u, *waves, *circle], 1)
