"""Weights on disk: safetensors files that say what they are; files from anywhere are read as hostile input."""

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
