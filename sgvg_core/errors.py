"""Every error the pack raises on purpose, in one tree; and the one function through which text from files and users is shown.

A message says what is wrong, the value seen, the value wanted and the next step.
"""

MAX_MESSAGE = 4000
"""Characters of an error's message; what files bring into it must not fill a terminal."""


def shown(value: object, limit: int = 100) -> str:
    """Text of a file, name or option as one line that is safe to print, cut at `limit` characters.

    Line breaks, control characters of a terminal, marks that turn the direction of writing and lone surrogates become escapes such as
    \\n, \\x1b and \\u202e. Printable text stays as it is, so that the function may be applied twice.

    `value` is anything: its `str` is shown.
    """
    text = f"a whole number of {value.bit_length()} bits" if isinstance(value, int) and value.bit_length() > 4000 else str(value)
    if len(text) > limit:
        text = text[: max(limit - 3, 0)] + "..."
    if not text.isprintable():
        text = "".join(each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in text)
    return text if len(text) <= limit else text[: max(limit - 3, 0)] + "..."


class SGVGError(Exception):
    """Base of all errors that are meant for the user; doors print it in one line, without a traceback.

    The message is one printable line of at most MAX_MESSAGE characters, whatever was quoted in it.
    """

    def __init__(self, message: object = "") -> None:
        super().__init__(shown(message, MAX_MESSAGE))


class ConfigError(SGVGError):
    """A setting, option or stored configuration is unknown, of the wrong type or out of range."""


class CheckpointError(SGVGError):
    """A file of weights or latents can't be read, is not what was expected, or was refused."""


class MediaError(SGVGError):
    """A sound or video can't be decoded or written."""


class DataError(SGVGError):
    """A prepared data set is missing, unfinished, damaged, or was made with other options than asked."""


class ShapeError(SGVGError):
    """A tensor has another shape than the function takes."""


class DeviceError(SGVGError):
    """The asked device or number type isn't there, or the installed torch packages don't fit together."""


class TrainingError(SGVGError):
    """A training can't continue: its numbers left their range, or its processes don't agree."""


class Cancelled(SGVGError):
    """The user stopped the work; nothing half-written is left."""
