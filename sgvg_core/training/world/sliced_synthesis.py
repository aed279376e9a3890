"""The synthesis network on a batch that is cut into slices, one a thread: threads that share a layer of small pictures wait for one another
longer than they compute.
"""

import functools
from collections.abc import Callable, Sequence

import torch

from ...kernels.lanes import map_in_lanes, num_lanes
from ...synthesis import StyleGAN2Generator


class SlicedSynthesis:
    """Pictures of `net` at `sizes`, resolutions of its blocks, and the gradients of its weights by those at the pictures.

    `dtype` is that of the features; `compiled` has torch.compile fuse what is done.
    """

    def __init__(self, net: StyleGAN2Generator, sizes: Sequence[int], dtype: torch.dtype, *, compiled: bool) -> None:
        self.net, self.weights = net, [weight for weight in net.synthesis.parameters() if weight.requires_grad]
        paint = functools.partial(net.synthesis.pictures, sizes=sizes, dtype=dtype)
        self._paint: Callable[[torch.Tensor], list[torch.Tensor]] = torch.compile(paint, dynamic=False) if compiled else paint
        self._made: list[list[torch.Tensor]] = []

    def images(self, z: torch.Tensor) -> list[torch.Tensor]:
        """Images [N, 3, H, W] of codes z [N, z_dim], size by size, by which gradients may be taken."""
        self._made = map_in_lanes(self._paint, self.net.mapping(z).tensor_split(min(num_lanes(), len(z))))
        return [torch.cat(images).detach().requires_grad_() for images in zip(*self._made, strict=True)]

    def backward(self, gradients: Sequence[torch.Tensor]) -> None:
        """The gradients of the weights, by `gradients` [N, 3, H, W] at the images that were made last, size by size."""
        lengths = [len(images) for images, *_ in self._made]
        parts = zip(*(gradient.split(lengths) for gradient in gradients), strict=True)
        found = map_in_lanes(self._gradients, list(zip(self._made, parts, strict=True)))
        for weight, first, *others in zip(self.weights, *found, strict=True):
            weight.grad = sum(others, first)

    def _gradients(self, part: tuple[Sequence[torch.Tensor], Sequence[torch.Tensor]]) -> Sequence[torch.Tensor]:
        """What a slice's images and the gradients at them say of the weights."""
        return torch.autograd.grad(part[0], self.weights, part[1])
