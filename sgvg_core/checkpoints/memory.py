"""Memory for tensors that a file fills: large pieces come in large pages, which takes a third of the time of small ones."""

import numpy as np
import torch

LARGE = 2**22
"""Bytes from which on numpy asks the system (Linux) for large pages."""
_ALIGNED = 64
"""Torch's own memory begins at such multiples, which its kernels like."""


def fresh(num_bytes: int) -> torch.Tensor:
    """Bytes [num_bytes] that nobody wrote to yet, alone in their storage."""
    if num_bytes < LARGE:
        return torch.empty(num_bytes, dtype=torch.uint8)
    block = np.empty(num_bytes + _ALIGNED, np.uint8)
    begin = -block.ctypes.data % _ALIGNED
    return torch.from_numpy(block[begin : begin + num_bytes])


def as_type(tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """A CPU tensor, of any shape, in another number type, contiguous; itself where it's both already. `dtype` is the number type it gets."""
    if tensor.dtype == dtype:
        return tensor.contiguous()
    return fresh(tensor.numel() * dtype.itemsize).view(dtype).view(tensor.shape).copy_(tensor)
