"""Residual units: IR-SE (ArcFace's network, Deng et al., arXiv 1801.07698) and ResNet's basic block (He et al., arXiv 1512.03385)."""

import torch
from torch import nn
from torch.nn import functional as F


class SqueezeExcite(nn.Module):
    """Scales each channel by what the whole map holds (Hu et al. 2018). [N, C, H, W] -> same.

    `width` is C; `inner` channels lie in between; `bias` says whether the two layers have one.
    """

    def __init__(self, width: int, inner: int, bias: bool = False) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Conv2d(width, inner, 1, bias=bias), nn.Conv2d(inner, width, 1, bias=bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.fc2(F.relu(self.fc1(x.mean((2, 3), keepdim=True)))).sigmoid()


class ResidualSqueeze(nn.Module):
    """An IR-SE unit. [N, width_in, H, W] -> [N, width_out, H / stride, W / stride].

    Where the width stays, the shortcut of a striding unit takes every second point; where it changes, it's a convolution. The squeeze-excite
    has width_out / `squeeze` inner channels.
    """

    def __init__(self, width_in: int, width_out: int, stride: int, squeeze: int = 16) -> None:
        super().__init__()
        self.stride = stride
        self.shortcut_layer = (
            nn.Sequential(nn.Conv2d(width_in, width_out, 1, stride, bias=False), nn.BatchNorm2d(width_out)) if width_in != width_out else None
        )
        self.res_layer = nn.Sequential(
            nn.BatchNorm2d(width_in),
            nn.Conv2d(width_in, width_out, 3, 1, 1, bias=False),
            nn.PReLU(width_out),
            nn.Conv2d(width_out, width_out, 3, stride, 1, bias=False),
            nn.BatchNorm2d(width_out),
            SqueezeExcite(width_out, max(width_out // squeeze, 1)),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        skipped = x[:, :, :: self.stride, :: self.stride] if self.shortcut_layer is None else self.shortcut_layer(x)
        return self.res_layer(x) + skipped


class BasicBlock(nn.Module):
    """ResNet's unit of two convolutions (He et al. 2016). [N, width_in, H, W] -> [N, width_out, H / stride, W / stride]."""

    def __init__(self, width_in: int, width_out: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(width_in, width_out, 3, stride, 1, bias=False), nn.BatchNorm2d(width_out)
        self.conv2, self.bn2 = nn.Conv2d(width_out, width_out, 3, 1, 1, bias=False), nn.BatchNorm2d(width_out)
        changes = stride != 1 or width_in != width_out
        self.downsample = nn.Sequential(nn.Conv2d(width_in, width_out, 1, stride, bias=False), nn.BatchNorm2d(width_out)) if changes else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inner = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(inner + (x if self.downsample is None else self.downsample(x)))
