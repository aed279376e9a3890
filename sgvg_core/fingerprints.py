"""What a kept result depends on, as one short name: the same parts give the same fingerprint, on any machine."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch


def fingerprint(parts: Sequence[Any]) -> str:
    """SHA-256 of networks (their tensors), arrays and plain values, in order."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, torch.nn.Module):
            for name, tensor in part.state_dict().items():
                digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
                digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
        elif isinstance(part, np.ndarray):
            digest.update(f"{part.dtype} {part.shape}".encode())
            digest.update(part.tobytes())
        else:
            digest.update(json.dumps(part, default=str).encode())
    return digest.hexdigest()
