"""Painting tools: a picture is float32 [3, n, n] in about 0..1, a mask is [n, n]; colours are [3, 1, 1] or whole pictures.

Everything is in unit coordinates (x to the right, y downwards), so a scene looks the same at any size.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

F = np.float32
tau = 2 * np.pi
Array = NDArray[np.float32]


class Grid:
    """Pixel centres in unit coordinates; `px` is the size of one pixel."""

    def __init__(self, n: int) -> None:
        line = ((np.arange(n) + 0.5) / n).astype(F)
        self.n, self.px = n, F(1 / n)
        self.x, self.y = np.broadcast_to(line, (n, n)), np.repeat(line[:, None], n, 1)

    def edge(self, inside: Any) -> Any:
        """Anti-aliased mask of a signed distance, positive inside."""
        return np.clip(inside / self.px + F(0.5), 0, 1)


def turn_weights(phase: float, num_states: int) -> Array:
    """How much of each of `num_states` states is seen at a phase in [0, 1): raised cosines on the circle that sum to one."""
    away = np.abs((phase * num_states - np.arange(num_states) + num_states / 2) % num_states - num_states / 2)
    bumps = np.where(away < 1, 0.5 + 0.5 * np.cos(np.pi * away), 0)
    return (bumps / bumps.sum()).astype(F)


def halve(*layers: Any) -> list[Array]:
    """Still layers are painted at twice the size, then averaged."""
    return [((a[..., ::2, ::2] + a[..., 1::2, ::2] + a[..., ::2, 1::2] + a[..., 1::2, 1::2]) / 4).astype(F)
            for a in layers]


def smooth(lo: Any, hi: Any, v: Any) -> Any:
    """A soft step: 0 where v is at `lo`, 1 at `hi` (which may be the smaller one)."""
    t = np.clip((v - lo) / (hi - lo), 0, 1)
    return t * t * (3 - 2 * t)


def rnd(i: Any, k: int = 0) -> Array:
    """A fixed random number in [0, 1) for each whole number i; `k` names the table."""
    h = np.atleast_1d(i).astype(np.int32).view(np.uint32) * np.uint32(2654435761) + np.uint32(k * 9973 + 77)
    h = (h ^ (h >> 15)) * np.uint32(2246822519)
    h = (h ^ (h >> 13)) * np.uint32(3266489917)
    return (h >> 8).astype(F) * F(2 ** -24)


@functools.lru_cache(4096)
def C(t: float, shades: str) -> Array:
    """A colour from a row of hexadecimal shades, blended at t in [0, 1]."""
    rgb = np.array([[int(h[i:i + 2], 16) for i in (0, 2, 4)] for h in shades.split()], F) / 255
    return np.array([np.interp(t, np.linspace(0, 1, len(rgb)), c) for c in rgb.T], F)[:, None, None]


def ramp(v: Any, colours: Any, at: Any = None) -> Any:
    """The colours along v in [0, 1], evenly spaced or at the places `at`: [3, *v.shape]."""
    at = np.linspace(0, 1, len(colours)) if at is None else at
    table = np.array([np.interp(np.linspace(0, 1, 512), at, c) for c in np.squeeze(colours).T], F)
    return table[:, (np.clip(v, 0, 1) * 511).astype(np.int32)]


def over(img: Any, colour: Any, mask: Any) -> Any:
    """Paint `colour` on `img` [3, n, n] where the mask is, in place; gives the picture back."""
    img += (colour - img) * mask
    return img


@functools.lru_cache(None)
def _cloth(n: int = 256) -> Array:
    """A periodic cloudy texture, centred on .5."""
    f = np.fft.fftfreq(n) * n
    r = np.maximum(np.hypot(f[:, None], f), 1)
    white = np.random.default_rng(5).standard_normal((n, n))
    z = np.fft.ifft2(np.fft.fft2(white) * (r > 1.5) * r ** -1.8 * np.exp(-(r / 60) ** 2)).real
    return np.pad(.5 + .5 * np.tanh(z / z.std() * .6), (0, 1), "wrap").astype(F).ravel()


def fbm(u: Any, v: Any, n: int = 256) -> Any:
    """The cloudy texture at (u, v), of period 1, out of `n` x `n` random numbers (fractional Brownian motion)."""
    z, u, v = _cloth(), np.asarray(u * F(n), F), np.asarray(v * F(n), F)
    iu, iv = np.floor(u), np.floor(v)
    k, u, v = (iv.astype(np.int32) & (n - 1)) * (n + 1) + (iu.astype(np.int32) & (n - 1)), u - iu, v - iv
    top, low = z.take(k), z.take(k + n + 1)
    top = top + (z.take(k + 1) - top) * u
    low = low + (z.take(k + n + 2) - low) * u
    return top + (low - top) * v


def billow(u: Any, v: Any) -> tuple[Any, Any]:
    """Clouds at (`u`, `v`) of the texture, and how much light they catch from above."""
    n = fbm(u, v)
    return n, np.clip((n - fbm(u + .012, v + .035)) * 2.2 + .5, 0, 1)


def ridge(x: Any, a: float, rough: float = 0.5, freq: float = 1.0) -> Any:
    """A mountain line in about [0, 1] over x; `a` picks which. `rough` (0..1) is how jagged it is, `freq` how many peaks a picture has."""
    w = (.36 + .2 * rough) ** np.arange(6)
    return sum(w[k] * (1 - np.abs(np.sin(np.pi * (freq * 1.93 ** k * x + a * (3 + 2 * k) + k * .37))))
               for k in range(6)) / w.sum()


def rolling(x: Any, a: float, freq: float = 1.0) -> Any:
    """A soft hill line in about [0, 1] over x; `a` picks which, `freq` is how many hills a picture has."""
    return .5 + .3 * np.sin(tau * (freq * x + a)) + .2 * np.sin(tau * (2.3 * freq * x + 2.7 * a + .2))


def land(img: Any, g: Grid, top: Any, colour: Any, haze: Any = None, depth: float = 0.2, fade: float = 0.75) -> Any:
    """Fill `img` with `colour` below the line `top`, and give the mask of what was filled.

    Towards its foot the land fades into `haze` (a colour; None: it doesn't), over `depth` picture heights, to a share of `fade`.
    """
    mask = g.edge(g.y - top)
    if haze is not None:
        colour = colour + (haze - colour) * (fade * smooth(0, depth, g.y - top))
    over(img, colour, mask)
    return mask


def pines(g: Grid, base: Any, count: float, height: float, a: float) -> Any:
    """The mask of conifers on the line `base`: about `count` over the picture's width, up to `height` of it tall; `a` picks which."""
    mask = np.zeros_like(g.y)
    for row in range(2):
        u = g.x * count + row * .5 + a * 7
        c = np.floor(u)
        h = height * (.4 + .6 * rnd(c, 3 + row))
        t = (g.y - base + h) / h
        w = h * (.012 + .2 * t * (.45 + .55 * (t * 5.5 % 1)))
        d = np.abs(u - c - .5 + .3 * (rnd(c, 9) - .5)) / count
        mask = np.maximum(mask, g.edge(w - d) * (t > 0) * (t < 1.4))
    return mask


def dots(g: Grid, x: Any, y: Any, r: Any, alpha: Any = 1.0, soft: bool = False) -> Array:
    """The mask of many discs (or `soft` glows) of radius `r` at (`x`, `y`), each of its own `alpha`; those smaller than a pixel become fainter
    instead of
    vanishing.
    """
    n = g.n
    x, y, r, alpha = (np.ravel(v).astype(F)[:, None, None] for v in np.broadcast_arrays(x, y, r, alpha))
    big = np.maximum(r, .75 / n)
    k = int(np.ceil(2 * big.max() * n * (1.6 if soft else 1))) + 3
    i = np.floor(x * n - k / 2).astype(np.int32) + np.arange(k)
    j = np.floor(y * n - k / 2).astype(np.int32) + np.arange(k)[:, None]
    d = np.hypot((i + F(.5)) / n - x, (j + F(.5)) / n - y)
    m = alpha * (r / big) ** 2 * (np.exp(-3 * (d / big) ** 2) if soft else g.edge(big - d))
    ok = (i >= 0) & (i < n) & (j >= 0) & (j < n)
    return np.minimum(np.bincount((j * n + i)[ok], m[ok], n * n), 1).astype(F).reshape(n, n)


def glow(g: Grid, x: float, y: float, r: float, squash: float = 1.0) -> Any:
    """A round glow of radius r at (`x`, `y`), 1 in its middle; flattened by `squash`."""
    return np.exp(-((g.x - x) ** 2 + ((g.y - y) * squash) ** 2) / F(r * r))
