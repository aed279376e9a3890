"""What stands below a clip: its own caption where the data has one, else its label in a template."""

from collections.abc import Iterable, Sequence
from typing import Any

TEMPLATES = (
    "{}",
    "a picture of {}",
    "a photo of {}",
    "a video of {}",
    "the sound of {}",
    "here is {}",
    "{} in the distance",
    "{}, seen and heard",
)
"""A label's captions; the same words are taken when a label is embedded."""

_LONGEST_CAPTION = 300


def clip_captions(details: dict[str, Any], label: str | None) -> tuple[str, ...]:
    """The captions of a clip from what the data set knows of it ("caption" or "captions"), else its label in all templates; maybe none."""
    own = details.get("captions", details.get("caption"))
    texts = [own] if isinstance(own, str) else own if isinstance(own, list) else []
    said = tuple(text.strip()[:_LONGEST_CAPTION] for text in texts if isinstance(text, str) and text.strip())
    return said or (label_captions(label) if label else ())


def label_captions(label: str) -> tuple[str, ...]:
    """A label in every template."""
    return tuple(template.format(label.replace("_", " ")) for template in TEMPLATES)


def all_words(captions: Iterable[Sequence[str]]) -> list[str]:
    """Every different caption, sorted: what the words of a text tower are learned from."""
    return sorted({caption for some in captions for caption in some})
