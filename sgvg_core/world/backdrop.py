"""Skies, light and weather that the scenes on land share."""

from typing import Any

import numpy as np

from .paint import C, F, Grid, dots, fbm, glow, over, ramp, rnd, smooth
from .scene import Scene

NIGHT_FROM, NIGHT_AT = 0.55, 0.9  # between these hours the stars come out


def tint(scene: Scene) -> Any:
    """The colour that the palette number lays over everything: warm (0) to cool (1), [3, 1, 1]."""
    warm, cool = np.array([1.09, 1.0, 0.86], F), np.array([0.88, 1.0, 1.12], F)
    return (warm + (cool - warm) * F(scene.hue))[:, None, None]


def mist(scene: Scene, noon: str = "dfe8ea", dusk: str = "d8b0a0", night: str = "3c4868") -> Any:
    """The colour of haze at this hour. `noon`, `dusk` and `night` are shades as RRGGBB."""
    return C(scene.hour, f"{noon} {dusk} {night}") * tint(scene)


def sky(b: Grid, scene: Scene, horizon: float, palettes: tuple[str, str, str], sun: tuple[float, float, float] | None, seed: float) -> Any:
    """A sky down to `horizon`: three rows of shades (top, middle, low) for noon, dusk and night; sun or moon at (x, y, r), None: neither;
    stars; clouds.

    `palettes` are of shades as RRGGBB, three each.
    """
    img = ramp(b.y / horizon, [C(scene.hour, shades) * tint(scene) for shades in palettes], [0, 0.6, 1])
    dark = float(smooth(NIGHT_FROM, NIGHT_AT, scene.hour))
    if dark > 0:
        k = np.arange(70)
        stars = dots(b, rnd(k, 31), rnd(k, 32) * horizon, 0.0035 + 0.003 * rnd(k, 33), 0.5 + 0.5 * rnd(k, 34))
        over(img, 1, 0.9 * dark * (1 - 0.8 * scene.clouds) * stars)
    if sun is not None:
        x, y, r = sun
        light = C(scene.hour, "fff6d0 ffd090 eaf2ff")
        img += light * ((0.12 + 0.4 * scene.glow) * glow(b, x, y, 0.26) + 0.25 * scene.glow * glow(b, x, y, 0.1))
        over(img, np.minimum(light * (0.75 + 0.3 * scene.glow), 1), dots(b, x, y, r))
    heap = fbm(b.x * 0.45 + seed, b.y * 1.3 + seed * 1.7)
    cover = smooth(0.62 - 0.25 * scene.clouds, 0.74 - 0.2 * scene.clouds, heap) * smooth(horizon, horizon - 0.22, b.y)
    cloud = C(scene.hour, "ffffff f4c4b0 4a5674") * tint(scene) * (1 - 0.35 * scene.clouds) * (0.85 + 0.3 * smooth(0.5, 0.8, heap))
    over(img, np.minimum(cloud, 1), (0.25 + 0.75 * scene.clouds) * cover)
    return np.clip(img, 0, 1)


def shade(scene: Scene, noon: str, dusk: str, night: str, far: float = 0.0) -> Any:
    """A colour at this hour; `far` (0..1) lets haze take its share of it. `noon`, `dusk` and `night` are shades as RRGGBB."""
    colour = C(scene.hour, f"{noon} {dusk} {night}") * tint(scene)
    return colour + (mist(scene) - colour) * F(min(1.0, far * (0.15 + 0.85 * scene.haze) + 0.18 * scene.haze))


def veil(b: Grid, img: Any, scene: Scene, top: float, bottom: float, amount: float = 0.7) -> Any:
    """Haze that lies over the land between two heights, densest in the middle.

    `img` is the picture so far; `top` and `bottom` are heights in the picture's coordinates, `amount` is in 0..1.
    """
    middle, half = (top + bottom) / 2, (bottom - top) / 2
    return over(img, mist(scene), amount * scene.haze * np.exp(-(((b.y - middle) / half) ** 2)))
