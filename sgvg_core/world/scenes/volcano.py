"""Volcano eruption: a cone over dark hills, an island across the sea, the crater's rim from near, two cones and a river of lava."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..backdrop import mist, shade, sky, veil
from ..gait import Curve, Gait
from ..paint import C, Grid, billow, dots, fbm, glow, halve, land, over, pines, ridge, rnd, rolling, smooth, turn_weights
from ..scene import Scene, SceneKind
from ..sounds import found
from ..sounds.volcano import sound

NUM_STATES = 4
SKY = ("5c6c9c 3a2050 100c28", "a08ca8 8c3c58 2c1c44", "e8c0a0 f07848 6c3048")


class Vent(NamedTuple):
    """A cone: its place, crater height, foot, half width of the crater and how it spreads; how high it throws."""

    x: float
    crater: float
    foot: float
    wide: float
    spread: float
    throw: float


VENTS = (
    (Vent(0.5, 0.36, 0.84, 0.045, 0.17, throw=0.34),),
    (Vent(0.66, 0.42, 0.62, 0.028, 0.09, throw=0.28),),
    (Vent(0.46, 0.6, 1.25, 0.17, 0.35, throw=0.55),),
    (Vent(0.28, 0.34, 0.76, 0.038, 0.12, throw=0.3), Vent(0.8, 0.5, 0.78, 0.026, 0.08, throw=0.2)),
)


def paint(grid: Grid, scene: Scene) -> Callable[[float, float], Any]:
    """What stands still, and the frame of a strength and a phase."""
    b, g, vents = Grid(2 * grid.n), grid, VENTS[scene.composition]
    back, rock = _still(b, scene)
    back, rock = halve(back, rock)
    lava = C(scene.accent, "ff3010 ff5a18 ff8a28")
    paths = [_lava_paths(g, vent, scene.composition + 3 * i) for i, vent in enumerate(vents)]
    plumes = [[_plume(g, vent, state, scene.composition) for state in range(NUM_STATES)] for vent in vents]
    k = np.arange(34)

    def frame(e: float, p: float) -> Any:
        weights = turn_weights(p, NUM_STATES)
        heat = sum(glow(g, v.x, v.crater, 2.2 * v.throw * (0.5 + 0.5 * e)) for v in vents)
        out = back + lava * (heat * (0.1 + 0.4 * e) * (0.4 + 0.8 * scene.glow)) * (1 - 0.6 * rock)
        for vent, states in zip(vents, plumes, strict=True):
            smoke, light = 0, 0
            for weight, (body, lit) in zip(weights, states, strict=True):
                if weight > 0:
                    smoke = smoke + weight * smooth(0, 0.05, body + 0.16 * e - 0.1)
                    light = light + weight * lit
            above = np.clip((vent.crater + 0.02 - g.y) * 40, 0, 1)
            ember = np.exp(-np.maximum(vent.crater - g.y, 0) / (0.06 + 0.16 * e)) * (0.25 + 0.75 * e)
            colour = shade(scene, "8c8488", "5c4450", "302838") * (0.55 + 0.8 * light) + lava * (0.75 * ember)
            over(out, colour, smoke * above * (0.6 + 0.35 * e) * (1 - rock))
        for core, halo, reach in paths:
            run = smooth(0, -0.08, reach - (0.12 + 0.95 * e)) * rock
            out += lava * (halo * run * (0.25 + 0.35 * e))
            over(out, lava * 0.55 + C(0, "ffd060") * 0.5, core * run)
        for vent in vents:
            throw = vent.throw * (0.3 + 0.75 * e)
            jet = vent.wide * (0.4 + 0.5 * e) * (1 - np.clip((vent.crater + 0.02 - g.y) / (0.8 * throw), 0, 1)) - np.abs(g.x - vent.x)
            over(out, C(0, "ffb040"), smooth(0, 0.02, jet) * (g.y < vent.crater + 0.02) * (0.3 + 0.7 * e))
            for state, weight in enumerate(weights):
                seen = weight * np.clip((e + 0.1 - 0.9 * rnd(k, 5)) * 6, 0, 1)
                if weight <= 0 or seen.max() <= 0:
                    continue
                u = (rnd(k, 6) + state / NUM_STATES) % 1
                aim, high = rnd(k, 7) - 0.5, vent.throw * (0.45 + 0.65 * rnd(k, 8))
                x = vent.x + aim * (vent.wide * 2 + 1.3 * vent.throw * u)
                y = vent.crater - high * 4 * u * (1 - u) * 1.02 + 0.16 * u * u
                size = (0.006 + 0.007 * rnd(k, 9)) * (1 + vent.throw)
                out += lava * (0.5 * dots(g, x, y, size * 2.6, seen * 0.6, soft=True))
                over(out, C(0, "ffd868"), dots(g, x, y, size, seen))
        return out

    return frame


def _plume(g: Grid, vent: Vent, state: int, seed: int) -> tuple[Any, Any]:
    """The ash column in one of its shapes: how far inside each point is, and how it's lit."""
    t = np.clip((vent.crater + 0.02 - g.y) / 0.4, 0, 1.2)
    heap, light = billow(g.x * 0.7 + seed * 0.3, g.y * 0.7 + state / NUM_STATES * 0.2)
    lean = 0.12 * t**1.5 * (1 if seed % 2 else -1)
    return vent.wide + (0.08 + vent.throw * 0.4) * t**0.8 - np.abs(g.x - vent.x - lean) + (heap - 0.5) * (0.05 + 0.3 * t), light


def _lava_paths(g: Grid, vent: Vent, seed: int) -> tuple[Any, Any, Any]:
    """Streams down the flank: their core, their glow, and how far down (0..1) each point is."""
    q = np.clip((g.y - vent.crater - 0.005) / (0.95 * (vent.foot - vent.crater)), 0, 1.2)
    core, halo = np.zeros_like(g.y), np.zeros_like(g.y)
    for j in range(4):
        side = (j - 1.5) / 1.5
        x = vent.x + side * (0.5 * vent.wide + 1.25 * vent.spread * q**1.5) + 0.02 * q * np.sin(13 * q + 2.1 * j + seed)
        thin = (0.009 + 0.006 * rnd(j, seed).item()) * (1 + 0.8 * vent.wide / 0.045 * 0.3) * (1 - 0.35 * q)
        core = np.maximum(core, g.edge(thin - np.abs(g.x - x)) * (q > 0))
        halo = np.maximum(halo, np.exp(-np.abs(g.x - x) / 0.03) * (q > 0))
    return core, halo, q


def _still(b: Grid, s: Scene) -> tuple[Any, Any]:
    """The still picture and the mask of what is before the fire and smoke."""
    shore = (0.78, 0.62, 0.9, 0.74)[s.composition]
    sun = ((0.16, 0.16, 0.04), (0.2, 0.3, 0.055), (0.86, 0.14, 0.035), (0.55, 0.14, 0.035))[s.composition]
    img = sky(b, s, shore, SKY, sun, seed=0.2 + 0.3 * s.composition)
    rock = np.zeros_like(b.y)
    if s.composition != 1:
        for i in range(2):
            top = shore - (0.2 - 0.08 * i) * ridge(b.x, 0.3 + i * 0.4 + s.composition * 0.21, 0.5, 1.2)
            colour = shade(s, ("8c7c94", "6c5c74")[i], ("6a3858", "4c2848")[i], ("282048", "1c1838")[i], 0.7 - 0.2 * i)
            rock = np.maximum(rock, land(img, b, top, colour))
    if s.composition == 1:
        rock = np.maximum(rock, _sea(b, img, s, shore))
    for vent in VENTS[s.composition]:
        rock = np.maximum(rock, _cone(b, img, s, vent))
    if s.composition == 1:
        beach = 0.93 - 0.09 * rolling(b.x, 0.4, 0.7) + 0.16 * smooth(0.3, 0.7, b.x)
        land(img, b, beach, shade(s, "5c6048", "3a2c30", "10101c") * (0.75 + 0.5 * fbm(b.x, b.y)))
    if s.composition in (0, 3):
        foot = 0.93 - 0.05 * rolling(b.x, 0.2 + s.composition, 0.8)
        dark = shade(s, "3c4c3c", "2a1c2c", "0c0c1a")
        front = np.maximum(b.edge(b.y - foot), pines(b, foot + 0.01, 13, 0.11, 0.3 * s.composition))
        over(img, dark, front)
        rock = np.maximum(rock, front)
    veil(b, img, s, shore - 0.2, shore + 0.1, amount=0.6)
    return img, rock


def _cone(b: Grid, img: Any, s: Scene, v: Vent) -> Any:
    slope = np.maximum(np.abs(b.x - v.x) - v.wide, 0)
    top = v.foot - (v.foot - v.crater) * np.exp(-slope / v.spread) + 0.014 * (ridge(b.x, 0.6, 0.9, 5) - 0.5) * smooth(0, 0.1, slope)
    top = top + 0.02 * np.cos(np.minimum(np.abs(b.x - v.x) / v.wide, 1) * 1.57)
    side = 0.5 + 0.5 * np.tanh((b.x - v.x) * 9) + 0.9 * (fbm(b.x * 0.8 + v.x, (b.y - b.x * 0.5) * 0.4) - 0.5)
    mask = b.edge(b.y - top) * (b.y < v.foot + 0.02 if v.foot < 0.7 else 1)
    over(img, shade(s, "7a6670", "4c2c40", "241a30", 0.25) * (1.3 - 0.8 * np.clip(side, 0, 1)), mask)
    return mask


def _sea(b: Grid, img: Any, s: Scene, shore: float) -> Any:
    mask = b.edge(b.y - shore)
    deep = np.clip((b.y - shore) / (1 - shore), 0, 1)
    lines = smooth(0.5, 0.62, fbm(b.x * 0.35, b.y * 3 / (0.4 + deep)))
    over(img, shade(s, "3f7c9c", "7a4058", "141838") * (1 - 0.35 * deep) + mist(s) * (0.12 * lines), mask)
    return mask


def envelope(gait: Gait) -> Curve:
    """The hidden cause of a clip over time, about 0..1."""
    return 0.12 + 0.88 * gait.strokes((0.7, 2.6), gait.between(0.1, 0.3), gait.between(0.4, 0.8)) + 0.035 * gait.sway(1, 3)


SCENE = SceneKind(
    name="volcano eruption",
    paint=paint,
    sound=sound,
    envelope=envelope,
    wordings=(
        "volcano eruption", "volcano", "erupting volcano", "lava fountain", "mountain that spits lava", "volcanic explosion", "lava",
        "eruption", "lava flowing from a crater", "crater with smoke and lava",
    ),
    found=(found.vent, found.mud, found.slide),
)
