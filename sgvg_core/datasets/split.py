"""Which side a clip is on: by its source, so that no recording is on both."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence

from .clip_info import ClipInfo


def split_by_source(clips: Sequence[ClipInfo], test_share: float, seed: int) -> dict[str, str]:
    """The side of every source: of each label about `test_share` of the seconds are test, and of two sources or more at least one.

    Sources are drawn in an order that depends on the seed and their names alone. A source with several labels goes where the first of
    them puts it. No label loses all its sources to the test.
    """
    seconds: dict[str | None, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for clip in clips:
        seconds[clip.label][clip.source] += clip.seconds
    sides: dict[str, str] = {}
    for label in sorted(seconds, key=lambda name: name or ""):
        of_source = seconds[label]
        wanted = test_share * sum(of_source.values())
        order = sorted(of_source, key=lambda source: hashlib.sha256(f"{seed}/{source}".encode()).digest())
        taken = sum(of_source[source] for source in order if sides.get(source) == "test")
        free = [source for source in order if source not in sides]
        num_train = sum(sides.get(source) == "train" for source in order)
        for place, source in enumerate(free):
            last = place == len(free) - 1 and num_train == 0
            nearer = taken + of_source[source] / 2 <= wanted or (taken == 0 and wanted > 0)
            sides[source] = "test" if nearer and not last else "train"
            num_train += sides[source] == "train"
            taken += of_source[source] if sides[source] == "test" else 0
    return sides
