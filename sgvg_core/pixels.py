"""Images as networks have them, [..., 3, H, W] in -1..1, and as files and screens have them, uint8 [..., H, W, 3]."""

import torch


def to_uint8(images: torch.Tensor) -> torch.Tensor:
    """Images [..., C, H, W] in -1..1 (what is outside is clamped) as uint8 [..., H, W, C] on the CPU, rounded to the nearest."""
    return ((images.float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).movedim(-3, -1).cpu()


def from_uint8(pixels: torch.Tensor) -> torch.Tensor:
    """Pixels uint8 [..., H, W, C] as images float32 [..., C, H, W] in -1..1, on the same device."""
    return pixels.movedim(-1, -3).float().div_(127.5).sub_(1)
