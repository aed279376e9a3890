"""Ranges and choices, checked before anything is built."""

from ..errors import ConfigError, shown


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Raise ConfigError unless low <= value <= high (so NaN is refused too)."""
    if not low <= value <= high:
        raise ConfigError(f"{name}: got {shown(value)}, expected {low} to {high}")


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Raise ConfigError unless `value` is one of `choices`."""
    if value not in choices:
        raise ConfigError(f"{name}: got {shown(repr(value))}, expected {', '.join(choices)}")


MAX_PART_PARAMETERS = 1_000_000_000
"""Numbers in the weights of any part but a generator or discriminator: 4 GB in float32. A file must hold as many besides."""


def backbone_parameters(depths: tuple[int, ...], widths: tuple[int, ...]) -> int:
    """About how many numbers a residual backbone holds. `depths` are units a stage, `widths` their channels."""
    steps = zip(depths, (widths[0], *widths[:-1]), widths, strict=True)
    return sum(9 * after * (before + (2 * depth - 1) * after) for depth, before, after in steps)


def texture_parameters(width: int, num_out: int) -> int:
    """About how many numbers the layers on a sound's texture hold: inner layers of `width` units, and `num_out` features that come out."""
    return width * (256 + width + num_out)


def pairs_of_convolutions(num_in: int, widths: tuple[int, ...]) -> int:
    """About how many numbers stages of two 3 x 3 convolutions hold. `num_in` channels go in; `widths` are those of the stages."""
    return sum(9 * width * (before + width) for before, width in zip((num_in, *widths[:-1]), widths, strict=True))


def sound_tower_parameters(widths: tuple[int, ...], num_mels: int, statistics: int, embed_dim: int) -> int:
    """About how many numbers a sound tower holds.

    `widths` are the channels of its stages, `num_mels` the rows of its spectrograms, `statistics` the width of its texture branch (0:
    none).

    `embed_dim` is the width of the embedding.
    """
    rows = (num_mels >> len(widths)) + 1
    return pairs_of_convolutions(1, widths) + 2 * rows * widths[-1] * embed_dim + texture_parameters(statistics, embed_dim)


def check_backbone(name: str, depths: tuple[int, ...], widths: tuple[int, ...]) -> None:
    """Raise ConfigError unless a residual backbone has four stages of sane depth and width; `name` is for the error.

    `depths` are units a stage, `widths` their channels.
    """
    for depth in depths:
        check_range(f"{name} depths", depth, 1, 64)
    for width in widths:
        check_range(f"{name} widths", width, 4, 2048)
