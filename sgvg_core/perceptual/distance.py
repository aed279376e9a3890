"""How unlike two pictures look: LPIPS (Zhang et al. 2018) with weights that the user has as files, else the same with a network of ours.

Whatever looks, its name goes with the figure: "LPIPS" is only the published one, "LPIPS-judge" and "LPIPS-joint-space" are other scales.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import nn

from ..checkpoints import WithoutNumbers, load_state
from ..checkpoints.plain import read_plain
from ..embedding import JointSpace, OpenClipSpace
from ..errors import CheckpointError
from ..judge import Judge
from ..shapes import check_shape

Maps = Callable[[torch.Tensor], list[torch.Tensor]]
"""Images [N, 3, H, W] in -1..1 -> maps [N, C, h, w] of layer after layer."""

_SHIFT, _SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
"""LPIPS's normalisation of pictures in -1..1."""
_TAPS = {"alex": (1, 4, 7, 9, 11), "vgg": (3, 8, 15, 22, 29)}
"""Layers of torchvision's `features` behind which LPIPS looks."""
_FIRST = {"alex": (64, 3, 11, 11), "vgg": (64, 3, 3, 3)}
"""Shape of the first layer's weights, which tells the two apart."""
WIDTHS = {"alex": (64, 192, 384, 256, 256), "vgg": (64, 128, 256, 512, 512)}


def unit_difference(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Squared difference of maps [N, C, h, w], each place's channels brought to length 1 before, [N, C, h, w].

    `one` and `other` have the same shape.
    """
    ones = (each / (each.square().sum(1, keepdim=True).sqrt() + 1e-10) for each in (one, other))
    return (next(ones) - next(ones)).square()


class PerceptualDistance(nn.Module):
    """Pictures, and others [N, 3, H, W] in -1..1 -> how unlike they look [N], 0 for the same; differentiable.

    The sum over layers of the weighted squared difference of unit-length channels, averaged over the picture. Without `weights` ([C] for
    each layer) every channel counts the same, and the layers are averaged: 0 .. 4.

    `network` makes the features, `maps` gives its layers' for images; `name` is what reports call the distance.
    """

    def __init__(self, name: str, network: nn.Module, maps: Maps, weights: Sequence[torch.Tensor] = ()) -> None:
        super().__init__()
        self.name, self.network, self._maps = name, network, maps
        self._num_weights = len(weights)
        for index, weight in enumerate(weights):
            self.register_buffer(f"weight{index}", weight)

    def forward(self, images: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
        check_shape("pictures", images, "N 3 H W")
        return self._between(self._maps(images), self._maps(others))

    def fixed(self, others: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
        """The distance to `others` [N, 3, H, W] alone, which are looked at once: for a descent that compares with them at every step."""
        with torch.no_grad():
            known = self._maps(others)
        return lambda images: self._between(self._maps(images), known)

    def _between(self, ones: list[torch.Tensor], others: list[torch.Tensor]) -> torch.Tensor:
        apart = [unit_difference(one, other) for one, other in zip(ones, others, strict=True)]
        if not self._num_weights:
            return torch.stack([each.sum(1).mean((1, 2)) for each in apart]).mean(0)
        weighted = [torch.einsum("nchw,c->nhw", each, self.get_buffer(f"weight{index}")) for index, each in enumerate(apart)]
        return torch.stack([each.mean((1, 2)) for each in weighted]).sum(0)


def by_judge(judge: Judge) -> PerceptualDistance:
    """With the maps of the judge's halvings. Only for measuring: no loss uses the judge."""

    def maps(images: torch.Tensor) -> list[torch.Tensor]:
        found, x = [], torch.nn.functional.interpolate(images, size=(judge.image_size,) * 2, mode="bilinear", antialias=True)
        for layer in judge.body:
            x = layer(x)
            if isinstance(layer, nn.SiLU):
                found.append(x)
        return found[1::2]

    return PerceptualDistance("LPIPS-judge", judge, maps)


def by_joint_space(space: JointSpace | OpenClipSpace) -> PerceptualDistance | None:
    """With the maps of F_v's stages; None where F_v is no residual network."""
    if not hasattr(space.clip.visual, "layer4"):
        return None

    def maps(images: torch.Tensor) -> list[torch.Tensor]:
        visual = space.clip.visual
        found = [visual.stem(space.prepare(images))]
        for stage in (visual.layer1, visual.layer2, visual.layer3, visual.layer4):
            found.append(stage(found[-1]))
        return found

    return PerceptualDistance("LPIPS-joint-space", space, maps)


def load_lpips(backbone: str | Path, linear: str | Path) -> PerceptualDistance:
    """The published LPIPS (Zhang et al. 2018): torchvision's AlexNet or VGG-16 in the file `backbone`, and the linear weights of `lpips` (alex.pth,
    vgg.pth) in `linear`. Raises CheckpointError.
    """
    wanted = "LPIPS needs a backbone of torchvision and the linear weights of the lpips package"
    trunk, lines = read_tensors(backbone, wanted), read_tensors(linear, wanted)
    first = trunk.get("features.0.weight")
    kind = next((name for name, shape in _FIRST.items() if first is not None and tuple(first.shape) == shape), None)
    if kind is None:
        raise CheckpointError(f"{backbone}: neither torchvision's AlexNet nor its VGG-16; give alexnet-owt-7be5be79.pth or vgg16-397923af.pth")
    weights = linear_weights(lines, WIDTHS[kind])
    if weights is None:
        raise CheckpointError(f"{linear}: not LPIPS's linear weights for this backbone; give {kind}.pth of the lpips package (version 0.1)")
    with WithoutNumbers():
        features = _features(kind)
    last = _TAPS[kind][-1]
    own = {name.removeprefix("features."): tensor.float() for name, tensor in trunk.items() if name.startswith("features.")}
    load_state(features, {name: tensor for name, tensor in own.items() if int(name.split(".")[0]) <= last}, str(backbone))
    features.eval().requires_grad_(False)

    def maps(images: torch.Tensor) -> list[torch.Tensor]:
        found, x = [], normalised(images)
        for index, layer in enumerate(features):
            x = layer(x)
            if index in _TAPS[kind]:
                found.append(x)
        return found

    return PerceptualDistance("LPIPS", features, maps, weights)


def linear_weights(tensors: dict[str, torch.Tensor], widths: Sequence[int]) -> list[torch.Tensor] | None:
    """LPIPS's weights of each layer's channels, [C] each, among the `tensors` of a file; None where they aren't those of layers of `widths`."""
    found = {layer: tensors.get(f"lin{layer}.model.1.weight") for layer in range(len(widths))}
    fitting = [weight for layer, weight in found.items() if weight is not None and weight.shape == (1, widths[layer], 1, 1)]
    return [weight.float().flatten() for weight in fitting] if len(fitting) == len(widths) else None


def normalised(images: torch.Tensor) -> torch.Tensor:
    """Images [N, 3, H, W] in -1..1 as LPIPS's networks take them."""
    shift, scale = (images.new_tensor(values)[:, None, None] for values in (_SHIFT, _SCALE))
    return (images - shift) / scale


def read_tensors(path: str | Path, wanted: str) -> dict[str, torch.Tensor]:
    """The tensors in a file, by name. Raises CheckpointError where there's anything else; `wanted` says what should be there."""
    data = read_plain(path).data
    if not isinstance(data, dict) or not all(isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in data.items()):
        raise CheckpointError(f"{path}: no table of tensors; {wanted}")
    return data


def _features(kind: str) -> nn.Sequential:
    """torchvision's `features` up to the last layer that LPIPS looks behind."""
    if kind == "alex":
        sizes = ((3, 64, 11, 4, 2), (64, 192, 5, 1, 2), (192, 384, 3, 1, 1), (384, 256, 3, 1, 1), (256, 256, 3, 1, 1))
        layers: list[nn.Module] = []
        for index, (width_in, width, kernel, stride, padding) in enumerate(sizes):
            layers += [nn.Conv2d(width_in, width, kernel, stride, padding), nn.ReLU()]
            layers += [nn.MaxPool2d(3, 2)] if index < 2 else []
        return nn.Sequential(*layers)
    layers, width_in = [], 3
    for width, depth in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(depth):
            layers += [nn.Conv2d(width_in, width, 3, 1, 1), nn.ReLU()]
            width_in = width
        layers.append(nn.MaxPool2d(2, 2))
    return nn.Sequential(*layers[:-1])
