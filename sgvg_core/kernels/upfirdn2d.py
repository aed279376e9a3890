"""Filtering, doubling and halving by the filter [1, 3, 3, 1] (StyleGAN2's upfirdn2d)."""

from typing import Any

import torch
from torch.nn import functional as F
from torch.nn.grad import conv2d_input


def channels_last(x: torch.Tensor) -> torch.Tensor:
    """Images [N, C, H, W] with the channels of a pixel side by side in memory."""
    return x.contiguous(memory_format=torch.channels_last)


def resample_filter() -> torch.Tensor:
    """The filter [1, 3, 3, 1] in both directions [4, 4]; its sum is four, since three of four pixels it meets are zeros."""
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 4
    return torch.outer(taps, taps)


class _Filtered(torch.autograd.Function):
    """Each channel by the same fixed taps [4, 4], symmetric. Gradients are filters of the same kind, of any order.

    torch's own second gradient of a convolution by groups takes a convolution a channel, hundreds of them; R1 and path length need it.
    """

    @staticmethod
    def forward(context: Any, x: torch.Tensor, taps: torch.Tensor, stride: int, padding: int) -> torch.Tensor:
        context.save_for_backward(taps)
        context.settings = x.shape, stride, padding
        return F.conv2d(x, taps.expand(x.shape[1], 1, 4, 4), stride=stride, padding=padding, groups=x.shape[1])

    @staticmethod
    def backward(context: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None, None, None]:
        return _FilteredBack.apply(gradients[0], *context.saved_tensors, *context.settings), None, None, None  # type: ignore[no-untyped-call]


class _FilteredBack(torch.autograd.Function):
    """The transpose of `_Filtered`: its gradient, whose gradient it is in turn."""

    @staticmethod
    def forward(context: Any, gradient: torch.Tensor, taps: torch.Tensor, shape: torch.Size, stride: int, padding: int) -> torch.Tensor:
        context.save_for_backward(taps)
        context.settings = stride, padding
        weight = taps.expand(shape[1], 1, 4, 4)
        if stride == 1:  # the filter is its own mirror image; torch's way to this gradient is some times slower
            return F.conv2d(gradient, weight, padding=3 - padding, groups=shape[1])
        return conv2d_input(shape, weight, gradient, stride=stride, padding=padding, groups=shape[1])

    @staticmethod
    def backward(context: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None, None, None, None]:
        return _Filtered.apply(gradients[0], *context.saved_tensors, *context.settings), None, None, None, None  # type: ignore[no-untyped-call]


def upfirdn2d(x: torch.Tensor, taps: torch.Tensor, *, stride: int = 1, padding: int = 0) -> torch.Tensor:
    """Each channel of x [N, C, H, W] by the fixed, symmetric filter `taps` [4, 4], with zeros beyond the border.

    `stride` keeps each such point of the result; `padding` zeros lie on each side.
    """
    if torch.is_grad_enabled() and x.requires_grad:
        result: torch.Tensor = _Filtered.apply(x, taps, stride, padding)  # type: ignore[no-untyped-call]
        return result
    return F.conv2d(x, taps.expand(x.shape[1], 1, 4, 4), stride=stride, padding=padding, groups=x.shape[1])


def upsample2d(x: torch.Tensor) -> torch.Tensor:
    """Images [N, C, H, W] -> [N, C, 2 H, 2 W] by the filter [1, 3, 3, 1], with zeros beyond the border.

    That filter is bilinear interpolation, but for the border; hence the zeros around the picture, cut off again.
    """
    x = F.interpolate(F.pad(x, (1, 1, 1, 1)), scale_factor=2, mode="bilinear", align_corners=False)
    return x[:, :, 2:-2, 2:-2]


def downsample2d(x: torch.Tensor) -> torch.Tensor:
    """Images [N, C, H, W] -> [N, C, H / 2, W / 2] by the filter [1, 3, 3, 1], with zeros beyond the border."""
    return upfirdn2d(x, filter_taps(x), stride=2, padding=1)


def filter_taps(x: torch.Tensor) -> torch.Tensor:
    """The filter [4, 4]; its sum is one."""
    return (resample_filter() / 4).to(x)
