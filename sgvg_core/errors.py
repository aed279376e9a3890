"""Every error the pack raises on purpose, in one tree.

A message says what is wrong, the value seen, the value wanted and the next step.
"""


class SGVGError(Exception):
    """Base of all errors that are meant for the user; doors print it in one line, without a traceback."""


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
    """A training can't go on: its numbers left their range, or its processes don't agree."""


class Cancelled(SGVGError):
    """The user stopped the work; nothing half-written is left."""
