"""Random numbers that are the same on every machine: one CPU generator an item and stream.

Never one call for a batch: item 3 of a seed gets the same numbers alone, in a batch of eight, or on another device.
"""

import hashlib

import torch

MAX_SEED = 0xFFFFFFFFFFFFFFFF


def generator_for(seed: int, stream: str, index: int = 0) -> torch.Generator:
    """A CPU generator for item `index` of the random stream `stream` ("start", "noise", ...) under `seed` (any int)."""
    digest = hashlib.sha256(f"{seed & MAX_SEED}/{stream}/{index}".encode()).digest()
    generator = torch.Generator("cpu")
    generator.manual_seed(int.from_bytes(digest[:8], "little") & 0x7FFFFFFFFFFFFFFF)
    return generator


def normal(seed: int, stream: str, index: int, *shape: int) -> torch.Tensor:
    """Standard normal numbers of item `index`, float32 on the CPU, of the given shape.

    `stream` names what they are for: other names give independent numbers.
    """
    return torch.randn(shape, generator=generator_for(seed, stream, index), dtype=torch.float32)


def generator_at(seed: int, stream: str, step: int, item: int = 0) -> torch.Generator:
    """A CPU generator for item `item` of step `step` of a training: what a step draws depends on nothing that was drawn before it.

    `stream` names what it is for: other names give independent numbers.
    """
    return generator_for(seed, f"{stream}, step {step}", item)
