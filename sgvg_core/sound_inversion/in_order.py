"""What E_a hears in windows that follow one another (paper Eq. 1): each by itself but for its texture, which is that of the moments around.

One window of a breaking wave is a waterfall's. What sounds changes more slowly than how strongly it does, so the texture, which tells the
one, is averaged over a second and more before and after, and the loudness and the convolutions, which tell the other, are the window's own.
"""

from collections.abc import Iterable, Iterator
from itertools import chain

import torch
from torch.nn import functional as F

from .encoder import SoundInversionEncoder
from .fitted import AnySoundEncoder


def hear_in_order(encoder: AnySoundEncoder, batches: Iterable[torch.Tensor], *, causal: bool = False) -> Iterator[torch.Tensor]:
    """Windows [n, 1, M, F], batch after batch -> offsets [n, L, D], streamed; held back by as many windows as the texture reaches ahead.

    causal: the texture is averaged over the windows before alone. How the windows are batched changes nothing.
    """
    if not encoder.reach:
        yield from map(encoder, batches)
        return
    ahead, pictures, textures, past = 0 if causal else encoder.reach, torch.empty(0), torch.empty(0), 0
    for batch in chain(batches, [None]):
        if batch is not None:
            pictures, textures = _join(pictures, batch), _join(textures, encoder.textures(batch))  # type: ignore[operator]
        ready = len(pictures) - (0 if batch is None else ahead)
        if ready <= 0:
            continue
        around = average_around(textures[None], encoder.reach, ahead)[0, past : past + ready]
        yield encoder(pictures[:ready], around)
        kept = min(past + ready, encoder.reach)
        pictures, textures, past = pictures[ready:], textures[past + ready - kept :], kept


def hear_clips(encoder: SoundInversionEncoder, windows: torch.Tensor) -> torch.Tensor:
    """Windows of clips [B, T, 1, M, F], those of each in order -> offsets [B, T, L, D]."""
    shape, flat, around = windows.shape[:2], windows.flatten(0, 1), None
    if encoder.reach:
        around = average_around(encoder.textures(flat).unflatten(0, shape), encoder.reach, encoder.reach).flatten(0, 1)
    return encoder(flat, around).unflatten(0, shape)  # type: ignore[no-any-return]


def average_around(items: torch.Tensor, before: int, after: int) -> torch.Tensor:
    """Each of items [B, T, C] averaged with as many before and after it, as far as there are any: [B, T, C]."""
    padded = F.pad(items.transpose(1, 2), (before, after))
    there = F.pad(torch.ones_like(items[:1, :, :1]).transpose(1, 2), (before, after))
    size = before + after + 1
    return (F.avg_pool1d(padded, size, 1) / F.avg_pool1d(there, size, 1)).transpose(1, 2)


def _join(before: torch.Tensor, more: torch.Tensor) -> torch.Tensor:
    return torch.cat([before, more]) if len(before) else more
