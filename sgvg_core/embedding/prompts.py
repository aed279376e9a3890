"""The templates around a label when it is embedded as text."""


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


def label_captions(label: str) -> tuple[str, ...]:
    """A label in every template."""
    return tuple(template.format(label.replace("_", " ")) for template in TEMPLATES)
