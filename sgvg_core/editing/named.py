"""Named attributes of a generator that a renderer has taught: what each code says of haze, clouds, hour and the like, and the words for it.

A joint space of few words can't tell them all apart, but the codes themselves say them. So their values, and the captions' words for them, are
kept with the bundled model's joint map, and a text of such words alone leads there.
"""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import torch

from ..image_inversion import codes_of
from ..synthesis import Generator
from ..world.captions import CLEAR, CLOUDED, FRAMES, HAZY, HOURS, NAMES, STRENGTHS
from ..world.codes import Z_DIM, read_codes

_HIGH, _LOW = 0.9, 0.1
_SHORTEST = 3
"""Letters of a word that can mean something by itself."""
_JOINING = frozenset({"and", "with", "but"})
"""Words that join what's said of an attribute to the rest."""


@dataclasses.dataclass(frozen=True, eq=False)
class NamedAttributes:
    """What codes say of themselves."""

    values: Mapping[str, torch.Tensor]
    """By name, each code's value in 0..1, [N]."""
    words: Mapping[str, Mapping[str, float]]
    """By word or phrase, in small letters, the values that it means."""
    plain: frozenset[str]
    """Words that may come with them and mean nothing by themselves."""

    def split(self, text: str) -> tuple[dict[str, float], str]:
        """The values that phrases and words of a text mean, and what else it says.

        A phrase goes before its words. A word goes with the plain words before it ("a fire, in the fog": the fog, and "a fire"). Where nothing
        but plain words is left, nothing else is said.
        """
        spoken = text.replace(",", " ").split()
        small = [word.lower() for word in spoken]
        found: dict[str, float] = {}
        rest: list[str] = []
        place = 0
        while place < len(spoken):
            length = next((n for n in range(len(spoken) - place, 0, -1) if " ".join(small[place:place + n]) in self.words), 0)
            if length:
                found.update(self.words[" ".join(small[place:place + length])])
                rest = self._without_plain_end(rest, self.plain | _JOINING if length == 1 else _JOINING)
                place += length
            else:
                rest.append(spoken[place])
                place += 1
        if not found:
            return {}, text
        return found, " ".join(self._without_plain_end(rest, self.plain | _JOINING))

    @staticmethod
    def _without_plain_end(words: list[str], plain: frozenset[str]) -> list[str]:
        last = len(words)
        while last and words[last - 1].lower() in plain:
            last -= 1
        return words[:last]

    def state(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        """What a file keeps of them: tensors, and settings for its header."""
        tensors = {f"attribute.{name}": values.half() for name, values in self.values.items()}
        return tensors, {"words": {word: dict(means) for word, means in self.words.items()}, "plain_words": sorted(self.plain)}

    @classmethod
    def from_state(cls, state: Mapping[str, torch.Tensor], config: Mapping[str, Any], num_codes: int) -> "NamedAttributes | None":
        """Those of a file; None where it has none, or damaged ones.

        `state` and `config` are what `state()` gave; `num_codes` is N.
        """
        kept = {name: each for name, each in state.items() if name.startswith("attribute.") and each.shape == (num_codes,)}
        values = {name.partition(".")[2]: each.float() for name, each in kept.items()}
        words, plain = config.get("words"), config.get("plain_words")
        if not values or not isinstance(words, dict) or not isinstance(plain, list):
            return None
        told = {word: _within(means, values) for word, means in words.items()}
        return cls(values, {word: means for word, means in told.items() if means}, frozenset(map(str, plain)))


def world_attributes(generator: Generator, num_codes: int, seed: int = 0) -> NamedAttributes | None:
    """What the codes of a joint map say of themselves, for a generator of the procedural world's codes; None for others.

    They're the first `num_codes` of `seed`, as `joint_map` draws them.
    """
    if getattr(generator.mapping, "features", None) is None or generator.z_dim != Z_DIM:
        return None
    codes = read_codes(codes_of(generator, seed, num_codes, "start"))
    names = ("haze", "clouds", "hour", "hue", "glow", "accent")
    values = {name: torch.tensor([float(getattr(code.scene, name)) for code in codes]) for name in names}
    meanings: list[tuple[dict[str, float], tuple[str, ...]]] = [({"haze": _HIGH}, HAZY), ({"clouds": _HIGH}, CLOUDED)]
    meanings += [({"clouds": _LOW, "haze": _LOW}, CLEAR)]
    meanings += [({"hour": (fifth + 0.5) / len(HOURS)}, phrases) for fifth, phrases in enumerate(HOURS)]
    spoken = [_words(phrases) for _, phrases in meanings]
    others = [_words(phrases) for phrases in (*STRENGTHS, *NAMES.values(), FRAMES)]
    words = _phrases(meanings)
    for number, (means, phrases) in enumerate(meanings):
        elsewhere = set().union(*spoken[:number], *spoken[number + 1:], *others)
        own = [[word for word in _words((phrase,)) - elsewhere if len(word) >= _SHORTEST] for phrase in phrases]
        words.update({found[0]: means for found in own if len(found) == 1})
    common = {word for word in set().union(*spoken) if sum(word in each for each in spoken) > 1 or len(word) < _SHORTEST}
    return NamedAttributes(values, words, frozenset((common | _words(FRAMES) | {"the"}) - set(words)))


def _phrases(meanings: Sequence[tuple[dict[str, float], tuple[str, ...]]]) -> dict[str, dict[str, float]]:
    """What phrases of several words mean; one that captions say of several values means their mean."""
    said: dict[str, dict[str, list[float]]] = {}
    for means, phrases in meanings:
        for phrase in (each for each in phrases if " " in each):
            for name, value in means.items():
                said.setdefault(phrase, {}).setdefault(name, []).append(value)
    return {phrase: {name: sum(values) / len(values) for name, values in each.items()} for phrase, each in said.items()}


def _within(means: Any, names: Collection[str]) -> dict[str, float]:
    """Those of a word's values, as a file says them, that are numbers in 0..1 of attributes called `names`."""
    said = means.items() if isinstance(means, dict) else ()
    return {name: float(value) for name, value in said if name in names and isinstance(value, int | float) and 0 <= value <= 1}


def _words(phrases: tuple[str, ...]) -> set[str]:
    return {word for phrase in phrases for word in phrase.replace("{}", " ").lower().split()}
