"""The alias-free nonlinearity: up, leaky ReLU, down, so that no frequency folds over (Karras et al. 2021, section 3.1 and appendix C.3).

There are two ways to the same numbers. `FilteredLeakyReLU.forward` serves gradients, every device and number type. `in_blocks` is for
pictures alone on the CPU: it never makes the zeros between samples, and keeps to blocks that stay in the processor's cache.

Along one axis the enlarged signal t has `up` samples for one of x. Its phases t_p[a] = t[up * a + p] are kept apart, as planes:

    t_p[a] = sum over j of up_taps[p][j] * x[a + start_p + j]
    y[steps * b + e] = sum over k of down_taps[k] * t_q[b + shift]     with  shift, q = divmod(down * e + k, up),  steps = up / down

so that every sum is one of whole planes, moved against each other. All planes of a block have one pitch. A move by a column is then a
move by one number, a move by a row one by the pitch, and planes can be added as flat runs of numbers; what is read beyond the end of a
row ends up where nobody reads.
"""

import dataclasses
import functools
import math
from collections.abc import Iterator, Sequence

import torch
from torch import nn
from torch.nn import functional as F

from .bias_act import SLOPE

GAIN = math.sqrt(2)
_BLOCK_NUMBERS = 2**19
"""About how many numbers all planes of a block hold: 2 MB, a core's share of cache."""
_PLAIN_NUMBERS = 2**28
"""Most numbers that the plain way enlarges to at once while no gradients are recorded: 1 GB in float32."""


@dataclasses.dataclass(frozen=True)
class Phases:
    """One axis of the nonlinearity: which samples make which."""

    up: int
    down: int
    in_size: int
    out_size: int
    num_up_taps: int
    num_down_taps: int

    @functools.cached_property
    def pad_low(self) -> int:
        """Zeros before the first sample of the enlarged signal; the layout is symmetric (appendix C.3)."""
        total = (self.out_size - 1) * self.down + 1 - self.in_size * self.up + self.num_up_taps + self.num_down_taps - 2
        return (total + self.up) // 2

    @functools.cached_property
    def enlarged_size(self) -> int:
        """Samples of the enlarged signal that the down filter reads."""
        return (self.out_size - 1) * self.down + self.num_down_taps

    @functools.cached_property
    def steps(self) -> int:
        """Samples that come out for one cell of a plane."""
        return self.up // self.down

    @functools.cached_property
    def num_cells(self) -> int:
        """Cells of a plane that come out."""
        return -(-self.out_size // self.steps)

    @functools.cached_property
    def halo(self) -> int:
        """Further cells of the enlarged planes that the down filter reads."""
        return (self.down * (self.steps - 1) + self.num_down_taps - 1) // self.up

    def up_taps(self, phase: int) -> tuple[int, range]:
        """For a phase of the enlarged signal: where its first sample lies in x, and its taps of the up filter."""
        first = (self.pad_low - phase) % self.up
        return (first + phase - self.pad_low) // self.up, range(first, self.num_up_taps, self.up)

    @functools.cached_property
    def first(self) -> int:
        """Where the padded input begins in x (below zero: with zeros)."""
        return min(self.up_taps(phase)[0] for phase in range(self.up))

    @functools.cached_property
    def reach(self) -> int:
        """Further cells of the padded input that the up filter reads."""
        return max(start - self.first + len(taps) - 1 for start, taps in map(self.up_taps, range(self.up)))


class FilteredLeakyReLU(nn.Module):
    """x [N, C, in_size, in_size] -> [N, C, out_size, out_size]: up, leaky ReLU times sqrt(2), clamp, down.

    `up_filter` [taps] and `down_filter` [taps] or (radial) [taps, taps] are symmetric; they are constants, not weights. `up` must be a
    multiple of `down`: the signal never gets fewer samples. `clamp` holds what the leaky ReLU gives in -clamp..clamp; None doesn't.
    """

    up_filter: torch.Tensor
    down_filter: torch.Tensor

    def __init__(
        self, in_size: int, out_size: int, up: int, down: int, up_filter: torch.Tensor, down_filter: torch.Tensor, clamp: float | None
    ) -> None:
        super().__init__()
        self.register_buffer("up_filter", up_filter.float(), persistent=False)
        self.register_buffer("down_filter", down_filter.float(), persistent=False)
        self.up, self.down, self.clamp = up, down, clamp
        self.phases = Phases(up, down, in_size, out_size=out_size, num_up_taps=len(up_filter), num_down_taps=len(down_filter))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The plain way, with gradients; the result has the number type of x."""
        numbers = x.shape[0] * self.phases.enlarged_size**2
        if x.requires_grad or numbers * x.shape[1] <= _PLAIN_NUMBERS:
            return self._plain(x)
        return torch.cat([self._plain(part) for part in x.split(max(1, _PLAIN_NUMBERS // numbers), 1)], 1)

    def _plain(self, x: torch.Tensor) -> torch.Tensor:
        x = F.leaky_relu(self._enlarge(x), SLOPE) * GAIN
        if self.clamp is not None:
            x = x.clamp(-self.clamp, self.clamp)
        return self._reduce(x)

    def _enlarge(self, x: torch.Tensor) -> torch.Tensor:
        """x at `up` times its rate, [N, C, enlarged_size, enlarged_size]."""
        channels, taps = x.shape[1], (self.up_filter * self.up).to(x.dtype)
        x = F.conv_transpose2d(x, taps[None, None, :, None].expand(channels, 1, -1, 1), stride=(self.up, 1), groups=channels)
        x = F.conv_transpose2d(x, taps[None, None, None, :].expand(channels, 1, 1, -1), stride=(1, self.up), groups=channels)
        before = self.phases.pad_low - self.phases.num_up_taps + 1
        after = self.phases.enlarged_size - x.shape[-1] - before
        return F.pad(x, (before, after, before, after))

    def _reduce(self, x: torch.Tensor) -> torch.Tensor:
        channels, taps = x.shape[1], self.down_filter.to(x.dtype)
        if taps.ndim == 2:
            return F.conv2d(x, taps.expand(channels, 1, -1, -1), stride=self.down, groups=channels)
        x = F.conv2d(x, taps[None, None, :, None].expand(channels, 1, -1, 1), stride=(self.down, 1), groups=channels)
        return F.conv2d(x, taps[None, None, None, :].expand(channels, 1, 1, -1), stride=(1, self.down), groups=channels)

    @torch.no_grad()
    def in_blocks(self, x: torch.Tensor, scale: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        """The same for x [C, in_size, in_size] * scale [C] + bias [C], float32 on the CPU, without gradients -> [C, out_size, out_size]."""
        out = torch.empty(len(x), self.phases.out_size, self.phases.out_size)
        num_channels, num_rows = self._block_shape(len(x))
        blocks: dict[tuple[int, int], _Block] = {}
        for channel in range(0, len(x), num_channels):
            stop = min(channel + num_channels, len(x))
            for row in range(0, self.phases.num_cells, num_rows):
                shape = stop - channel, min(num_rows, self.phases.num_cells - row)
                block = blocks.get(shape) or blocks.setdefault(shape, _Block(self, *shape))
                block.fill(x[channel:stop], scale[channel:stop], bias[channel:stop], row)
                block.run()
                block.write(out[channel:stop], row)
        return out

    def _block_shape(self, num_channels: int) -> tuple[int, int]:
        """Channels and rows (of a plane) of a block; blocks of about the same size."""
        phases = self.phases
        further = phases.halo + phases.reach
        pitch = phases.num_cells + further
        budget = _BLOCK_NUMBERS // (phases.up**2 + phases.up)
        if budget >= pitch**2:
            num_groups = -(-num_channels * pitch**2 // budget)
            return -(-num_channels // num_groups), phases.num_cells
        rows = max(budget // pitch - further, 2 * further)
        return 1, -(-phases.num_cells // -(-phases.num_cells // rows))


class _Block:
    """Some rows of some channels: buffers, and the sums that lead through them."""

    def __init__(self, layer: FilteredLeakyReLU, num_channels: int, num_rows: int) -> None:
        phases = self.phases = layer.phases
        self.num_rows, self.pitch = num_rows, phases.num_cells + phases.halo + phases.reach
        self.shape = num_channels, num_rows + phases.halo + phases.reach, self.pitch
        self.num_numbers = math.prod(self.shape)
        up, steps = phases.up, phases.steps
        # Zeros, so that what lies beyond the rows' ends stays harmless.
        self.input = torch.zeros(self.num_numbers)
        self.wide = torch.zeros(up, self.num_numbers)  # phases of columns
        self.enlarged = torch.zeros(up, up, self.num_numbers)  # phases of rows, of columns
        self.output = torch.zeros(steps, steps, self.num_numbers)
        self.clamp = None if layer.clamp is None else layer.clamp / GAIN
        ups = (layer.up_filter.double() * up).tolist()
        self.before = [*self._up_columns(ups), *self._up_rows(ups)]
        downs = layer.down_filter.double() * GAIN
        if layer.down_filter.ndim == 2:
            self.sums = torch.zeros(up + 1, self.num_numbers)
            self.after = list(self._down_radial(downs.tolist()))
        else:
            self.sums = self.wide  # not needed any more
            self.after = list(self._down_separable(downs.tolist(), layer.down_filter.double().tolist()))

    def fill(self, x: torch.Tensor, scale: torch.Tensor, bias: torch.Tensor, row: int) -> None:
        """Take the input of rows `row` .. of the planes: x [c, in_size, in_size] * scale + bias, zeros around it."""
        num_columns = self.phases.in_size
        first = self.phases.first
        low, high = max(0, -(row + first)), min(self.shape[1], num_columns - (row + first))
        left, right = max(0, -first), min(self.pitch, num_columns - first)
        planes = self.input.view(self.shape)
        planes[:, :low] = 0
        planes[:, high:] = 0
        inner = planes[:, low:high, left:right]
        source = x[:, low + row + first : high + row + first, left + first : right + first]
        torch.addcmul(bias[:, None, None], source, scale[:, None, None], out=inner)

    def run(self) -> None:
        """From the input to the output."""
        _add_up(self.before)
        F.leaky_relu_(self.enlarged, SLOPE)
        if self.clamp is not None:
            self.enlarged.clamp_(-self.clamp, self.clamp)
        _add_up(self.after)

    def write(self, out: torch.Tensor, row: int) -> None:
        """Interleave the phases of the output into `out` [c, out_size, out_size]."""
        steps = self.phases.steps
        for down in range(steps):
            for across in range(steps):
                target = out[:, steps * row + down : steps * (row + self.num_rows) : steps, across::steps]
                target.copy_(self.output[down, across].view(self.shape)[:, : target.shape[1], : target.shape[2]])

    def _up_columns(self, taps: Sequence[float]) -> Iterator["_Sum"]:
        num = self.num_numbers - self.phases.reach
        for phase in range(self.phases.up):
            start, own = self.phases.up_taps(phase)
            for place, tap in enumerate(own):
                shift = start - self.phases.first + place
                yield _Sum(self.wide[phase, :num], self.input[shift : shift + num], None, taps[tap], place == 0)

    def _up_rows(self, taps: Sequence[float]) -> Iterator["_Sum"]:
        wide = self.wide.view(-1)
        num = len(wide) - self.phases.reach * self.pitch
        for phase in range(self.phases.up):
            start, own = self.phases.up_taps(phase)
            for place, tap in enumerate(own):
                shift = (start - self.phases.first + place) * self.pitch
                yield _Sum(self.enlarged[phase].view(-1)[:num], wide[shift : shift + num], None, taps[tap], place == 0)

    def _down_separable(self, rows: Sequence[float], columns: Sequence[float]) -> Iterator["_Sum"]:
        """Rows, then columns, for each phase of the rows that come out."""
        sums = self.sums.view(-1)
        for down in range(self.phases.steps):
            num = len(sums) - (self.phases.reach + self.phases.halo) * self.pitch
            for tap, weight in enumerate(rows):
                shift, phase = divmod(self.phases.down * down + tap, self.phases.up)
                source = self.enlarged[phase].view(-1)[shift * self.pitch :]
                yield _Sum(sums[:num], source[:num], None, weight, tap == 0)
            num = self._num_out
            for across in range(self.phases.steps):
                for tap, weight in enumerate(columns):
                    shift, phase = divmod(self.phases.down * across + tap, self.phases.up)
                    yield _Sum(self.output[down, across, :num], self.sums[phase, shift : shift + num], None, weight, tap == 0)

    def _down_radial(self, taps: Sequence[Sequence[float]]) -> Iterator["_Sum"]:
        """The filter is the same upside down and left to right, so rows that share their taps are added first, then columns."""
        folded, pair = self.sums[:-1].view(-1), self.sums[-1]
        last, num = len(taps) - 1, self._num_out
        num_folded = len(folded) - (self.phases.reach + self.phases.halo) * self.pitch
        for down in range(self.phases.steps):
            for tap in range(last // 2 + 1):
                upper, lower = (divmod(self.phases.down * down + each, self.phases.up) for each in (tap, last - tap))
                sources = [self.enlarged[phase].view(-1)[shift * self.pitch :][:num_folded] for shift, phase in (upper, lower)]
                yield _Sum(folded[:num_folded], sources[0], sources[1], 1.0, True)
                for across in range(self.phases.steps):
                    for column in range(last // 2 + 1):
                        left, right = (divmod(self.phases.down * across + each, self.phases.up) for each in (column, last - column))
                        sources = [self.sums[phase, shift : shift + num] for shift, phase in (left, right)]
                        yield _Sum(pair[:num], sources[0], sources[1], 1.0, True)
                        # A middle tap was added to itself.
                        weight = taps[tap][column] * (0.5 if 2 * tap == last else 1) * (0.5 if 2 * column == last else 1)
                        yield _Sum(self.output[down, across, :num], pair[:num], None, weight, tap == column == 0)

    @property
    def _num_out(self) -> int:
        return self.num_numbers - (self.phases.reach + self.phases.halo) * self.pitch - self.phases.halo


@dataclasses.dataclass(frozen=True)
class _Sum:
    """target = or += weight * source, or target = source + other."""

    target: torch.Tensor
    source: torch.Tensor
    other: torch.Tensor | None
    weight: float
    is_first: bool


def _add_up(sums: Sequence[_Sum]) -> None:
    for each in sums:
        if each.other is not None:
            torch.add(each.source, each.other, out=each.target)
        elif each.is_first:
            torch.mul(each.source, each.weight, out=each.target)
        else:
            each.target.add_(each.source, alpha=each.weight)
