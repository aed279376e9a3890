"""Frames of 256 colours, each with a palette of its own, as a gif holds them."""

from fractions import Fraction
from typing import Any

import av
import av.filter
import numpy as np


class PaletteFilter:
    """FFmpeg's palettegen and paletteuse as one call a frame: nothing is kept, so memory doesn't grow with the film.

    `width` and `height` are in pixels.
    """

    time_base = Fraction(1, 100)
    """A gif counts in hundredths of a second."""

    def __init__(self, width: int, height: int) -> None:
        graph: Any = av.filter.Graph()
        self._graph = graph
        source = graph.add_buffer(width=width, height=height, format="rgb24", time_base=self.time_base)
        split, found, used = graph.add("split"), graph.add("palettegen", "stats_mode=single"), graph.add("paletteuse", "new=1")
        source.link_to(split)
        split.link_to(found, 0, 0)
        split.link_to(used, 1, 0)
        found.link_to(used, 0, 1)
        used.link_to(graph.add("buffersink"))
        graph.configure()

    def __call__(self, pixels: np.ndarray, seconds: Fraction) -> Any:
        """Pixels [H, W, 3], uint8, as a frame shown at a time."""
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
        frame.pts, frame.time_base = round(seconds / self.time_base), self.time_base
        self._graph.push(frame)
        return self._graph.pull()
