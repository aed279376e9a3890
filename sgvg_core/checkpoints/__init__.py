"""Weights on disk: safetensors files that say what they are; files from anywhere are read as hostile input.

`read_plain` is the one door, `layouts` knows other people's names. Nothing in a file is ever run: whoever adds to `allowed` or to the pickle
machine adds a hostile file to tests/checkpoints too.
"""

from .layouts.recognised import Recognised
from .modules import WithoutNumbers, load_state, take_what_fits
from .weights import StoredWeights, read_weights, write_weights

__all__ = [
    "Recognised",
    "StoredWeights",
    "WithoutNumbers",
    "load_state",
    "read_weights",
    "take_what_fits",
    "write_weights",
]
