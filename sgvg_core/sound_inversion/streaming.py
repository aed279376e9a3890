"""E_a on consecutive windows of one sound (paper Eq. 1), with the texture features averaged over time.

The class of a sound changes more slowly than its loudness: one window of a breaking wave sounds like a waterfall. So the texture features,
which tell the class, are averaged over `texture_reach` seconds on each side; loudness and CNN features are each window's own. What is
heard is then smoothed over time, where the encoder's configuration says so (`smoothing`).
"""

from collections.abc import Iterable, Iterator

import torch
from torch.nn import functional as F

from .adapted import AnySoundEncoder
from .encoder import SoundInversionEncoder
from .neighbourhoods import neighbourhoods
from .smoothing import smooth_clips, smooth_stream


def encode_stream(encoder: AnySoundEncoder, batches: Iterable[torch.Tensor], *, causal: bool = False) -> Iterator[torch.Tensor]:
    """Windows [n, 1, M, F], batch after batch -> offsets [n, L, D], streamed; held back by as many windows as texture and smoothing reach ahead.

    causal: only the windows before count, of texture and smoothing. How the windows are batched changes nothing.

    `batches` are in order and log-mels in 0..1.
    """
    heard = _hear_stream(encoder, batches, causal)
    return smooth_stream(heard, encoder.smoothing, encoder.smoothing_range, causal=causal) if encoder.smoothing else heard


def _hear_stream(encoder: AnySoundEncoder, batches: Iterable[torch.Tensor], causal: bool) -> Iterator[torch.Tensor]:
    """What is heard, before it's smoothed."""
    if not encoder.reach:
        yield from map(encoder, batches)
        return
    ahead = 0 if causal else encoder.reach
    with_textures = ((batch, encoder.textures(batch)) for batch in batches)  # type: ignore[operator]
    for (log_mels, textures), part in neighbourhoods(with_textures, encoder.reach, ahead):
        yield encoder(log_mels[part], average_around(textures[None], encoder.reach, ahead)[0, part])


def encode_clips(encoder: SoundInversionEncoder, windows: torch.Tensor) -> torch.Tensor:
    """Windows of whole clips [B, T, 1, M, F], those of each in order -> offsets [B, T, L, D]. `windows` are log-mels in 0..1."""
    heard = hear_part(encoder, windows, slice(0, windows.shape[1]))
    return smooth_clips(heard, encoder.smoothing, encoder.smoothing_range) if encoder.smoothing else heard


def hear_part(encoder: SoundInversionEncoder, windows: torch.Tensor, part: slice, inside: torch.Tensor | None = None) -> torch.Tensor:
    """Offsets [B, n, L, D] of the windows `part` of `windows` [B, T, 1, M, F], as E_a hears them in the whole sounds, not smoothed.

    So `windows` must hold `encoder.reach` windows on both sides of the part, as far as the sounds have any. Where they have none there may be
    anything, for which `inside` [B, T] says False.
    """
    heard = windows[:, part]
    first, last = part.start, part.start + heard.shape[1]
    if not encoder.reach:
        return encoder(heard.flatten(0, 1)).unflatten(0, heard.shape[:2])  # type: ignore[no-any-return]
    around = slice(max(0, first - encoder.reach), last + encoder.reach)
    shown = windows[:, around]
    textures = encoder.textures(shown.flatten(0, 1)).unflatten(0, shown.shape[:2])
    averaged = average_around(textures, encoder.reach, encoder.reach, None if inside is None else inside[:, around])
    own = averaged[:, first - around.start :][:, : last - first]
    return encoder(heard.flatten(0, 1), own.flatten(0, 1)).unflatten(0, heard.shape[:2])  # type: ignore[no-any-return]


def average_around(items: torch.Tensor, before: int, after: int, inside: torch.Tensor | None = None) -> torch.Tensor:
    """Each of items [B, T, C] averaged with as many before and after it, as far as there are any: [B, T, C]. Only those that are `inside` [B, T]
    (None: all) count."""
    weights = torch.ones_like(items[:1, :, :1]) if inside is None else inside[:, :, None].to(items)
    kept = items if inside is None else items.masked_fill(~inside[:, :, None], 0)
    padded, there = (F.pad(each.transpose(1, 2), (before, after)) for each in (kept, weights))
    size = before + after + 1
    share = F.avg_pool1d(there, size, 1).clamp(min=0.5 / size)  # below one of them: an item with nothing around, which nobody asks for
    return (F.avg_pool1d(padded, size, 1) / share).transpose(1, 2)
