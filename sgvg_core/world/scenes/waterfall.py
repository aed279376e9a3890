"""Waterfall burbling: one tall fall between cliffs, twin falls over a wide ledge, a cascade of steps, a fall seen out of a cave."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..backdrop import mist, shade, sky, veil
from ..gait import Curve, Gait
from ..paint import C, Grid, fbm, glow, halve, land, over, pines, ridge, rnd, rolling, smooth, turn_weights
from ..scene import Scene, SceneKind
from ..sounds.waterfall import sound

NUM_STATES = 5
SKY = ("3f8fc4 5a4c84 0c1430", "9fd4e8 b87888 1e2c58", "eaf6ee f8c498 485884")


class Fall(NamedTuple):
    """One sheet of water: its middle, lip, foot and half width when it's strongest."""

    x: float
    lip: float
    foot: float
    wide: float


FALLS = (
    (Fall(0.5, 0.24, 0.76, 0.12),),
    (Fall(0.28, 0.34, 0.72, 0.13), Fall(0.73, 0.34, 0.72, 0.1)),
    (Fall(0.62, 0.18, 0.38, 0.1), Fall(0.47, 0.4, 0.6, 0.12), Fall(0.6, 0.62, 0.84, 0.15)),
    (Fall(0.5, 0.06, 0.74, 0.13),),
)
POOL = (0.74, 0.7, 0.83, 0.73)


def paint(grid: Grid, scene: Scene) -> Callable[[float, float], Any]:
    """What stands still, and the frame of a strength and a phase."""
    b, g, falls, pool = Grid(2 * grid.n), grid, FALLS[scene.composition], POOL[scene.composition]
    still, front, water = halve(*(_cliffs, _ledge, _steps, _cave)[scene.composition](b, scene))
    white = shade(scene, "ffffff", "fff0e4", "b8c8e8")
    blue = C(scene.accent, "8cd0e0 a0c8f0 b0e0d0") * C(scene.hour, "ffffff e8c8c0 7888b0")
    sheets = [[_threads(g, fall, state, i) for state in range(NUM_STATES)] for i, fall in enumerate(falls)]
    puffs = [[_puffs(g, fall, state, i) for state in range(NUM_STATES)] for i, fall in enumerate(falls)]
    rings = [_rings(g, falls[-1], pool, state) for state in range(NUM_STATES)]

    def frame(e: float, p: float) -> Any:
        out, weights = still.copy(), turn_weights(p, NUM_STATES)
        moving = sum(w * state for w, state in zip(weights, rings, strict=True))
        over(out, white, water * moving * (0.15 + 0.75 * e))
        for fall, threads, clouds in zip(falls, sheets, puffs, strict=True):
            inside = _sheet(g, fall, e)
            bright = sum(w * state for w, state in zip(weights, threads, strict=True))
            over(out, blue + (white - blue) * np.clip(0.25 + 0.45 * e + 0.9 * (bright - 0.5), 0, 1), inside)
            spray = sum(w * state for w, state in zip(weights, clouds, strict=True))
            foot = glow(g, fall.x, fall.foot, fall.wide * (0.9 + 1.5 * e), 1.5)
            over(out, white, np.clip(foot * (0.25 + 1.1 * e) * (0.45 + 0.9 * spray), 0, 0.95))
        return over(out, shade(scene, "24483a", "241c2c", "080c18"), front)

    return frame


def _sheet(g: Grid, fall: Fall, e: float) -> Any:
    """The mask of a fall at a strength."""
    drop = np.clip((g.y - fall.lip) / (fall.foot - fall.lip), 0, 1)
    wide = fall.wide * (0.2 + 0.8 * e) * (0.75 + 0.4 * drop) + 0.006 * np.sin(9 * drop + 7 * fall.x)
    bottom = fall.foot + 0.015 - 0.02 * ((g.x - fall.x) / wide) ** 2
    return g.edge((wide - np.abs(g.x - fall.x)) * 0.7) * smooth(fall.lip - 0.012, fall.lip + 0.012, g.y) * g.edge(bottom - g.y)


def _threads(g: Grid, fall: Fall, state: int, seed: int) -> Any:
    """The bright threads of falling water in one of their states, in 0..1."""
    u = (g.x - fall.x) * 26
    cell = np.floor(u)
    v = (g.y - state / NUM_STATES * 0.2) / 0.2 + 5 * rnd(cell, 3 + seed).reshape(g.y.shape)
    thread = 0.5 + 0.5 * np.cos(2 * np.pi * v)
    return thread * (0.35 + 0.65 * np.clip(1.3 - 2 * np.abs(u - cell - 0.5), 0, 1))


def _puffs(g: Grid, fall: Fall, state: int, seed: int) -> Any:
    """The spray at the foot in one of its states, in 0..1."""
    return smooth(0.35, 0.7, fbm((g.x - fall.x) * 0.8 + 0.37 * seed, g.y * 0.8 + state / NUM_STATES * 0.25))


def _rings(g: Grid, fall: Fall, pool: float, state: int) -> Any:
    """Rings on the pool in one of their states, in 0..1."""
    away = np.hypot(g.x - fall.x, (g.y - pool - 0.03) * 3)
    return smooth(0.3, 0.9, np.sin(2 * np.pi * (away / 0.11 - state / NUM_STATES))) * np.exp(-2.2 * away)


def _pool(b: Grid, img: Any, s: Scene, line: Any) -> Any:
    mask = b.edge(b.y - line)
    deep = np.clip((b.y - line) / 0.25, 0, 1)
    over(img, shade(s, "2f8f9c", "5c5078", "16284c") * (1.1 - 0.4 * deep) * (0.88 + 0.24 * smooth(0.4, 0.6, fbm(b.x * 0.4, b.y * 3))), mask)
    return mask


def _rock(b: Grid, s: Scene, seed: float, light: Any = 1.0) -> Any:
    grain = fbm(b.x * 0.9 + seed, b.y * 0.3 + seed)
    stone = shade(s, "7c7a70", "5c4c54", "2a2e44", 0.2) * (light * (0.55 + 0.85 * grain))
    moss = C(s.hue, "8a8a40 5a8a4a 3f7a68") * C(s.hour, "ffffff b898a0 4a5880") * (light * (0.6 + 0.7 * grain))
    return stone + (moss - stone) * smooth(0.52, 0.68, fbm(b.x * 0.7 + seed * 2, b.y * 0.55))


def _cliffs(b: Grid, s: Scene) -> tuple[Any, Any, Any]:
    img = sky(b, s, 0.45, SKY, (0.8, 0.1, 0.04), seed=0.3)
    land(img, b, 0.3 - 0.16 * ridge(b.x, 0.3, 0.5, 1.3), shade(s, "84aec0", "8c6c84", "28345c", 0.8))
    out = np.abs(b.x - 0.5)
    for side in (0, 1):
        for i in range(3):
            top = 0.26 - (0.1 + 0.05 * i) * smooth(0.05 + 0.09 * i, 0.2 + 0.16 * i, out) + 0.03 * ridge(b.x, 0.2 + i * 0.3 + side, 0.8, 2.5)
            edge = (0.015 + 0.09 * i + 0.05 * rolling(b.y, 0.3 * i + 0.4 * side, 1.3) * i) * (i > 0)
            here = ((b.x > 0.5) == side) * b.edge(out - edge)
            over(img, _rock(b, s, 0.2 * i + 0.5 * side, 1.1 - 0.22 * i), b.edge(b.y - top) * here)
            wood = pines(b, top + 0.02, 12 - 3 * i, 0.11 + 0.05 * i, 0.2 + i * 0.4 + side * 0.2)
            clear = np.clip((out - edge - 0.03) * 60, 0, 1)
            over(img, shade(s, "3c7450", "383048", "101a30") * (1.1 - 0.2 * i), wood * ((b.x > 0.5) == side) * clear)
    water = _pool(b, img, s, 0.74 + 0 * b.x)
    bank = 0.93 + 0.05 * rolling(b.x, 0.4, 1.1) - 0.14 * smooth(0.25, 0.5, out)
    return veil(b, img, s, 0.2, 0.8, amount=0.6), np.maximum(b.edge(b.y - bank), pines(b, bank + 0.01, 22, 0.08, 0.3)), water


def _ledge(b: Grid, s: Scene) -> tuple[Any, Any, Any]:
    img = sky(b, s, 0.36, SKY, (0.5, 0.14, 0.05), seed=0.7)
    land(img, b, 0.34 - 0.2 * ridge(b.x, 0.75, 0.6, 0.9), shade(s, "90b4c8", "90708c", "2c3864", 0.9))
    over(img, shade(s, "4c8458", "443850", "14203a", 0.35), pines(b, 0.36 + 0 * b.x, 19, 0.12, 0.6))
    top = 0.34 + 0.012 * ridge(b.x, 0.2, 0.9, 4)
    over(img, _rock(b, s, 0.35), b.edge(b.y - top))
    water = _pool(b, img, s, 0.7 + 0.02 * rolling(b.x, 0.3, 1.0))
    for j, (x, r) in enumerate(((0.1, 0.05), (0.5, 0.07), (0.92, 0.06))):
        d = r - np.hypot(b.x - x, (b.y - 0.78 - 0.05 * (j % 2)) * 1.6)
        over(img, _rock(b, s, 0.1 * j, 1.2 - 0.5 * (b.y > 0.79)), b.edge(d))
    reeds = np.zeros_like(b.y)
    for j in range(22):
        x, high = rnd(j, 3).item(), 0.07 + 0.09 * rnd(j, 4).item()
        t = np.clip((1 - b.y) / high, 0, 1)
        reeds = np.maximum(reeds, b.edge(0.007 * (1.1 - t) - np.abs(b.x - x - 0.04 * (rnd(j, 5).item() - 0.5) * t * t)) * (t < 1))
    return veil(b, img, s, 0.25, 0.75, amount=0.6), reeds, water


def _steps(b: Grid, s: Scene) -> tuple[Any, Any, Any]:
    img = sky(b, s, 0.3, SKY, (0.2, 0.1, 0.04), seed=0.1)
    over(img, shade(s, "5c9868", "4c4058", "182440", 0.5), pines(b, 0.3 + 0 * b.x, 9, 0.26, 0.4))
    water = np.zeros_like(b.y)
    for i, (fall, light) in enumerate(zip(FALLS[2], (0.85, 1.0, 1.15), strict=True)):
        top = fall.lip - 0.05 * (1 - np.exp(-(((b.x - fall.x) / 0.16) ** 2))) + 0.02 * ridge(b.x, 0.3 * i + 0.1, 0.9, 3)
        over(img, _rock(b, s, 0.3 * i + 0.1, light), b.edge(b.y - top))
        basin = b.edge(0.035 - np.abs(b.y - fall.foot - 0.005)) * b.edge(0.24 + 0.05 * i - np.abs(b.x - fall.x))
        over(img, shade(s, "3f9ca8", "64587c", "1c3058"), basin)
        wood = pines(b, top + 0.015, 8 - i, 0.11 + 0.02 * i, 0.2 + 0.3 * i) * (np.abs(b.x - fall.x) > 0.2)
        over(img, shade(s, "3f7c4c", "3a3048", "101c30") * light, wood)
    water = np.maximum(water, _pool(b, img, s, 0.85 + 0.015 * rolling(b.x, 0.6, 1.4)))
    ferns = b.edge(b.y - 0.97 + 0.14 * smooth(0.28, 0.5, np.abs(b.x - 0.5)) * (0.7 + 0.5 * ridge(b.x, 0.4, 0.9, 4)))
    return veil(b, img, s, 0.05, 0.6, amount=0.6), ferns, water


def _cave(b: Grid, s: Scene) -> tuple[Any, Any, Any]:
    img = sky(b, s, 0.7, SKY, (0.68, 0.24, 0.05), seed=0.5)
    land(img, b, 0.6 - 0.2 * ridge(b.x, 0.15, 0.5, 1.0), shade(s, "8cb0b8", "8c6c84", "2a365e", 0.8))
    land(img, b, 0.66 - 0.07 * rolling(b.x, 0.5, 0.8), shade(s, "5c9c5c", "4c4054", "182640", 0.3))
    water = _pool(b, img, s, 0.73 + 0 * b.x)
    angle = np.arctan2(b.y - 0.5, b.x - 0.5)
    hole = 0.4 + 0.035 * np.sin(3 * angle + 0.6) + 0.025 * np.sin(7 * angle + 2) + 0.012 * np.sin(13 * angle)
    away = np.hypot((b.x - 0.5) * 0.95, b.y - 0.46)
    veil(b, img, s, 0.3, 0.8, amount=0.6)
    rim = np.exp(-np.maximum(away - hole, 0) / 0.06)
    cave = shade(s, "4a4440", "382c34", "141624") * (0.55 + 0.6 * fbm(b.x * 0.8, b.y * 0.8)) + mist(s) * (0.25 * rim * (0.5 + s.glow))
    mask = b.edge(away - hole)
    over(img, cave, mask)
    return img, np.zeros_like(b.y), water * (1 - mask)


def envelope(gait: Gait) -> Curve:
    """The hidden cause of a clip over time, about 0..1."""
    return gait.between(0.4, 0.6) + 0.26 * gait.sway(0.12, 0.7)


SCENE = SceneKind(
    name="waterfall burbling",
    paint=paint,
    sound=sound,
    envelope=envelope,
    wordings=(
        "waterfall burbling", "waterfall", "burbling brook", "cascade", "stream falling over rocks", "cataract in the forest", "brook",
        "stream", "river that falls from a cliff", "mountain stream", "water falling into a pool",
    ),
    steady=True,
)
