"""Rain: a lake with a cabin, a street with an umbrella, a window pane, a lily pond from above.

What stands still is drawn once a size and composition as layers (role of the colour, mask, how far off, shade); a scene only gives
them their colours. What falls is drawn in a few fixed states, and the phase cross-fades from one to the next.
"""
from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ..gait import Curve, Gait
from ..layers import Layer, Shape, States, box, compose, disc, half_layers
from ..paint import C, Grid, billow, fbm, glow, over, pines, ramp, ridge, rnd, rolling, smooth
from ..scene import Scene, SceneKind
from ..sounds.raining import sound

NUM_STATES = 4
SLANT = (.14, -.22, .10, .30)
SHORE = (.56, .60, .62, -.3)                             # where the water or the wet ground begins


class Layout(NamedTuple):
    """All that a composition fixes: layers from back to front, fields of lamp light, the cloud field, the moving states."""

    layers: list[Layer]
    light: np.ndarray
    clouds: tuple[np.ndarray, np.ndarray]
    front: list[Layer]
    rain: States
    rings: States
    wet: np.ndarray


def _lake(b: Grid) -> tuple[list[Layer], list[tuple[float, float, float]], list[Layer]]:
    shore, hx = SHORE[0], .33
    layers = [Layer("far", b.edge(b.y - shore + .05 + .24 * ridge(b.x, .31, .4, 1.)), .9),
              Layer("mid", b.edge(b.y - shore + .03 + .13 * ridge(b.x, .77, .4, 1.5)), .55)]
    hill = shore - .03 - .05 * rolling(b.x, .2, 1.1)
    layers += [Layer("pine", pines(b, hill, 15, .17, .4), .25), Layer("mid", b.edge(b.y - hill), .1)]
    x, y = np.abs(b.x - hx), b.y - shore - .005
    layers += [Layer("accent", b.edge(.095 - x) * b.edge(y + .125) * (y < 0), 0, .75 + .2 * np.sin(b.y * 300)),
               Layer("roof", b.edge(y + .225 - x * .85) * b.edge(.135 - x) * b.edge(-.095 - y)),
               Layer("roof", box(b, hx + .05, hx + .08, shore - .24, shore - .15)),
               Layer("lamp", b.edge(.024 - np.abs(x - .045)) * b.edge(.028 - np.abs(y + .06)))]
    water = b.edge(b.y - shore)
    layers += [Layer("mirror", water, 0, shore), Layer("haze", .5 * b.edge(.005 - np.abs(b.y - shore - .004)))]
    u, v = b.x - .71, b.y - .74                          # a boat on the lake
    hull = np.minimum(np.minimum(.12 - .8 * np.maximum(v, 0) - np.abs(u) + .25 * np.minimum(v, 0), v + .03 - 1.2 * u * u), .045 - v)
    layers += [Layer("shadow", .5 * b.edge(.12 - np.hypot(u, (v - .05) * 6))), Layer("accent", b.edge(hull), 0, 1.1 - 7 * np.abs(v)),
               Layer("roof", b.edge(np.minimum(.006 - np.abs(v + .018 - 1.2 * u * u), .12 - np.abs(u))))]
    bank = b.edge(b.y - .95 + .05 * rolling(b.x, .6, .7))
    for j in range(22):
        t = np.clip((1 - b.y) / (.1 + .12 * rnd(j, 3)), 0, 1)
        bank = np.maximum(bank, b.edge(.009 * (1.1 - t) - np.abs(b.x - rnd(j, 1) - .07 * (rnd(j, 2) - .5) * t * t)) * (t < 1))
    return layers, [(hx, shore - .05, .16), (hx, shore + .09, .1)], [Layer("front", bank)]


def _street(b: Grid) -> tuple[list[Layer], list[tuple[float, float, float]], list[Layer]]:
    shore = SHORE[1]
    road = b.edge(b.y - shore)
    cobbles = .8 + .22 * np.sin(np.pi * 3.2 / (b.y - .5).clip(.05)) * np.cos((b.x - .5) / (b.y - .5).clip(.05) * 9)
    layers = [Layer("far", b.edge(b.y - .5 + .12 * ridge(b.x, .4, .3, 2.)), .9)]
    for side, depth, edge, top, slope in ((1, .45, .30, .26, .5), (-1, .35, .27, .20, .6), (1, 0., .17, .02, .55), (-1, 0., .13, -.02, .6)):
        x = b.x if side > 0 else 1 - b.x
        wall = np.minimum(edge - x, b.y - top + slope * (x - edge) * .4)
        layers.append(Layer("wall" if depth else "wallnear", b.edge(np.minimum(wall, shore + .05 - depth * .1 - b.y)), depth))
        layers.append(Layer("roof", b.edge(np.minimum(wall, top + .05 + slope * (edge - x) * .4 - b.y)) * (x < edge), depth))
        for row in range(3):
            at = top + .14 + .15 * row
            layers.append(Layer("lamp" if (row + side) % 2 else "pane", b.edge(np.minimum(.028 - np.abs(x - edge + .06), .04 - np.abs(b.y - at)))
                                * (at < shore - .06), depth * .6))
    layers += [Layer("mirror", road, 0, shore), Layer("stone", road * .55, 0, cobbles)]
    ux, uy = .5, .56
    u, v = b.x - ux, b.y - uy
    layers += [Layer("front", b.edge(np.minimum(.055 + .1 * (v - .05) - np.abs(u), np.minimum(v - .02, .27 - v)))),      # coat
               Layer("front", b.edge(.014 - np.abs(np.abs(u) - .028)) * (v > .2) * b.edge(.36 - v)),
               Layer("front", disc(b, ux, uy, .04)),
               Layer("front", b.edge(.006 - np.abs(u - .05)) * (v > -.14) * b.edge(.12 - v))]
    dome = np.minimum(.205 - np.hypot(u, v * 1.25 - .02), .02 - v - .022 * np.abs(np.sin(u * 31)))
    layers += [Layer("accent", b.edge(dome), 0, .72 + .5 * np.abs(np.cos(u / (.2 - v * .2) * 4)) - .6 * u)]
    layers += [Layer("iron", b.edge(.009 - np.abs(b.x - .80)) * (b.y > .30) * b.edge(.74 - b.y)),
               Layer("lamp", b.edge(np.minimum(.03 + .12 * (.3 - b.y) - np.abs(b.x - .8), .045 - np.abs(b.y - .27)))),
               Layer("iron", b.edge(np.minimum(.05 - np.abs(b.x - .8), .012 - np.abs(b.y - .22))))]
    return layers, [(.8, .27, .2), (.8, .8, .13), (.14, .4, .2)], []


def _window(b: Grid) -> tuple[list[Layer], list[tuple[float, float, float]], list[Layer]]:
    layers = [Layer("far", b.edge(b.y - .62 + .22 * ridge(b.x, .12, .3, .8)), .9),
              Layer("mid", b.edge(b.y - .66 + .08 * rolling(b.x, .5, 1.)), .5)]
    for x, y, r in ((.72, .38, .15), (.82, .45, .11), (.63, .46, .10), (.24, .56, .07), (.30, .58, .06)):
        layers.append(Layer("pine", smooth(-.02, .03, r - np.hypot(b.x - x, b.y - y)), .25, .75 + .5 * fbm(b.x * .9, b.y * .9)))
    layers.append(Layer("roof", b.edge(.016 - np.abs(b.x - .72)) * (b.y > .42) * b.edge(.7 - b.y), .2))
    layers.append(Layer("near", b.edge(b.y - .69 + .03 * rolling(b.x, .8, .8)), .1))
    beads = np.zeros_like(b.y)
    for j in range(26):                                  # drops that cling to the pane
        at_x, at_y, size = .1 + .8 * rnd(j, 21), .1 + .66 * rnd(j, 22), .007 + .010 * rnd(j, 23)
        beads = np.maximum(beads, b.edge(size - np.hypot(b.x - at_x, (b.y - at_y) * .8)))
    layers.append(Layer("bead", .6 * beads))
    across, down = b.x, b.y
    frame = np.maximum(np.maximum(b.edge(.075 - across), b.edge(across - .925)), np.maximum(b.edge(.07 - down), b.edge(down - .80)))
    frame = np.maximum(frame, np.maximum(b.edge(.022 - np.abs(across - .5)), b.edge(.02 - np.abs(down - .40))))
    front = [Layer("wood", frame, 0, .8 + .25 * fbm(across * .25, down * .25)), Layer("sill", b.edge(down - .86), 0, 1.05 - .4 * (down - .86) / .14)]
    for cx, sign in ((.0, 1), (1., -1)):                 # curtains
        fold = (across - cx) * sign
        front.append(Layer("accent", b.edge(.14 - .05 * np.cos(down * 3.2) - fold) * b.edge(.9 - down), 0, .72 + .3 * np.cos(fold * 95)))
    front += [Layer("pot", b.edge(np.minimum(.065 - .25 * (down - .80) - np.abs(across - .3), np.minimum(down - .80, .94 - down)))),
              Layer("pot", box(b, .222, .378, .775, .81), 0, 1.2)]
    for j in range(7):
        lean, h = (j - 3) * .045, .13 + .05 * rnd(j, 31).item()
        t = np.clip((.78 - down) / h, 0, 1)
        front.append(Layer("leaf", b.edge(.03 * np.sin(np.pi * t ** .8) - np.abs(across - .3 - lean * t * 1.6)), 0, .8 + .06 * j))
    return layers, [(.3, .55, .14), (.06, .9, .3)], front


def _pond(b: Grid) -> tuple[list[Layer], list[tuple[float, float, float]], list[Layer]]:
    layers = [Layer("deep", np.ones_like(b.y), 0, .8 + .45 * fbm(b.x * .35, b.y * .35))]
    bank = b.edge(.17 + .1 * rolling(b.x, .15, .8) - b.y)
    layers += [Layer("near", bank, .35, .7 + .6 * fbm(b.x * 1.2, b.y * 1.2))]
    for j in range(9):
        r = .05 + .03 * rnd(j, 41).item()
        x, y = .06 + .11 * j, .2 + .09 * float(rolling(np.float32(.11 * j), .15, .8))
        m = disc(b, x, y, r, 1.5)
        layers.append(Layer("stone", m, .2, .75 + .5 * smooth(r, -r, b.y - y)))
    pads = ((.20, .52, .12), (.36, .62, .09), (.76, .42, .10), (.84, .78, .15), (.62, .84, .08), (.10, .86, .10))
    for k, (x, y, r) in enumerate(pads):
        u, v = b.x - x, (b.y - y) * 1.35
        turn = np.arctan2(v, u) + 1.3 * k
        notch = np.abs((turn + np.pi) % (2 * np.pi) - np.pi)
        pad = b.edge(np.minimum(r - np.hypot(u, v), (notch - .22) * .09))
        layers += [Layer("shadow", .5 * b.edge(r - np.hypot(u - .015, v - .03))),
                   Layer("leaf", pad, 0, .85 + .22 * np.cos(turn * 9) * smooth(0, r, np.hypot(u, v)) + .1 * (k % 2))]
        if k != 1:
            petals = r * .52 * (.68 + .32 * np.abs(np.cos(turn * 4))) - np.hypot(u + .01, v + .02)
            layers += [Layer("accent", b.edge(petals), 0, .8 + 3.5 * np.hypot(u, v)), Layer("lamp", disc(b, x - .01, y - .015, .014))]
    return layers, [(.55, .5, .24), (.2, .5, .1)], []


_SCENES = (_lake, _street, _window, _pond)


def _streak(x0: float, y0: float, slant: float, long: float, wide: float) -> Shape:
    def inside(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        t = np.clip((y - y0) / long, 0, 1)
        return wide * (.55 + .45 * t) - np.hypot(x - x0 + slant * y, (y - y0 - t * long) * .9)
    return inside


def _ring(x0: float, y0: float, r: float, squash: float, wide: float) -> Shape:
    return lambda x, y: wide - np.abs(np.hypot(x - x0, (y - y0) * squash) - r)


def _runnel(x0: float, y0: float, tail: float) -> Shape:
    """A drop that runs down the pane, and its wet trace."""
    return lambda x, y: np.maximum(.0125 - np.hypot(x - x0, (y - y0) * .75),
                                   .006 - np.hypot(x - x0, np.maximum(np.abs(y - y0 + tail / 2) - tail / 2, 0)))


def _draw_rain(g: Grid, composition: int) -> States:
    """Streaks on slanted tracks, three a track; each state is a quarter of their distance further on."""
    states = States.empty(NUM_STATES, g.n)
    slant, num_tracks, apart = SLANT[composition], 42, .44
    for j in range(num_tracks):
        key, r = (j * .618 + .1 * composition) % 1, rnd(j, 60 + composition).item()
        long, wide, x0 = .05 + .13 * key + .05 * r, .0050 + .0030 * key, (j + .8 * r) / num_tracks * 1.3 - .15
        for s in range(NUM_STATES):
            for m in range(-1, 3):
                y0 = ((j * .382 + .2 * rnd(j, 70).item() + s / NUM_STATES) % 1 + m) * apart
                left, right = sorted((x0 - slant * y0, x0 - slant * (y0 + long)))
                states.stamp(s, g, (left - .01, right + .01, y0 - .01, y0 + long + .01), _streak(x0, y0, slant, long, wide), key, alpha=.45 + .4 * r)
    return states


def _leap(states: States, s: int, g: Grid, x0: float, y0: float, high: float, key: float) -> None:
    """A little cone of water with a bead above it."""
    def inside(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        u, v = np.abs(x - x0), (y0 - y) / high
        return np.maximum(np.minimum(.011 - .007 * v - u, high * np.minimum(v, 1.5 - v)), .0075 - np.hypot(u, y0 - 2.4 * high - y))
    states.stamp(s, g, (x0 - .02, x0 + .02, y0 - 3.2 * high, y0), inside, key, alpha=.9)


def _draw_rings(g: Grid, composition: int) -> States:
    """Rings on water and wet ground, each growing through the states; on the pane of the window, runnels instead."""
    states = States.empty(NUM_STATES, g.n)
    above, shore = composition == 3, SHORE[composition]
    for j in range(26 if above else 34):
        key, d = (j * .618) % 1, rnd(j, 81).item()
        x0, y0 = rnd(j, 82).item(), (.27 + .7 * d) if above else shore + .04 + (.96 - shore) * d ** .8
        big, squash = (.045 + .05 * rnd(j, 83).item(), 1.25) if above else (.026 + .07 * d, 2.5)
        for s in range(NUM_STATES):
            age = (s + j) % NUM_STATES / NUM_STATES
            if composition == 2:
                x0, y0, tail = .1 + .8 * (j + .5) / 34, .05 + (d + age * .25) * .68, .05 + .12 * key
                states.stamp(s, g, (x0 - .02, x0 + .02, y0 - tail - .01, y0 + .03), _runnel(x0, y0, tail), key, alpha=.75)
                continue
            r, wide = big * (.3 + .85 * age), .0065 if above else .006
            box = x0 - r - .01, x0 + r + .01, y0 - r - .01, y0 + r + .01
            states.stamp(s, g, box, _ring(x0, y0, r, squash, wide), key, alpha=.85 * (1 - .7 * age))
            if age == 0 and key > .3 and not above:      # a heavy drop leaps up from the middle of its ring
                _leap(states, s, g, x0, y0, high=.012 + .012 * d, key=key)
    return states


@lru_cache(maxsize=16)
def _layout(n: int, composition: int) -> Layout:
    """Everything that depends on the composition and the size alone."""
    b, g = Grid(2 * n), Grid(n)
    layers, lamps, front = _SCENES[composition](b)
    front = half_layers(front)

    wet = np.ones_like(g.y)                              # where rings may be seen: not before people and banks
    for layer in front if composition != 1 else half_layers([layer for layer in layers if layer.role == "front"]):
        wet = wet * (1 - layer.mask)
    light = sum(glow(g, x, y, r) for x, y, r in lamps)
    cloud, lit = billow(g.x * .35 + .23 * composition, g.y * .7 + .4)
    return Layout(half_layers(layers), light, (cloud, lit), front, _draw_rain(g, composition), rings=_draw_rings(g, composition), wet=wet)


def _palette(s: Scene) -> dict[str, np.ndarray]:
    """Colours by role: hour gives the light, hue the season (warm to cool), accent the main thing."""
    day = C(s.hour, "ffffff d8b4b4 4a5684")
    rows = {"far": "9a9a86 8aa09a 8294b0", "mid": "8c8458 5f8068 52709a", "pine": "7a5a2c 2f5a44 2c4a6c", "near": "7c7440 4c7048 3f6478",
            "wall": "a08c78 8a8a86 7c88a0", "wallnear": "6e5c50 5c5e60 505a74", "stone": "948a7c 868c8c 7886a0", "deep": "4c5a44 34605c 34587c",
            "shadow": "20241c 142424 141e34", "leaf": "8c9038 4c9048 3c8c78", "front": "34301e 1e3026 1e283c", "roof": "4a342c 3a3a3e 2e3850",
            "iron": "2c2a2c 24282c 222838", "wood": "8a6a4a 8a7a6a 74787e", "sill": "a88a68 a89a88 949aa4"}
    colours = {role: C(s.hue, row) * day for role, row in rows.items()}
    colours["accent"] = C(s.accent, "d83a30 e8a828 3aa860 2f78d0 b04cc0") * (.35 + .65 * day)
    colours["pot"] = C(1 - s.accent, "b85c3c a8763c 5c7ca0") * (.3 + .7 * day)
    colours["lamp"] = C(0, "ffd070") * (.25 + .75 * s.glow) + C(0, "303840") * (1 - s.glow)
    colours["pane"] = C(s.hour, "8a9aa4 6a6880 28304c")
    colours["haze"] = C(s.hour, "c8d4d6 c2b0b4 46527a") * C(s.hue, "fff6ea ffffff eef4ff")
    colours["bead"] = np.minimum(colours["haze"] * 1.3, 1)
    return colours


def _still(g: Grid, s: Scene, layout: Layout, composition: int, strong: bool) -> np.ndarray:
    """The picture without what falls; in strong rain the clouds are heavier and the distance is greyer."""
    colours = _palette(s)
    img = ramp(g.y / .62, [C(s.hour, "6c8896 5c5478 10162e"), C(s.hour, "98b0b8 9c8092 222c50"), C(s.hour, "ccd8d6 d8b0a0 3c486c")], [0, .55, 1])
    img *= C(s.hue, "fff4e4 ffffff e8f2ff")
    cloud, lit = layout.clouds
    cover = .95 * smooth(.62 - .6 * s.clouds, .95 - .6 * s.clouds, cloud - .35 * g.y + .15 * strong)
    over(img, C(s.hour, "5c686e 544c62 141a2e") * (.65 + .75 * lit), cover)
    compose(img, layout.layers, colours, min(s.haze + .3 * strong, 1))
    if composition == 3:                                 # the sky seen in the pond
        over(img, C(s.hour, "a8b8bc b08c98 28345c"), .4 * cover * smooth(.3, .5, g.y))
    over(img, colours["haze"], (.08 + .5 * s.haze + .12 * strong) * (smooth(.1, .55, g.y) * smooth(.95, .5, g.y)))
    night = .35 + .65 * s.hour
    img += C(0, "ff9a3c") * (layout.light * (.55 * s.glow * night))
    if composition == 2:                                 # the lamp of the room
        lamp = C(s.glow, "b0b4c0 fff0d0 ffdca0") * (.8 + .9 * s.glow * night)
        colours = {role: colour * lamp for role, colour in colours.items()}
    compose(img, layout.front, colours, 0)
    if strong:
        img *= .86
    return img


def paint(grid: Grid, scene: Scene) -> Callable[[float, float], np.ndarray]:
    """Paint the still layers of a rainy scene; give back frame(envelope, phase) -> float32 [3, n, n], about 0..1."""
    composition = scene.composition
    layout = _layout(grid.n, composition)
    calm = _still(grid, scene, layout, composition, False)
    change = _still(grid, scene, layout, composition, True) - calm
    drop = C(scene.hour, "f6fafc f4e6e6 b8c6ea")
    open_air = layout.wet if composition == 2 else 1     # no rain inside the room

    def frame(envelope: float, phase: float) -> np.ndarray:
        amount = .17 + 1.0 * envelope
        out = calm + change * np.float32(envelope)
        over(out, drop, (.85 * layout.wet) * layout.rings.seen(amount, phase))
        over(out, drop, (.8 * open_air) * layout.rain.seen(amount, phase, 8))
        return out
    return frame


def envelope(gait: Gait) -> Curve:
    """The hidden cause of a clip over time, about 0..1."""
    return gait.between(0.4, 0.6) + 0.27 * gait.sway(0.08, 0.45, 3)


SCENE = SceneKind(
    name="raining",
    paint=paint,
    sound=sound,
    envelope=envelope,
    wordings=(
        "raining", "rain", "rainfall", "rain shower", "rain over a lake", "drops of rain", "downpour", "raindrops", "rainy day",
        "rain in the village",
    ),
    steady=True,
)
