"""Several processes at one training, as torchrun starts them: who one is, means over all, gathering with gradients.

Gradients are averaged by hand after backward, in flat pieces. torch's wrapper would do it during backward, which R1 and path length
(they differentiate twice) can't have. Each rank computes slices of one global batch whose every item is drawn by its own number, so
the result doesn't depend on how many ranks there are, but for the order of sums.
"""

import contextlib
import dataclasses
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import distributed as dist

from ...devices import to_device
from ...errors import ConfigError, DeviceError, TrainingError

_BUCKET_NUMBERS = 16_000_000
"""Numbers in a flat piece in which gradients travel (64 MB)."""


@dataclasses.dataclass(frozen=True)
class Ranks:
    """This process among those that train together: its number `rank` of `count`, and its device."""

    rank: int = 0
    count: int = 1
    device: torch.device = dataclasses.field(default_factory=lambda: torch.device("cpu"))

    @property
    def is_first(self) -> bool:
        """Whether this process writes files and is watched."""
        return self.rank == 0

    def slices(self, batch: int, accumulate: int = 1) -> list[range]:
        """The items of the global batch that are this rank's, in `accumulate` slices that are computed one after another.

        Statistics over a batch are taken inside a slice; two ranks with one slice each are one rank with two. Raises ConfigError.
        """
        pieces = self.count * accumulate
        if accumulate < 1 or batch % pieces:
            raise ConfigError(f"batch: got {batch}, expected a multiple of {pieces} ({self.count} processes, {accumulate} slices each)")
        size = batch // pieces
        first = self.rank * accumulate * size
        return [range(start, start + size) for start in range(first, first + accumulate * size, size)]

    @torch.no_grad()
    def average_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Replace each gradient by its mean over the ranks. Parameters without one are left out: on every rank the same ones."""
        if self.count == 1:
            return
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        for bucket in _buckets(gradients):
            flat = torch.cat([gradient.reshape(-1) for gradient in bucket])
            dist.all_reduce(flat)
            flat /= self.count
            for gradient, mean in zip(bucket, flat.split([gradient.numel() for gradient in bucket]), strict=True):
                gradient.copy_(mean.view_as(gradient))

    @torch.no_grad()
    def mean(self, values: torch.Tensor) -> torch.Tensor:
        """The mean over the ranks of a tensor of the same shape on each."""
        if self.count == 1:
            return values
        total = values.detach().clone()
        dist.all_reduce(total)
        return total / self.count

    def means(self, numbers: Mapping[str, float]) -> dict[str, float]:
        """The means over the ranks of numbers that each rank has under the same names."""
        if self.count == 1 or not numbers:
            return dict(numbers)
        means = self.mean(torch.tensor(list(numbers.values()), dtype=torch.float64, device=self.device))
        return dict(zip(numbers, means.tolist(), strict=True))

    def agree(self, yes: bool) -> bool:
        """What the first rank says, on every rank."""
        if self.count == 1:
            return yes
        said = torch.tensor([float(yes)], device=self.device)
        dist.broadcast(said, 0)
        return bool(said.item())

    def wait(self) -> None:
        """Continue when every rank is here."""
        if self.count > 1:
            dist.barrier()

    @torch.no_grad()
    def check_same(self, tensors: Iterable[torch.Tensor], what: str) -> None:
        """Raise TrainingError unless `tensors`, of any shapes, are the same numbers on every rank. `what` names them in the error."""
        if self.count == 1:
            return
        sums = torch.stack([torch.stack([tensor.double().sum(), tensor.double().abs().sum()]) for tensor in tensors]).to(self.device)
        low, high = sums.clone(), sums.clone()
        dist.all_reduce(low, dist.ReduceOp.MIN)
        dist.all_reduce(high, dist.ReduceOp.MAX)
        if not torch.equal(low, high):
            raise TrainingError(f"{what}: the {self.count} processes hold different numbers; start them all with the same settings and files")

    def gather(self, x: torch.Tensor) -> torch.Tensor:
        """Items [n, ...] of every rank, in their order [n count, ...]; gradients flow back to the rank that each item came from.

        A rank's gradient is the sum over all ranks' losses. So their mean, which `average_gradients` makes, is that of the mean loss,
        whether each rank computes the whole loss or its own rows of it.
        """
        gathered: torch.Tensor = x if self.count == 1 else _Gather.apply(x, self.rank, self.count)  # type: ignore[no-untyped-call]
        return gathered


class _Gather(torch.autograd.Function):
    """All ranks' items; backward sums what all ranks want of one's own."""

    @staticmethod
    def forward(context: Any, x: torch.Tensor, rank: int, count: int) -> torch.Tensor:
        context.rows = slice(rank * len(x), (rank + 1) * len(x))
        parts = [torch.empty_like(x, memory_format=torch.contiguous_format) for _ in range(count)]
        dist.all_gather(parts, x.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(context: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        total = gradients[0].contiguous().clone()
        dist.all_reduce(total)
        return total[context.rows], None, None


def _buckets(tensors: Iterable[torch.Tensor]) -> Iterator[list[torch.Tensor]]:
    """Tensors in their order, in lists of one number type and about `_BUCKET_NUMBERS` numbers."""
    bucket: list[torch.Tensor] = []
    size = 0
    for tensor in tensors:
        if bucket and (size + tensor.numel() > _BUCKET_NUMBERS or tensor.dtype != bucket[0].dtype):
            yield bucket
            bucket, size = [], 0
        bucket.append(tensor)
        size += tensor.numel()
    if bucket:
        yield bucket


@contextlib.contextmanager
def joined_ranks(device: str = "auto") -> Iterator[Ranks]:
    """This process's place among those that torchrun started (RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR, MASTER_PORT); alone without it.

    Talks by nccl between CUDA devices, one a process, else by gloo. Raises DeviceError, ConfigError.
    """
    count = _whole("WORLD_SIZE", 1)
    if count == 1:
        yield Ranks(device=to_device(device))
        return
    own, place = _whole("RANK", 0), _whole("LOCAL_RANK", 0)
    where = to_device(device)
    if where.type == "cuda":
        where = to_device(f"cuda:{place}")
        torch.cuda.set_device(where)
    elif where.type != "cpu":
        raise DeviceError(f"device: {where.type} can't be shared by {count} processes; use cpu or cuda")
    dist.init_process_group("nccl" if where.type == "cuda" else "gloo", rank=own, world_size=count)
    try:
        yield Ranks(own, count, where)
    finally:
        dist.destroy_process_group()


def _whole(name: str, default: int) -> int:
    said = os.environ.get(name, str(default))
    if not said.isdecimal():
        raise ConfigError(f"{name}: got {said!r} in the environment, expected a whole number; start the processes with torchrun")
    return int(said)
