"""I3D (Carreira and Zisserman 2017): the network of the published FVD and IS, with weights of Kinetics that the user has as a file.

Two layouts of torch.save are read, each told by its names, neither ever run as code: that of pytorch-i3d (`rgb_imagenet.pt`, and
`i3d_pretrained_400.pt` of VideoGPT and many FVD scripts) and that of kinetics_i3d_pytorch (`model_rgb.pth`). Of a TorchScript archive the
tensors alone are read, and fit if they bear these names.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from ...checkpoints import WithoutNumbers, load_state
from ...checkpoints.plain import read_plain, script_state
from ...errors import CheckpointError
from ...shapes import check_shape

SIDE = 224
"""Side of the pictures that I3D was trained on."""
_EPS = 1e-3
"""Of the batch normalisation, as in the authors' TensorFlow network."""
_MIXED = {
    "mixed_3b": (192, 64, 96, 128, 16, 32, 32),
    "mixed_3c": (256, 128, 128, 192, 32, 96, 64),
    "mixed_4b": (480, 192, 96, 208, 16, 48, 64),
    "mixed_4c": (512, 160, 112, 224, 24, 64, 64),
    "mixed_4d": (512, 128, 128, 256, 24, 64, 64),
    "mixed_4e": (512, 112, 144, 288, 32, 64, 64),
    "mixed_4f": (528, 256, 160, 320, 32, 128, 128),
    "mixed_5b": (832, 256, 160, 320, 32, 128, 128),
    "mixed_5c": (832, 384, 192, 384, 48, 128, 128),
}
"""Channels that come in; of the plain branch; of the two branches of two steps; of the branch behind the pooling."""


def pad_same(x: torch.Tensor, kernel: tuple[int, int, int], stride: tuple[int, int, int]) -> torch.Tensor:
    """Zeros around [N, C, T, H, W] as TensorFlow's "SAME": ceil(size / stride) places come out, an odd zero goes behind.

    `x` gets zeros for a convolution of this `kernel` and `stride` (time, height, width).
    """
    pads: list[int] = []
    for size, width, step in zip(x.shape[-3:], kernel, stride, strict=True):
        surplus = max((-(-size // step) - 1) * step + width - size, 0)
        pads = [surplus // 2, surplus - surplus // 2, *pads]
    return F.pad(x, pads)


class Unit(nn.Module):
    """Convolution, batch normalisation, ReLU. [N, width_in, T, H, W] -> [N, width, T / stride, H / stride, W / stride].

    `kernel` is the number of points along each axis.
    """

    def __init__(self, width_in: int, width: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.kernel, self.stride = (kernel,) * 3, (stride,) * 3
        self.conv = nn.Conv3d(width_in, width, kernel, stride, bias=False)
        self.norm = nn.BatchNorm3d(width, eps=_EPS)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(self.norm(self.conv(pad_same(x, self.kernel, self.stride))))


def _pool(x: torch.Tensor, kernel: tuple[int, int, int], stride: tuple[int, int, int]) -> torch.Tensor:
    return F.max_pool3d(pad_same(x, kernel, stride), kernel, stride)  # behind a ReLU, so zeros at the edge never win


class Mixed(nn.Module):
    """Four branches side by side (Szegedy et al. 2015). [N, width_in, T, H, W] -> [N, plain + first + second + pooled, T, H, W].

    `plain` is 1 wide; `first` and `second` are 3 wide after `first_in` and `second_in` channels of 1; `pooled` comes after a maximum.
    """

    def __init__(self, width_in: int, plain: int, first_in: int, first: int, second_in: int, second: int, pooled: int) -> None:
        super().__init__()
        self.plain = Unit(width_in, plain, 1)
        self.first = nn.Sequential(Unit(width_in, first_in, 1), Unit(first_in, first, 3))
        self.second = nn.Sequential(Unit(width_in, second_in, 1), Unit(second_in, second, 3))
        self.pooled = Unit(width_in, pooled, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.plain(x), self.first(x), self.second(x), self.pooled(_pool(x, (3, 3, 3), (1, 1, 1)))], 1)


class I3D(nn.Module):
    """Clips [N, 3, T, 224, 224] in -1..1, T of at least 9 -> scores of the classes [N, K], the mean over time before any softmax."""

    def __init__(self, num_classes: int = 400) -> None:
        super().__init__()
        self.conv_1a = Unit(3, 64, 7, 2)
        self.conv_2b = Unit(64, 64, 1)
        self.conv_2c = Unit(64, 192, 3)
        self.mixed = nn.ModuleDict({name: Mixed(*widths) for name, widths in _MIXED.items()})
        self.classes = nn.Conv3d(1024, num_classes, 1)

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        check_shape("clips", clips, "N 3 T H W", H=SIDE, W=SIDE)
        x = _pool(self.conv_1a(clips), (1, 3, 3), (1, 2, 2))
        x = _pool(self.conv_2c(self.conv_2b(x)), (1, 3, 3), (1, 2, 2))
        for name, block in self.mixed.items():
            if name == "mixed_4b":
                x = _pool(x, (3, 3, 3), (2, 2, 2))
            elif name == "mixed_5b":
                x = _pool(x, (2, 2, 2), (2, 2, 2))
            x = block(x)
        return self.classes(F.avg_pool3d(x, (2, 7, 7), 1)).mean((2, 3, 4))


_FILES = "i3d_pretrained_400.pt or rgb_imagenet.pt (pytorch-i3d), or model_rgb.pth (kinetics_i3d_pytorch)"
_TOP = {"1a_7x7": "conv_1a", "2b_1x1": "conv_2b", "2c_3x3": "conv_2c"}
_BRANCHES = {
    "b0": "plain", "b1a": "first.0", "b1b": "first.1", "b2a": "second.0", "b2b": "second.1", "b3b": "pooled",
    "branch_0": "plain", "branch_1.0": "first.0", "branch_1.1": "first.1", "branch_2.0": "second.0", "branch_2.1": "second.1",
    "branch_3.1": "pooled",
}
_PARTS = {"conv3d": "conv", "bn": "norm", "batch3d": "norm"}
_NAME = re.compile(
    r"(?:module\.)?(?:conv3d_(?P<top>1a_7x7|2b_1x1|2c_3x3)|(?P<mixed>mixed_\d[a-z])\.(?P<branch>b\d[ab]?|branch_\d(?:\.\d)?))"
    r"\.(?P<part>conv3d|bn|batch3d)\.(?P<leaf>\w+)",
    re.IGNORECASE,
)
_CLASSES = re.compile(r"(?:module\.)?(?:logits|conv3d_0c_1x1)\.conv3d\.(weight|bias)")


def rename_i3d(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors of either layout under the names of `I3D`; names that belong to neither stay as they are."""
    return {_renamed(name): tensor for name, tensor in state.items()}


def _renamed(name: str) -> str:
    classes, found = _CLASSES.fullmatch(name), _NAME.fullmatch(name)
    if classes:
        return f"classes.{classes[1]}"
    if not found or (found["branch"] and found["branch"].lower() not in _BRANCHES):
        return name
    place = _TOP[found["top"].lower()] if found["top"] else f"mixed.{found['mixed'].lower()}.{_BRANCHES[found['branch'].lower()]}"
    return f"{place}.{_PARTS[found['part'].lower()]}.{found['leaf']}"


def load_i3d(path: str | Path) -> I3D:
    """The I3D in a file, on the CPU, ready to look. Raises CheckpointError for other files."""
    plain = read_plain(path)
    data = script_state(plain.data, str(path)) if plain.format == "torchscript" else plain.data
    data = data.get("state_dict", data) if isinstance(data, dict) else data
    if not isinstance(data, dict) or not all(isinstance(value, torch.Tensor) for value in data.values()):
        raise CheckpointError(f"{path}: no state dict of I3D; expected {_FILES}")
    state = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in rename_i3d(data).items()}
    classes = state.get("classes.bias")
    if classes is None:
        raise CheckpointError(f"{path}: its {len(state)} tensors aren't those of I3D ({', '.join(list(data)[:3])}, ...); expected {_FILES}")
    with WithoutNumbers():
        network = I3D(classes.numel())
    for name, buffer in network.named_buffers():  # files from before torch 0.4.1 don't count batches
        if name.endswith("num_batches_tracked"):
            state.setdefault(name, torch.zeros_like(buffer))
    load_state(network, state, str(path))
    return network.eval().requires_grad_(False)

