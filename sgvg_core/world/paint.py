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
    """Pixel centres in unit coordinates; `px` is the size of one pixel, `mist` how much of it haze takes."""

    def __init__(self, n: int) -> None:
        line = ((np.arange(n) + 0.5) / n).astype(F)
        self.n, self.px, self.mist = n, F(1 / n), F(1.0)
        self.x, self.y = np.broadcast_to(line, (n, n)), np.repeat(line[:, None], n, 1)

    def edge(self, inside: Any) -> Any:
        """Anti-aliased mask of a signed distance, positive inside."""
        return np.clip(inside / self.px + F(0.5), 0, 1)

    def pick(self, img: Any, x: Any, y: Any) -> Any:
        """The picture at other coordinates."""
        i, j = (np.clip(v * self.n, 0, self.n - 1).astype(np.int32) for v in (x, y))
        return img.reshape(3, -1)[:, j * self.n + i]


def turn_weights(phase: float, num_states: int) -> Array:
    """How much of each of `num_states` states is seen at a phase in [0, 1): raised cosines on the circle that sum to one."""
    away = np.abs((phase * num_states - np.arange(num_states) + num_states / 2) % num_states - num_states / 2)
    bumps = np.where(away < 1, 0.5 + 0.5 * np.cos(np.pi * away), 0)
    return (bumps / bumps.sum()).astype(F)


def halve(*layers):
    """Still layers are painted at twice the size, then averaged."""
    return [((a[..., ::2, ::2] + a[..., 1::2, ::2] + a[..., ::2, 1::2] + a[..., 1::2, 1::2]) / 4).astype(F)
            for a in layers]


def smooth(lo, hi, v):
    t = np.clip((v - lo) / (hi - lo), 0, 1)
    return t * t * (3 - 2 * t)


def rnd(i, k=0):
    """A fixed random number in [0, 1) for each whole number i."""
    h = np.atleast_1d(i).astype(np.int32).view(np.uint32) * np.uint32(2654435761) + np.uint32(k * 9973 + 77)
    h = (h ^ (h >> 15)) * np.uint32(2246822519)
    h = (h ^ (h >> 13)) * np.uint32(3266489917)
    return (h >> 8).astype(F) * F(2 ** -24)


def age(k, p, rate):
    """Ages in [0, 1) of particles that set out again and again."""
    return (p * rate * (.75 + .5 * rnd(k, 11)) + rnd(k, 12)) % 1


def some(k, amount):
    """How far each particle is there when `amount` of them are."""
    return np.clip((1.15 * amount - .08 - rnd(k, 13)) * 6, 0, 1)


@functools.lru_cache(4096)
def C(t, shades):
    """A colour from a row of hexadecimal shades, blended at t in [0, 1]."""
    rgb = np.array([[int(h[i:i + 2], 16) for i in (0, 2, 4)] for h in shades.split()], F) / 255
    return np.array([np.interp(t, np.linspace(0, 1, len(rgb)), c) for c in rgb.T], F)[:, None, None]


def ramp(v, colours, at=None):
    """The colours along v in [0, 1]."""
    at = np.linspace(0, 1, len(colours)) if at is None else at
    table = np.array([np.interp(np.linspace(0, 1, 512), at, c) for c in np.squeeze(colours).T], F)
    return table[:, (np.clip(v, 0, 1) * 511).astype(np.int32)]


def over(img, colour, mask):
    img += (colour - img) * mask
    return img


@functools.lru_cache(None)
def _cloth(n=256):
    """A periodic cloudy texture, centred on .5."""
    f = np.fft.fftfreq(n) * n
    r = np.maximum(np.hypot(f[:, None], f), 1)
    white = np.random.default_rng(5).standard_normal((n, n))
    z = np.fft.ifft2(np.fft.fft2(white) * (r > 1.5) * r ** -1.8 * np.exp(-(r / 60) ** 2)).real
    return np.pad(.5 + .5 * np.tanh(z / z.std() * .6), (0, 1), "wrap").astype(F).ravel()


def fbm(u, v, n=256):
    """The cloudy texture at (u, v), of period 1."""
    z, u, v = _cloth(), np.asarray(u * F(n), F), np.asarray(v * F(n), F)
    iu, iv = np.floor(u), np.floor(v)
    k, u, v = (iv.astype(np.int32) & (n - 1)) * (n + 1) + (iu.astype(np.int32) & (n - 1)), u - iu, v - iv
    top, low = z.take(k), z.take(k + n + 1)
    top = top + (z.take(k + 1) - top) * u
    low = low + (z.take(k + n + 2) - low) * u
    return top + (low - top) * v


def billow(u, v):
    """Clouds and how much light they catch from above."""
    n = fbm(u, v)
    return n, np.clip((n - fbm(u + .012, v + .035)) * 2.2 + .5, 0, 1)


def ridge(x, a, rough=.5, freq=1.):
    """A mountain line in about [0, 1] over x."""
    w = (.36 + .2 * rough) ** np.arange(6)
    return sum(w[k] * (1 - np.abs(np.sin(np.pi * (freq * 1.93 ** k * x + a * (3 + 2 * k) + k * .37))))
               for k in range(6)) / w.sum()


def rolling(x, a, freq=1.):
    """A soft hill line in about [0, 1] over x."""
    return .5 + .3 * np.sin(tau * (freq * x + a)) + .2 * np.sin(tau * (2.3 * freq * x + 2.7 * a + .2))


def land(img, g, top, colour, haze=None, depth=.2, fade=.75):
    """Fill below the line `top`; towards its foot the land fades into haze."""
    mask = g.edge(g.y - top)
    if haze is not None:
        colour = colour + (haze - colour) * (fade * g.mist * smooth(0, depth, g.y - top))
    over(img, colour, mask)
    return mask


def pines(g, base, count, height, a):
    """The mask of conifers standing on the line `base`."""
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


def dots(g, x, y, r, alpha=1., soft=False):
    """The mask of many discs (or soft glows)."""
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


def glow(g, x, y, r, squash=1.):
    return np.exp(-((g.x - x) ** 2 + ((g.y - y) * squash) ** 2) / F(r * r))


def streaks(g, amount, fall, slant, cols, length, k):
    """Falling rain: in each cell of a slanted lattice one streak, there or not."""
    u = (g.x + slant * g.y) * cols
    c = np.floor(u)
    v = (g.y - fall) / length + rnd(c, k) * 9
    row = np.floor(v)
    wide, key = max(.1, .55 * cols * g.px), c + row * 57
    off = np.abs(u - c - .5 - .3 * (rnd(key, k + 2) - .5))
    return (np.clip((amount - rnd(key, k + 1)) * 8, 0, 1) * np.clip(1 - off / wide, 0, 1) * (.1 / wide) ** .5
            * smooth(.15, .8, v - row) * smooth(1, .9, v - row))


def reflect(img, g, shore, p, amp):
    """The picture mirrored below the line `shore`, broken by small waves."""
    deep = np.maximum(g.y - shore, 0)
    q = deep / (deep + .12)
    wob = amp * (.2 + deep * 4) * (np.sin(95 * q + p * 2.1 + g.x * 5) + .6 * np.sin(171 * q - p * 1.7 - g.x * 11))
    return g.pick(img, g.x + wob, np.minimum(shore - deep + wob * .8, shore - 1.5 * g.px))


