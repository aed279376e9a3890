"""F_a as its authors released it (Lee et al., CVPR 2022, arXiv 2112.00007): the sound tower of CLIP ViT-B/32's space.

Its picture isn't ours: see `audio.released_tower_log_mel`.
"""

import torch
from torch import nn
from torch.nn import functional as F

from ..backbones import BasicBlock
from ..shapes import check_shape


class ReleasedSoundTower(nn.Module):
    """Images [S, 1, 128, 512] of whole clips -> `sound_embed` [S, embed_dim]. Arguments as in `ReleasedSoundTowerConfig`."""

    def __init__(
        self, embed_dim: int = 512, depths: tuple[int, int, int, int] = (2, 2, 2, 2), widths: tuple[int, int, int, int] = (64, 128, 256, 512)
    ) -> None:
        super().__init__()
        self.embed_dim = embed_dim
        self.conv = nn.Conv2d(1, 3, 3)
        self.conv1, self.bn1 = nn.Conv2d(3, widths[0], 7, 2, 3, bias=False), nn.BatchNorm2d(widths[0])
        self.stages = nn.ModuleList()
        width_in = widths[0]
        for stage, (depth, width) in enumerate(zip(depths, widths, strict=True)):
            strides = [2 if stage and index == 0 else 1 for index in range(depth)]
            self.stages.append(nn.Sequential(*(BasicBlock(width if index else width_in, width, stride) for index, stride in enumerate(strides))))
            width_in = width
        self.fc = nn.Linear(width_in, embed_dim)

    def forward(self, log_mel: torch.Tensor) -> torch.Tensor:
        """As the weights give it, of any length."""
        check_shape("picture", log_mel, "S 1 128 512")
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(self.conv(log_mel)))), 3, 2, 1)
        for stage in self.stages:
            x = stage(x)
        return self.fc(x.mean((2, 3)))

    def embed_sounds(self, log_mel: torch.Tensor) -> torch.Tensor:
        """The same at unit length, as it's compared with CLIP's embeddings: [S, 1, M, F] -> [S, E]."""
        return F.normalize(self(log_mel), dim=-1)
