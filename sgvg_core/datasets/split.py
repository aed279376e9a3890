"""Which side a clip is on: by its recording, so that no recording is on both."""

import dataclasses
import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence

from .clip_info import ClipInfo


def merged_sources(clips: Sequence[ClipInfo]) -> tuple[list[ClipInfo], list[list[str]]]:
    """The clips, with one source for recordings that share a file (the same bytes under two names), and the names of such files."""
    origins: dict[str, dict[str, str]] = defaultdict(dict)
    for clip in clips:
        origins[clip.sha256][clip.origin] = clip.source
    leader: dict[str, str] = {}

    def led(source: str) -> str:
        while source in leader:
            source = leader[source]
        return source

    for same in origins.values():
        for source in same.values():
            first, other = sorted((led(next(iter(same.values()))), led(source)))
            if first != other:
                leader[other] = first
    twins = sorted(sorted(same) for same in origins.values() if len(same) > 1)
    return [dataclasses.replace(clip, source=led(clip.source)) for clip in clips], twins


def split_by_source(clips: Sequence[ClipInfo], given: Mapping[str, str | None], test_share: float, seed: int) -> dict[str, str]:
    """The side of every source.

    Where folders or a table give sides (`given`, by origin; None: no side) they're kept; a source with a clip in the test belongs to the test. The
    others are drawn: of each label about `test_share` of the seconds are test, of two sources or more at least one, and never all of them. The
    draw depends on the seed and the sources' names alone. A source of several labels is drawn once, with the first of them.
    """
    sides: dict[str, str] = {}
    for clip in clips:
        side = given.get(clip.origin)
        if side is not None and sides.get(clip.source) != "test":
            sides[clip.source] = side
    seconds: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for clip in clips:
        seconds[clip.label or ""][clip.source] += clip.seconds
    for label in sorted(seconds):
        _draw(seconds[label], sides, test_share, seed)
    return sides


def _draw(seconds: Mapping[str, float], sides: dict[str, str], test_share: float, seed: int) -> None:
    """Give the sources of one label that have no side yet theirs."""
    wanted = test_share * sum(seconds.values())
    taken = sum(length for source, length in seconds.items() if sides.get(source) == "test")
    order = sorted((source for source in seconds if source not in sides), key=lambda source: hashlib.sha256(f"{seed}/{source}".encode()).digest())
    fitting = []
    for source in order:
        if taken + seconds[source] / 2 <= wanted:
            fitting.append(source)
            taken += seconds[source]
    others = [source for source in seconds if source not in fitting and sides.get(source) != "test"]
    if not fitting and taken == 0 and wanted > 0 and len(others) > 1:
        fitting = [min(order, key=seconds.__getitem__)]  # all are long: the shortest, of equals the first drawn
    elif fitting and not others:
        fitting.pop()
    sides.update({source: "test" if source in fitting else "train" for source in order})
