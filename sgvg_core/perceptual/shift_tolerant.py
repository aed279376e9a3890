"""ST-LPIPS (Ghildyal and Liu, ECCV 2022): a distance that small shifts hardly change, with the weights of an installed package.

`pip install --no-deps stlpips-pytorch` brings the weights. They're read as plain tensors; the package's code is never imported.
"""

import importlib.metadata
import itertools
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from ..checkpoints import WithoutNumbers, load_state
from ..errors import CheckpointError, ConfigError
from .distance import WIDTHS, PerceptualDistance, linear_weights, normalised, read_tensors

PACKAGE = "stlpips-pytorch"
"""Its name where packages are installed from."""
_WEIGHTS = "alex_shift_tolerant.pth"
_FILE_NUMBERS = ("0", "5", "9", "11", "13")
"""Numbers of the convolutions in the file."""


def load_st_lpips(path: str | Path | None = None) -> PerceptualDistance:
    """ST-LPIPS on its AlexNet, with the weights in `path` (None: those of the installed package `PACKAGE`).

    Raises ConfigError where the package is missing, CheckpointError where the file is another's.
    """
    path = _installed_weights() if path is None else path
    tensors = read_tensors(path, f"ST-LPIPS needs {_WEIGHTS} of the package {PACKAGE}")
    convs = {name: tensor.float() for name, tensor in tensors.items() if name.startswith("net.") and name.endswith((".weight", ".bias"))}
    weights = linear_weights(tensors, WIDTHS["alex"])
    if weights is None:
        raise CheckpointError(f"{path}: not the AlexNet of ST-LPIPS; give {_WEIGHTS} of the package {PACKAGE}")
    with WithoutNumbers():
        trunk = _ShiftTolerantAlexNet()
    load_state(trunk, {_own_name(name): tensor for name, tensor in convs.items()}, str(path))
    trunk.eval().requires_grad_(False)
    return PerceptualDistance("ST-LPIPS", trunk, trunk.maps, weights)


class _ShiftTolerantAlexNet(nn.Module):
    """AlexNet whose first convolution has no stride, and whose halvings blur before they skip pixels."""

    def __init__(self) -> None:
        super().__init__()
        kernels = ((11, 2), (5, 2), (3, 1), (3, 1), (3, 1))
        widths = itertools.pairwise((3, *WIDTHS["alex"]))
        self.convs = nn.ModuleList(nn.Conv2d(*width, kernel, padding=padding) for width, (kernel, padding) in zip(widths, kernels, strict=True))

    def maps(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Images [N, 3, H, W] in -1..1 -> the maps [N, C, h, w] of each convolution."""
        found = [_blurred_half(self.convs[0](normalised(images))).relu()]
        for layer, conv in enumerate(list(self.convs)[1:]):
            x = _blurred_half(F.max_pool2d(found[-1], 3, 1)) if layer < 2 else found[-1]
            found.append(conv(x).relu())
        return found


def _blurred_half(x: torch.Tensor) -> torch.Tensor:
    """Every second pixel of maps [N, C, H, W] after a binomial blur over three, mirrored by two pixels at the border."""
    blur = torch.tensor([1.0, 2.0, 1.0], dtype=x.dtype, device=x.device) / 4
    kernel = (blur[:, None] * blur).expand(x.shape[1], 1, 3, 3)
    return F.conv2d(F.pad(x, (2, 2, 2, 2), mode="reflect"), kernel, stride=2, groups=x.shape[1])


def _own_name(name: str) -> str:
    """net.slice2.5.weight -> convs.1.weight. A number of no convolution stays, for `load_state` to name."""
    *_, number, kind = name.split(".")
    return f"convs.{_FILE_NUMBERS.index(number)}.{kind}" if number in _FILE_NUMBERS else name


def _installed_weights() -> Path:
    """The file of weights in the installed package. Raises ConfigError where there is none."""
    try:
        files = importlib.metadata.files(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    found = next((file for file in files if file.name == _WEIGHTS), None)
    if found is None:
        raise ConfigError(f"perceptual: ST-LPIPS needs the weights of {PACKAGE}; pip install --no-deps {PACKAGE}, or take the joint space's own")
    return Path(str(found.locate()))
