"""What is said of a clip: its own caption where the data has one, else its label in a template."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch

from ...embedding.prompts import label_captions

_LONGEST_CAPTION = 300
_AT_ONCE = 32
_MOST_KEPT = 65_536
"""Captions whose embeddings are kept, 128 MB at 512 numbers each."""


def clip_captions(details: dict[str, Any], label: str | None) -> tuple[str, ...]:
    """The captions of a clip from what the data set knows of it ("caption" or "captions"), else its label in all templates; maybe none.

    `details` are those of the clip in the data set.
    """
    own = details.get("captions", details.get("caption"))
    texts = [own] if isinstance(own, str) else own if isinstance(own, list) else []
    said = tuple(text.strip()[:_LONGEST_CAPTION] for text in texts if isinstance(text, str) and text.strip())
    return said or (label_captions(label) if label else ())


def all_words(captions: Iterable[Sequence[str]]) -> list[str]:
    """Every different caption, sorted: what the words of a text tower are learned from."""
    return sorted({caption for some in captions for caption in some})


class EmbeddedCaptions:
    """What a frozen text tower (`embed`: texts -> [P, E]) says of captions, each asked for once: steps repeat them, and the tower would say the same.

    Captions are embedded together with their neighbours in `captions`, whoever asks first, so that a run that is resumed sees the same bits. Others,
    and all where there are too many to keep, are embedded when they're asked for.
    """

    def __init__(self, captions: Sequence[str], embed: Callable[[Sequence[str]], torch.Tensor]) -> None:
        self._captions, self._embed = tuple(captions) if len(captions) <= _MOST_KEPT else (), embed
        self._places = {caption: place for place, caption in enumerate(self._captions)}
        self._pieces: dict[int, torch.Tensor] = {}

    def __call__(self, captions: Sequence[str]) -> torch.Tensor:
        """[n, E] of n captions, without gradients."""
        places = [self._places.get(caption) for caption in captions]
        with torch.no_grad():
            if None in places:
                return self._embed(captions)
            return torch.stack([self._piece(place // _AT_ONCE)[place % _AT_ONCE] for place in places if place is not None])

    def _piece(self, piece: int) -> torch.Tensor:
        if piece not in self._pieces:
            self._pieces[piece] = self._embed(self._captions[piece * _AT_ONCE : (piece + 1) * _AT_ONCE])
        return self._pieces[piece]
