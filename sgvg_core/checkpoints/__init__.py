"""Weights on disk: safetensors files that say what they are; files from anywhere are read as hostile input."""

from .modules import WithoutNumbers, load_state
from .weights import StoredWeights, read_weights, write_weights

__all__ = ["StoredWeights", "WithoutNumbers", "load_state", "read_weights", "write_weights"]
