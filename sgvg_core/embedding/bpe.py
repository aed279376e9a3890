"""A small byte-level BPE: any text in any language is encoded, and what the captions say often is one token.

Tokens: 0 pads, 1..256 are the bytes 0..255, then one token a merge, then the start and the end token (the end token is the
largest, where CLIP's text tower reads its answer). Sennrich, Haddow, Birch 2016 (merges); Radford et al. 2019 (bytes).
"""

import functools
import itertools
import random
import re
from collections import Counter
from collections.abc import Iterable, Sequence

import torch

Pair = tuple[int, int]

_PIECES = re.compile(r" ?\w+| ?[^\w\s]+")
_WORDS = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_FIRST_MERGE = 257


def split_words(text: str) -> list[str]:
    """The words of a text in small letters, without punctuation."""
    return _WORDS.findall(text.lower().replace("’", "'"))


def tidy(text: str) -> str:
    """The text as it's encoded: small letters, single spaces, a space first (so that a word is the same wherever it is)."""
    return " " + " ".join(text.lower().split())


def train_merges(texts: Iterable[str], num_merges: int) -> tuple[Pair, ...]:
    """Learn at most `num_merges` merges from `texts`: the most frequent neighbours first, ties to the smaller tokens; pairs seen once are left."""
    counts = Counter(piece for text in texts for piece in _PIECES.findall(tidy(text)))
    pieces = [(_byte_tokens(piece), count) for piece, count in sorted(counts.items())]
    merges: list[Pair] = []
    for new in range(_FIRST_MERGE, _FIRST_MERGE + num_merges):
        pairs: Counter[Pair] = Counter()
        for tokens, count in pieces:
            for pair in itertools.pairwise(tokens):
                pairs[pair] += count
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        if pairs[best] < 2:
            break
        merges.append(best)
        pieces = [(_merge(tokens, best, new), count) for tokens, count in pieces]
    return tuple(merges)


def _byte_tokens(piece: str) -> list[int]:
    return [byte + 1 for byte in piece.encode("utf-8", "replace")]


def _merge(tokens: list[int], pair: Pair, new: int) -> list[int]:
    """`tokens` with every neighbouring `pair` replaced by `new`, from the left."""
    merged: list[int] = []
    for token in tokens:
        if merged and (merged[-1], token) == pair:
            merged[-1] = new
        else:
            merged.append(token)
    return merged


class ByteBPE:
    """Text to tokens and back. `merges` are pairs of tokens, in the order in which they're joined; a text has `context_length` tokens."""

    def __init__(self, merges: Sequence[Pair], context_length: int) -> None:
        self.merges = tuple((int(a), int(b)) for a, b in merges)
        self.context_length = context_length
        self._ranks = {pair: rank for rank, pair in enumerate(self.merges)}
        self.start = _FIRST_MERGE + len(self.merges)
        self.end = self.start + 1
        self.vocabulary_size = self.end + 1
        self._piece_tokens = functools.lru_cache(4096)(self._merge_piece)

    def tokens(self, text: str, dropout: float = 0.0, rng: random.Random | None = None) -> list[int]:
        """The tokens of a text. With `dropout` (training only) each merge is left out with that probability, so that the parts
        of words are learned too (Provilkov, Emelianenko, Voita 2020)."""
        pieces = _PIECES.findall(tidy(text))
        if dropout and rng is not None:
            return [token for piece in pieces for token in self._merge_piece(piece, dropout, rng)]
        return [token for piece in pieces for token in self._piece_tokens(piece)]

    def _merge_piece(self, piece: str, dropout: float = 0.0, rng: random.Random | None = None) -> list[int]:
        tokens = _byte_tokens(piece)
        while len(tokens) > 1:
            known = [(self._ranks[pair], pair) for pair in itertools.pairwise(tokens)
                     if pair in self._ranks and not (rng is not None and rng.random() < dropout)]
            if not known:
                break
            rank, pair = min(known)
            tokens = _merge(tokens, pair, _FIRST_MERGE + rank)
        return tokens

    def decode(self, tokens: Iterable[int]) -> str:
        """The text of tokens; padding, start and end say nothing, broken characters become U+FFFD."""
        return b"".join(self._bytes(token) for token in tokens).decode("utf-8", "replace").strip()

    def _bytes(self, token: int) -> bytes:
        if 1 <= token < _FIRST_MERGE:
            return bytes([token - 1])
        if _FIRST_MERGE <= token < self.start:
            first, second = self.merges[token - _FIRST_MERGE]
            return self._bytes(first) + self._bytes(second)
        return b""

    def encode(self, texts: Sequence[str], dropout: float = 0.0, rng: random.Random | None = None) -> torch.Tensor:
        """Texts as int64 [P, context_length]: start, the text (cut where it's too long), end, padding.

        `dropout`, 0..1, leaves merges out at random (Provilkov et al. 2020), drawn by `rng`.
        """
        batch = torch.zeros(len(texts), self.context_length, dtype=torch.long)
        for row, text in enumerate(texts):
            tokens = [self.start, *self.tokens(text, dropout, rng)[: self.context_length - 2], self.end]
            batch[row, : len(tokens)] = torch.tensor(tokens)
        return batch
