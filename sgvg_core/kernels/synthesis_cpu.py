"""The synthesis network for pictures alone (no gradients, float32, CPU): the same numbers with little memory traffic.

On a CPU most of a plain run's time goes into fresh memory: every layer allocates features as large as its picture, and the system
hands out new pages for them. Here each layer runs in strips of rows that stay in the processor's cache, and writes into two buffers
that are kept between pictures. What depends on the weights alone is prepared once. Pictures are computed each by itself, so that they
don't depend on the batch they're in: those of a small network next to one another, each on one thread; those of a large one in turn, on
all threads.
"""

import math
import threading
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import torch
from torch.nn import functional as F

from .bias_act import SLOPE
from .lanes import num_lanes, run_in_lanes
from .upfirdn2d import channels_last, resample_filter, upsample2d

_STRIP_NUMBERS = 2**19
"""About how many numbers a strip holds: 2 MB, a core's share of cache."""
_STRIP_PIXELS = 2048
"""Fewest pixels of a strip: a convolution lays out its weights anew on each call, which has to pay."""
_LANE_PRODUCTS = 2**32
"""Products of a picture up to which it's computed on one thread: the bundled network of 256 px has 1.1e9, StyleGAN2's own of 256 px 2e10."""


class EqualisedLinear(Protocol):
    """What is read of a linear layer with an equalised learning rate."""

    weight: Any
    bias: Any
    weight_gain: float
    bias_gain: float


class ModulatedConv(Protocol):
    """What is read of a modulated convolution."""

    affine: Any
    weight: Any
    bias: Any
    noise_strength: Any
    weight_gain: float
    clamp: float | None
    up: bool
    height: int
    width: int
    in_channels: int
    out_channels: int


class ToRGB(Protocol):
    """What is read of the layer that turns features into an image."""

    affine: Any
    weight: Any
    bias: Any
    weight_gain: float
    clamp: float | None


class _Affine:
    """A latent's way to a style, with its gains multiplied in."""

    def __init__(self, layer: EqualisedLinear, gain: float = 1.0) -> None:
        self.weight = layer.weight.detach() * (layer.weight_gain * gain)
        self.bias = layer.bias.detach() * (layer.bias_gain * gain)

    def __call__(self, w: torch.Tensor) -> torch.Tensor:
        """w [D] -> style [C]."""
        return torch.addmv(self.bias, self.weight, w)


class _Conv:
    """A modulated convolution with what its weights alone decide."""

    def __init__(self, layer: ModulatedConv, own_gain: float = 1.0) -> None:
        weight, gain = layer.weight.detach() * layer.weight_gain, own_gain * math.sqrt(2)
        self.affine = _Affine(layer.affine)
        self.power = weight.square().sum((2, 3))  # [C', C]
        self.weight = channels_last(weight.transpose(0, 1) if layer.up else weight)
        self.bias = layer.bias.detach() * gain
        self.noise_gain = layer.noise_strength.item() * gain
        self.gain, self.up, self.height, self.width = gain, layer.up, layer.height, layer.width
        self.clamp = None if layer.clamp is None else layer.clamp * own_gain
        self.in_channels, self.out_channels = layer.in_channels, layer.out_channels
        self.blur = resample_filter().expand(layer.out_channels, 1, 4, 4).contiguous()

    @property
    def num_products(self) -> int:
        """How many products a picture takes."""
        return self.weight.numel() * math.prod(self.size_in)

    @property
    def size_in(self) -> tuple[int, int]:
        """Rows and columns of the features that go in."""
        return (self.height // 2, self.width // 2) if self.up else (self.height, self.width)

    def strips(self) -> Iterator[tuple[int, int]]:
        """First and last row (of those that go in) of each strip."""
        rows_in, columns_in = self.size_in
        row = self.width * self.out_channels * (self.height // rows_in)  # numbers that come out a row that goes in
        rows = max(_STRIP_NUMBERS // row, _STRIP_PIXELS // columns_in, 1)
        rows += rows % 2  # so that a strip of a residual path begins with a row of the half size
        for start in range(0, rows_in, rows):
            yield start, min(start + rows, rows_in)

    def run(self, x: torch.Tensor, start: int, stop: int, demodulation: torch.Tensor, noise: torch.Tensor | None) -> torch.Tensor:
        """Features [1, C', rows, W] made of rows `start` .. `stop` of x [1, C, H + 2, W], which has a row of zeros above and below."""
        strip = x[:, :, start : stop + 2]
        if self.up:
            y = F.conv_transpose2d(strip, self.weight, stride=2, padding=(1, 0))
            y = F.conv2d(y, self.blur, padding=(0, 1), groups=self.out_channels)
        else:
            y = F.conv2d(strip, self.weight, padding=(0, 1))
        torch.addcmul(self.bias[:, None, None], y, demodulation[:, None, None], out=y)
        if noise is not None:
            factor = 2 if self.up else 1
            y.add_(noise[start * factor : stop * factor], alpha=self.noise_gain)
        F.leaky_relu_(y, SLOPE)
        return y if self.clamp is None else y.clamp_(-self.clamp, self.clamp)


class _ToRGB:
    def __init__(self, layer: ToRGB) -> None:
        self.affine, self.weight = _Affine(layer.affine, layer.weight_gain), layer.weight.detach().flatten(1)
        self.bias, self.clamp = layer.bias.detach()[:, None], layer.clamp

    def add(self, image: torch.Tensor, x: torch.Tensor, weight: torch.Tensor) -> None:
        """Add what features x [1, C, rows, W] show to `image` [1, img_channels, rows, W]; `weight` is [img_channels, C]."""
        pixels = x.permute(0, 2, 3, 1).flatten(0, 2)  # [rows * W, C]: features are channels last
        own = torch.addmm(self.bias, weight, pixels.T).view(image.shape)  # a third of the time of a convolution of 1 x 1
        image += own if self.clamp is None else own.clamp_(-self.clamp, self.clamp)


class Strips:
    """Prepared weights and buffers of one network; copies of the network start without."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.release()

    def __deepcopy__(self, memo: Any) -> "Strips":
        return Strips()

    def __reduce__(self) -> tuple[type["Strips"], tuple[()]]:
        return Strips, ()

    def release(self) -> None:
        """Free the prepared weights and the buffers; they come back with the next picture."""
        self._source: list[tuple[torch.Tensor, int]] = []
        self._convs: list[_Conv] = []
        self._outputs: list[_ToRGB | None] = []
        self._skips: list[torch.Tensor | None] = []
        self._const = torch.empty(0)
        self._needed: list[int] = []
        self._lanes: list[list[torch.Tensor]] = []

    def prepare(self, network: torch.nn.Module, blocks: Sequence[Any]) -> None:
        """Prepare the weights, unless it's done and none has changed since.

        `blocks` are those of the `network` that are computed in strips.
        """
        tensors = list(network.parameters())
        if len(tensors) == len(self._source) and all(
            own.data_ptr() == tensor.data_ptr() and version == _version(tensor) for (own, version), tensor in zip(self._source, tensors, strict=True)
        ):
            return
        with torch.inference_mode(False), torch.no_grad():  # tensors of inference mode couldn't be written to outside it
            self._prepare(tensors, blocks)

    def _prepare(self, tensors: Sequence[torch.Tensor], blocks: Sequence[Any]) -> None:
        # The aliases keep the memory from being given to other weights, so that its address tells them apart.
        self._source = [(tensor.detach(), _version(tensor)) for tensor in tensors]
        self._convs, self._outputs, self._skips = [], [], []
        for block in blocks:
            residual = block.architecture == "resnet" and not block.is_first
            self._convs += [_Conv(conv, math.sqrt(0.5) if residual and not conv.up else 1.0) for conv in block.convs]
            self._skips += [None] * (len(block.convs) - 1) + [block.skip.weight.detach() * block.skip.weight_gain if residual else None]
            self._outputs += [None] * (len(block.convs) - 1) + [_ToRGB(block.torgb) if block.has_torgb else None]
        self._const = blocks[0].const.detach()
        inputs = [conv.in_channels * (conv.size_in[0] + 2) * conv.size_in[1] for conv in self._convs]
        halves = [(conv.height // 2 + 2) * (conv.width // 2) for conv in self._convs]
        sides = [0 if skip is None else len(skip) * half for skip, half in zip(self._skips, halves, strict=True)][::2]
        self._needed = [max(sizes[parity::2], default=0) for sizes in (inputs, sides) for parity in (0, 1)]
        self._lanes = [lane for lane in self._lanes if [buffer.numel() for buffer in lane] == self._needed]

    def images(self, ws: torch.Tensor, noise: Sequence[torch.Tensor | None], out: torch.Tensor) -> None:
        """Write the pictures of latents ws [N, L, D] into `out` [N, img_channels, H, W].

        `noise` has maps [H', W'], or [N, 1, H', W'], one a convolution; convolutions after its end, which pictures of this size don't need, are
        left out. None is no noise.
        """

        def job(item: int, lane: int) -> None:
            own = [each if each is None or each.ndim == 2 else each[item, 0] for each in noise]
            self._image(ws[item], own, out[item : item + 1], self._lanes[lane])

        is_small = sum(conv.num_products for conv in self._convs[: len(noise)]) <= _LANE_PRODUCTS
        lanes = num_lanes() if is_small else 1
        self._open_lanes(min(lanes, len(ws)))
        run_in_lanes(job, len(ws), lanes)

    def _open_lanes(self, count: int) -> None:
        """Buffers for `count` pictures at once."""
        with torch.inference_mode(False), torch.no_grad():
            while len(self._lanes) < count:
                self._lanes.append([torch.empty(size) for size in self._needed])

    def _image(self, ws: torch.Tensor, noise: Sequence[torch.Tensor | None], out: torch.Tensor, buffers: Sequence[torch.Tensor]) -> None:
        """Write the picture of latents ws [L, D] into `out` [1, img_channels, H, W]; `noise` has one map [H', W'] a convolution."""
        convs = self._convs[: len(noise)]
        styles = [conv.affine(w) for conv, w in zip(convs, ws, strict=False)]
        x = self._input(buffers, 0)
        torch.mul(self._const, styles[0][:, None, None], out=x[0, :, 1:-1])
        image: torch.Tensor | None = None
        for index, conv in enumerate(convs):
            output, last = self._outputs[index], index + 1 == len(convs)
            if conv.up and image is not None:
                image = upsample2d(image)
            weight = None
            if output is not None:
                weight = output.weight * output.affine(ws[index + 1])
                if image is None:
                    image = out.new_zeros(1, out.shape[1], conv.height, conv.width)
            demodulation = torch.addmv(styles[index].new_full((), 1e-8), conv.power, styles[index].square()).rsqrt_() * conv.gain
            target = None if last else self._input(buffers, index + 1)
            side = None if self._skips[index] is None else self._side(buffers, index)
            next_skip = self._skips[index + 2] if index + 2 < len(self._skips) else None
            next_side = None if next_skip is None else self._side(buffers, index + 2)
            own_noise = noise[index] if conv.noise_gain else None
            factor = 2 if conv.up else 1
            for start, stop in conv.strips():
                y = conv.run(x, start, stop, demodulation, own_noise)
                start, stop = start * factor, stop * factor
                if side is not None:
                    y += _doubled_rows(side, start // 2, stop // 2)
                if next_skip is not None and next_side is not None:
                    next_side[:, :, start + 1 : stop + 1] = F.conv2d(y, next_skip)
                if output is not None and image is not None and weight is not None:
                    output.add(image[:, :, start:stop], y, weight)
                if target is not None:
                    torch.mul(y, styles[index + 1][:, None, None], out=target[:, :, start + 1 : stop + 1])
            if target is not None:
                x = target
        out.copy_(image)  # type: ignore[arg-type]

    def _input(self, buffers: Sequence[torch.Tensor], index: int) -> torch.Tensor:
        """The buffer [1, C, H + 2, W] that convolution `index` reads, channels last, its first and last row zero."""
        conv = self._convs[index]
        return _bordered(buffers[index % 2], conv.in_channels, *conv.size_in)

    def _side(self, buffers: Sequence[torch.Tensor], index: int) -> torch.Tensor:
        """The buffer [1, C', H / 2 + 2, W / 2] of the residual path that joins after convolution `index`, bordered likewise."""
        conv = self._convs[index]
        return _bordered(buffers[2 + index // 2 % 2], conv.out_channels, conv.height // 2, conv.width // 2)


def _bordered(buffer: torch.Tensor, num_channels: int, height: int, width: int) -> torch.Tensor:
    """The start of a buffer as [1, C, height + 2, width], channels last, its first and last row set to zero."""
    shape = 1, height + 2, width, num_channels
    x = buffer[: math.prod(shape)].view(shape).permute(0, 3, 1, 2)
    x[:, :, 0].zero_()
    x[:, :, -1].zero_()
    return x


def _doubled_rows(x: torch.Tensor, start: int, stop: int) -> torch.Tensor:
    """Rows `start` .. `stop` of x [1, C, H + 2, W], which has a row of zeros above and below, doubled: see `layers.upsample2d`."""
    rows = F.interpolate(F.pad(x[:, :, start : stop + 2], (1, 1)), scale_factor=2, mode="bilinear", align_corners=False)
    return rows[:, :, 2:-2, 2:-2]


def _version(tensor: torch.Tensor) -> int:
    """How often a tensor was changed in place. Tensors made in inference mode don't count it."""
    return 0 if tensor.is_inference() else tensor._version
