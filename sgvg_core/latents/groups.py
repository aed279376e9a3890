"""Named groups of layers: coarse, mid and fine (paper Eq. 5)."""

from collections.abc import Mapping, Sequence

from ..errors import ConfigError

GROUPS = ("coarse", "mid", "fine")


def group_slices(bounds: tuple[int, int], num_ws: int) -> dict[str, slice]:
    """The latents of each group: coarse [0, a), mid [a, b), fine [b, num_ws), for bounds (a, b).

    The paper's groups 0-2 / 3-5 / 6-(L-1) are bounds (3, 6); those of the released code, 0-3 / 4-7 / 8-15, are (4, 8). Raises ConfigError
    where a group would be empty.
    """
    first, second = bounds
    if not 0 < first < second < num_ws:
        raise ConfigError(f"group bounds: got {first} and {second}, expected 0 < a < b < {num_ws} (the generator's num_ws)")
    return dict(zip(GROUPS, (slice(0, first), slice(first, second), slice(second, num_ws)), strict=True))


def group_layers(slices: Mapping[str, slice], layers: Sequence[str | int]) -> list[int]:
    """The numbers of the latents that `layers` say: names of groups in `slices`, or numbers from 0. Raises ConfigError."""
    num_ws, found = max(part.stop for part in slices.values()), set()
    for layer in layers:
        if layer in slices:
            part = slices[str(layer)]
            found |= set(range(part.start, part.stop))
        elif isinstance(layer, int) and 0 <= layer < num_ws:
            found.add(layer)
        else:
            raise ConfigError(f"layers: got {layer!r}, expected {', '.join(slices)}, or numbers from 0 to {num_ws - 1}")
    return sorted(found)
