"""Device and number type by name, and exact float32 arithmetic inside our own calls."""

import contextlib
from collections.abc import Iterator

import torch

from .errors import DeviceError

_DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


def to_device(name: "str | torch.device" = "auto") -> torch.device:
    """The device meant by "auto" (cuda, else mps, else cpu), "cpu", "cuda", "cuda:1" or "mps". Raises DeviceError if it isn't there."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise DeviceError(f"device: got {name!r}, expected auto, cpu, cuda or mps") from error
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there.get(device.type, False) or (device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count()):
        raise DeviceError(f"device: {name} isn't there on this machine; use auto or cpu")
    return device


def to_dtype(name: "str | torch.dtype", device: torch.device) -> torch.dtype:
    """The number type meant by "auto" (float16 on cuda, else float32), "float32", "float16" or "bfloat16"; raises DeviceError for another name."""
    if isinstance(name, torch.dtype):
        return name
    if name == "auto":
        return torch.float16 if device.type == "cuda" else torch.float32
    if name not in _DTYPES:
        raise DeviceError(f"dtype: got {name!r}, expected auto, {', '.join(_DTYPES)}")
    return _DTYPES[name]


def fast_bfloat16() -> bool:
    """Whether this processor multiplies in bfloat16 itself (AVX-512 BF16, AMX). One that only imitates it is ten times slower than in float32."""
    ways = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")  # torch has no public way to ask
    return any(getattr(torch.cpu, way, lambda: False)() for way in ways)


def training_dtype(bfloat16: bool = True) -> torch.dtype:
    """The number type that a training on the CPU computes in: bfloat16 where it's wanted and fast, else float32."""
    return torch.bfloat16 if bfloat16 and fast_bfloat16() else torch.float32


@contextlib.contextmanager
def exact_float32(device: torch.device) -> Iterator[None]:
    """TF32 off on cuda for the time of the block; the caller's settings come back after it."""
    if device.type != "cuda":
        yield
        return
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before
