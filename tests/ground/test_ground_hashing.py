"""Fingerprints change with any part, and with nothing else."""

import numpy as np
import torch

from sgvg_core.hashing import fingerprint


def test_any_number_of_any_part_counts() -> None:
    network, array = torch.nn.Linear(2, 3), np.arange(5000, dtype=np.float32)
    first = fingerprint([network, array, {"rate": 12}])
    assert fingerprint([network, array.copy(), {"rate": 12}]) == first
    assert fingerprint([network, array, {"rate": 13}]) != first
    assert fingerprint([network, array.reshape(50, 100), {"rate": 12}]) != first
    other = array.copy()
    other[2500] += 1  # in the middle, which text of an array leaves out
    assert fingerprint([network, other, {"rate": 12}]) != first
    with torch.no_grad():
        network.weight[1, 1] += 1
    assert fingerprint([network, array, {"rate": 12}]) != first
