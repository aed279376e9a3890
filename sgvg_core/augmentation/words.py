"""Captions with a random word in between."""

import random


def insert_random_word(text: str, rng: random.Random) -> str:
    """The words of `text`, with a random one inserted with probability 0.12, so that unknown words are ignored."""
    words = text.split()
    if rng.random() < 0.12:
        letters = "".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rng.randint(2, 9)))
        words.insert(rng.randint(0, len(words)), letters)
    return " ".join(words)
