"""Still layers and moving states, shared by the scenes of rain and water.

What stands still is a list of layers, drawn once a size and composition; a scene only gives them their colours. What moves is drawn
in a few fixed states; the phase cross-fades from one state to the next, and the strength fades small things in one by one.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .paint import Grid, halve, over, turn_weights


class Layer(NamedTuple):
    """One still thing: the role of its colour, its mask [n, n], how far off it is (0..1) and a shade to multiply the colour by."""

    role: str
    mask: np.ndarray
    far: float = 0.
    shade: np.ndarray | float = 1.


Shape = Callable[[np.ndarray, np.ndarray], np.ndarray]    # (x, y) -> signed distance, positive inside


class States(NamedTuple):
    """Things that move: masks [states, n, n], and with them the strength from which each pixel's thing is seen."""

    masks: np.ndarray
    keys: np.ndarray

    @classmethod
    def empty(cls, num_states: int, n: int) -> States:
        """`num_states` empty pictures of `n` x `n` points."""
        return cls(np.zeros((num_states, n, n), np.float32), np.full((num_states, n, n), 9, np.float32))

    def stamp(self, state: int, g: Grid, box: tuple[float, float, float, float], inside: Shape, key: float,
              alpha: float = 1.) -> None:
        """Draw one small thing inside the box (x0, x1, y0, y1).

        `state` is the picture's number, `key` (0..1) the strength from which it's seen, `alpha` its opacity.
        """
        n = g.n
        i0, i1 = (int(np.clip(np.floor(v * n), 0, n)) for v in (box[0], box[1] + 1.5 / n))
        j0, j1 = (int(np.clip(np.floor(v * n), 0, n)) for v in (box[2], box[3] + 1.5 / n))
        if i0 >= i1 or j0 >= j1:
            return
        new = np.clip(inside(g.x[j0:j1, i0:i1], g.y[j0:j1, i0:i1]) * n + .5, 0, 1) * alpha
        mask, keys = self.masks[state, j0:j1, i0:i1], self.keys[state, j0:j1, i0:i1]
        np.copyto(keys, key, where=new > mask)
        np.maximum(mask, new, out=mask)

    def seen(self, amount: float, phase: float, sharpness: float = 5.) -> np.ndarray:
        """The mask [n, n] at a strength and a phase in [0, 1).

        `amount` is the strength, 0..1; `sharpness` how suddenly things appear.
        """
        out = np.zeros_like(self.masks[0])
        for mask, key, weight in zip(self.masks, self.keys, turn_weights(phase, len(self.masks)), strict=True):
            if weight > 0:
                out += weight * mask * np.clip((amount - key) * sharpness, 0, 1)
        return out


def box(b: Grid, x0: float, x1: float, y0: float, y1: float) -> np.ndarray:
    """The mask of an upright rectangle.

    From (`x0`, `y0`) to (`x1`, `y1`), in the picture's coordinates.
    """
    return b.edge(np.minimum(np.minimum(b.x - x0, x1 - b.x), np.minimum(b.y - y0, y1 - b.y)))


def disc(b: Grid, x: float, y: float, r: float, squash: float = 1.) -> np.ndarray:
    """The mask of a disc, flattened by `squash`.

    The middle is at (`x`, `y`), `r` is the radius, in the picture's coordinates.
    """
    return b.edge(r - np.hypot(b.x - x, (b.y - y) * squash))


def half_layers(layers: list[Layer]) -> list[Layer]:
    """Layers drawn at twice the size, averaged down."""
    return [Layer(role, halve(mask)[0], far, shade if np.ndim(shade) == 0 else halve(np.broadcast_to(shade, mask.shape))[0])
            for role, mask, far, shade in layers]


def _mirrored(img: np.ndarray, shore: float) -> np.ndarray:
    """The picture upside down below the line y = shore, broken by still ripples."""
    n = img.shape[1]
    rows = np.clip(2 * round(shore * n) - 1 - np.arange(n), 0, n - 1)
    deep = np.maximum((np.arange(n) + .5) / n - shore, 0)
    ripple = np.round(n * .02 * np.sqrt(deep) * np.sin(180 * deep / (deep + .5))).astype(int)
    return img[:, rows[:, None], np.clip(np.arange(n) + ripple[:, None], 0, n - 1)]


def compose(img: np.ndarray, layers: list[Layer], colours: dict[str, np.ndarray], haze: float) -> np.ndarray:
    """Paint the layers over `img` in their colours; what is far off sinks into colours["haze"].

    The role "mirror" paints the picture so far upside down, with still ripples, below the line y = shade.
    """
    for role, mask, far, shade in layers:
        if role == "mirror":
            over(img, _mirrored(img, float(shade)) * .78 + colours["haze"] * .1, mask)
            continue
        colour = colours[role] * shade
        if far > 0:
            colour = colour + (colours["haze"] - colour) * min(far * (.25 + .75 * haze) + .25 * haze, 1)
        over(img, colour, mask)
    return img
