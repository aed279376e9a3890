"""Names as errors quote them, and as files may have them."""

import os
from typing import Any

_LONGEST_QUOTE, _LONGEST_NAME = 90, 200


def shown(name: Any) -> str:
    """A name as an error quotes it: in one line, without control characters, and not longer than a line."""
    text = repr(name)
    return text if len(text) <= _LONGEST_QUOTE else f"{text[: _LONGEST_QUOTE - 3]}..."


def can_be_named(name: str) -> bool:
    """Whether a file or folder can be called so, with a number and an ending behind it: no control characters, not too long."""
    return name.replace("\xa0", " ").isprintable() and len(os.fsencode(name)) <= _LONGEST_NAME
