"""Consecutive items that come in batches, each with those before and after it."""

from collections.abc import Iterable, Iterator
from itertools import chain

import torch


def neighbourhoods(batches: Iterable[tuple[torch.Tensor, ...]], behind: int, ahead: int) -> Iterator[tuple[tuple[torch.Tensor, ...], slice]]:
    """`batches` of tensors [n, ...], whose rows are items in order -> longer such tensors, and which of their rows have all their neighbours now.

    Each item is in one such slice, in order, once; with it are `behind` items before it and `ahead` after it, as far as there are any. Held
    back are no more than these. How the items are batched changes nothing but the slices.
    """
    kept: tuple[torch.Tensor, ...] = ()
    past = 0
    for batch in chain(batches, [None]):
        if batch is not None:
            kept = tuple(torch.cat(pair) for pair in zip(kept, batch, strict=True)) if kept else batch
        ready = (len(kept[0]) if kept else 0) - past - (0 if batch is None else ahead)
        if ready <= 0:
            continue
        yield kept, slice(past, past + ready)
        drop = max(0, past + ready - behind)
        kept, past = tuple(rows[drop:] for rows in kept), past + ready - drop
