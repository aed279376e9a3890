"""Wind: an oak on a meadow, palms by the sea, a clothes line, poplars and a windsock.

What stands still and what bends is drawn once a size and composition. The strength bends trees, grass and cloth by pulling their picture
along a fixed field; leaves and lines of moving air are drawn in a few fixed states that the phase cross-fades.
"""
from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ..gait import Curve, Gait
from ..layers import Layer, Shape, States, box, compose, half_layers
from ..paint import C, Grid, dots, fbm, glow, over, pines, ramp, ridge, rnd, rolling, smooth
from ..scene import Scene, SceneKind
from ..sounds.wind import sound

NUM_STATES = 5
WAY = (1, -1, 1, -1)                                     # where the wind blows to: right or left
SHORE = (.66, .60, .62, .70)
SUN = ((.80, .20), (.24, .22), (.86, .14), (.50, .20))
REACH = (.20, .24, .30, .20)                             # how far the wind carries the top of a tree or the hem of a cloth


class Bending(NamedTuple):
    """What the wind bends: layers at twice the size, and how far each pixel is carried (x, y) by a push of one."""

    layers: list[Layer]
    along: np.ndarray
    down: np.ndarray


class Layout(NamedTuple):
    """All that a composition fixes."""

    clouds: np.ndarray
    still: list[Layer]
    bending: list[Bending]
    leaves: States
    lines: States


def _crown(b: Grid, x: float, y: float, wide: float, high: float, seed: int, count: int = 90) -> list[Layer]:
    """A leafy crown: dark discs behind, light ones towards the upper left."""
    layers, k = [], np.arange(count)
    r, turn = np.sqrt(rnd(k, seed)), 2 * np.pi * rnd(k, seed + 1)
    cx, cy = x + wide * r * np.cos(turn), y + high * r * np.sin(turn)
    for i, shade in enumerate((.66, .92, 1.22)):
        q = k[i * count // 3:(i + 1) * count // 3]
        size = wide * (.30 - .07 * i) * (.8 + .5 * rnd(q, 3))
        layers.append(Layer("leaf", dots(b, cx[q] - .10 * wide * i, cy[q] - .12 * high * i, size), 0, shade))
    return layers


def _trunk(b: Grid, x: float, foot: float, top: float, wide: float, lean: float = 0.) -> Layer:
    t = np.clip((foot - b.y) / (foot - top), 0, 1)
    axis = b.x - x - lean * t * t
    mask = b.edge(wide * (1 - .6 * t) + .6 * wide * np.exp(-t * 14) - np.abs(axis)) * b.edge(b.y - top) * b.edge(foot - b.y)
    return Layer("wood", mask, 0, 1 - 18 * axis)


def _up(g: Grid, foot: float, tall: float, power: float = 1.6) -> np.ndarray:
    """0 at the foot of a tree, 1 at its top."""
    return np.clip((foot - g.y) / tall, 0, 1.35) ** power


def _grass(b: Grid, g: Grid, base: float, high: float, seed: int, way: int) -> Bending:
    """Two rows of blades at the lower edge."""
    layers = []
    for row, (cols, tone) in enumerate(((46, 1.0), (30, .7))):
        foot, h = base + .06 * row - .04 * rolling(b.x, .3 * row + .1 * seed, .8), high * (1 + .35 * row)
        u = b.x * cols + .5 * row
        c = np.floor(u)
        t = np.maximum(foot - b.y, 0) / h / (.5 + .5 * rnd(c, seed + row))
        lean = .25 * (rnd(c, seed + 7) - .5)
        blade = b.edge((.46 * (1 - t) - np.abs(u - c - .5 - lean * t)) / cols)
        layers.append(Layer("grass", np.maximum(blade * (t < 1), b.edge(b.y - foot)), 0, tone * (.8 + .4 * smooth(0, 1, t))))
    up = np.clip((base + .05 - g.y) / high, 0, 1.3) ** 1.4
    return Bending(layers, way * .16 * up, .05 * up)


def _meadow(b: Grid, g: Grid) -> tuple[list[Layer], list[Bending]]:
    shore, (x, foot) = SHORE[0], (.34, .74)
    still = [Layer("far", b.edge(b.y - shore + .06 + .17 * ridge(b.x, .3, .3, .9)), .9)]
    for i in range(3):
        top = shore + .06 * i - (.07 + .02 * i) * rolling(b.x, .15 + .37 * i, .6 + .25 * i)
        still.append(Layer(f"hill{i}", b.edge(b.y - top), .5 - .22 * i, .85 + .3 * fbm(b.x * .6, b.y * 1.4)))
    tree = [_trunk(b, x, foot, .40, .024)]
    for lean, top in ((-.09, .40), (.10, .38)):
        t = np.clip((.58 - b.y) / (.58 - top), 0, 1)
        tree.append(Layer("wood", b.edge(.012 * (1.2 - .7 * t) - np.abs(b.x - x - lean * t)) * (b.y < .58) * (b.y > top), 0, .9))
    tree += _crown(b, x, .33, .17, .13, seed=5)
    up = _up(g, foot, .45)
    return still, [Bending(tree, up, .30 * up), _grass(b, g, .90, .10, 3, way=1)]


def _palm(b: Grid, x: float, foot: float, top: float, size: float) -> list[Layer]:
    """A palm: fronds all around its head, each an arc that hangs at its end."""
    layers = [_trunk(b, x, foot, top, .019, lean=-.02)]
    x = x - .02
    for k, (turn, shade) in enumerate(((.05, .6), (.5, .7), (.95, .8), (.28, 1.05), (.72, 1.0), (-.12, .75), (1.12, .85), (.40, 1.2), (.62, 1.15))):
        dx, dy = np.cos(np.pi * turn), -np.sin(np.pi * turn)
        t = ((b.x - x) * np.sign(dx) / (size * max(abs(dx), .25))).clip(-.1, 1.2)
        arc = top + size * (dy * .75 * t + (.35 + .45 * abs(dx)) * t * t)
        comb = .75 + .25 * np.cos(t * 60)
        blade = size * .17 * np.sin(np.pi * np.clip(t, 0, 1) ** .7) * comb - np.abs(b.y - arc)
        layers.append(Layer("leaf", b.edge(blade) * (t > 0) * (t < 1), 0, shade + .02 * k))
    return layers + [Layer("wood", dots(b, np.array([x - .012, x + .014, x]), np.array([top + .018, top + .02, top + .03]), .014), 0, 1.2)]


def _palms(b: Grid, g: Grid) -> tuple[list[Layer], list[Bending]]:
    shore = SHORE[1]
    still = [Layer("far", b.edge(b.y - shore + .10 * ridge(b.x, .65, .4, .8) * smooth(.6, .1, b.x)), .8),
             Layer("sea", b.edge(b.y - shore), 0, 1.15 - .9 * (b.y - shore))]
    for j in range(16):                                  # white horses
        x, d = rnd(j, 31).item(), rnd(j, 32).item()
        y, w = shore + .02 + .15 * d, .02 + .05 * d
        still.append(Layer("white", b.edge(np.minimum(.005 + .004 * d - np.abs(b.y - y + .3 * np.abs(b.x - x) * .3), w - np.abs(b.x - x))), .3))
    beach = .80 - .07 * b.x + .012 * np.sin(9 * b.x)
    still += [Layer("white", .8 * b.edge(.008 - np.abs(b.y - beach + .004))), Layer("sand", b.edge(b.y - beach), 0, .85 + .3 * fbm(b.x, b.y * 2))]
    up = _up(g, .90, .60, 1.8)
    tall = Bending(_palm(b, .72, .90, .30, .23), -up, .32 * up)
    up = _up(g, .86, .38, 1.8)
    return still, [Bending(_palm(b, .46, .86, .50, .16), -.7 * up, .25 * up), tall, _grass(b, g, .97, .09, 13, way=-1)]


def _laundry(b: Grid, g: Grid) -> tuple[list[Layer], list[Bending]]:
    shore, line = SHORE[2], .26
    still = [Layer("far", b.edge(b.y - shore + .05 + .13 * rolling(b.x, .7, .9)), .85),
             Layer("hill2", pines(b, shore + .03, 14, .10, .3) * smooth(.5, .55, b.x), .35, .7),
             Layer("hill1", b.edge(b.y - shore + .04 * rolling(b.x, .2, .8)), .25, .85 + .3 * fbm(b.x, b.y * 2))]
    x, y = b.x - .24, b.y - shore                        # a cottage behind
    still += [Layer("white", b.edge(np.minimum(.09 - np.abs(x), np.minimum(y + .11, .03 - y))), .25, .9),
              Layer("roof", b.edge(np.minimum(y + .2 - np.abs(x) * .8, -.09 - y)) * b.edge(.12 - np.abs(x)), .25),
              Layer("wood", b.edge(np.minimum(.018 - np.abs(x + .03), np.minimum(y + .05, .03 - y))), .25),
              Layer("hill2", b.edge(b.y - .84 + .03 * rolling(b.x, .5, .7)), 0, .8 + .4 * fbm(b.x * 1.4, b.y * 2))]
    sag = line + .03 - .12 * (b.x - .5) ** 2
    still += [Layer("wood", box(b, x0 - .014, x0 + .014, line - .05, .90)) for x0 in (.05, .95)]
    still += [Layer("wood", box(b, x0 - .06, x0 + .06, line - .035, line - .015)) for x0 in (.05, .95)]
    still.append(Layer("white", b.edge(.005 - np.abs(b.y - sag)) * (b.x > .05) * (b.x < .95)))
    cloths = []
    v = b.y - sag
    for x0, wide, high, role in ((.20, .085, .32, "white"), (.41, .075, .22, "accent"), (.60, .06, .28, "towel"), (.79, .075, .25, "accent2")):
        u = b.x - x0
        part = np.minimum(np.minimum(wide - np.abs(u), v + .008), high - v)
        if role == "accent":                             # a shirt has sleeves, trousers have legs
            part = np.maximum(np.minimum(part, .055 - np.abs(u)), np.minimum(.03 - np.abs(v - .03 - .4 * (np.abs(u) - .04)), .095 - np.abs(u)))
        if role == "accent2":
            part = np.minimum(part, np.maximum(np.abs(u) - .008, .07 - v))
        stripes = .72 + .28 * (np.sin(v * 110) > -.2) if role == "towel" else 1.0
        cloths.append(Layer(role, b.edge(part), 0, stripes * (1.03 - .14 * np.cos(u * 75 + 1))))
        cloths.append(Layer("wood", b.edge(.006 - np.abs(np.abs(u) - .045)) * b.edge(.016 - np.abs(v))))
    hang = np.clip((g.y - line) / .32, 0, 1.3)
    return still, [Bending(cloths, hang ** 1.25, -.50 * hang ** 1.3), _grass(b, g, .93, .10, 23, way=1)]


def _poplars(b: Grid, g: Grid) -> tuple[list[Layer], list[Bending]]:
    shore = SHORE[3]
    still = [Layer("far", b.edge(b.y - shore + .04 + .25 * ridge(b.x, .1, .5, .7)), .95),
             Layer("hill0", b.edge(b.y - shore + .06 * rolling(b.x, .9, .8)), .5, .85 + .3 * fbm(b.x, b.y * 2))]
    path = b.edge(.02 + .30 * (b.y - shore) - np.abs(b.x - .50 - .10 * np.sin((b.y - shore) * 11)))
    still += [Layer("hill1", b.edge(b.y - shore - .04 + .03 * rolling(b.x, .4, .9)), .2, .8 + .4 * fbm(b.x, b.y * 2)),
              Layer("sand", path * (b.y > shore + .03), .1), Layer("white", box(b, .293, .307, .36, .88), 0, .8)]
    bending = []
    for x, foot, top, wide in ((.60, .76, .36, .040), (.75, .80, .24, .052), (.91, .85, .10, .064)):
        v = np.clip((foot - .05 - b.y) / (foot - .05 - top), -.1, 1.1)
        ragged = 1 + .35 * (fbm(b.x * 2.4 + x, b.y * 2.4) - .5)
        body = wide * 1.25 * np.sqrt(np.clip(v * 5, 0, 1)) * (1 - v).clip(0) ** .55 * ragged - np.abs(b.x - x)
        lit = np.clip(1.0 - 7 * (b.x - x), .6, 1.4) * (.7 + .6 * fbm(b.x * 1.8, b.y * 1.1))
        up = _up(g, foot, foot - top)
        bending.append(Bending([_trunk(b, x, foot, foot - .12, .014), Layer("leaf", b.edge(body) * (v > 0) * (v < 1), 0, lit)], -up, .20 * up))
    merged = Bending([layer for tree in bending for layer in tree.layers], bending[2].along * (.75 + .25 * smooth(.5, .9, g.x)), bending[2].down)
    u, v = b.x - .30, b.y - .36                          # a windsock: it hangs in calm air and stands out in the wind
    sock = np.minimum(.030 - .035 * v - np.abs(u), np.minimum(v, .25 - v))
    rings = Layer("white", b.edge(sock) * (np.floor(v / .05) % 2), 0, 1 - 8 * u)
    return still, [merged, Bending([Layer("accent", b.edge(sock), 0, 1 - 8 * u), rings], np.zeros_like(g.y), np.zeros_like(g.y)),
                   _grass(b, g, .95, .10, 33, way=-1)]


_SCENES = (_meadow, _palms, _laundry, _poplars)


def _leaf(x0: float, y0: float, size: float, turn: float) -> Shape:
    c, s = np.cos(turn), np.sin(turn)

    def inside(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        u, v = (x - x0) * c + (y - y0) * s, (y - y0) * c - (x - x0) * s
        return size * .48 * (1 - (u / size) ** 2) - np.abs(v)
    return inside


def _draw_leaves(g: Grid, composition: int) -> States:
    """Leaves on wavy tracks along the wind, three a track; each state is a fifth of their distance further on and turned."""
    states, way = States.empty(NUM_STATES, g.n), WAY[composition]
    for j in range(15):
        key, r = .10 + .85 * ((j * .618 + .2 * composition) % 1), rnd(j, 40 + composition).item()
        for s in range(NUM_STATES):
            for m in range(4):
                t = ((j * .382 + s / NUM_STATES) % 1 + m) * .36 - .15
                x, size = t if way > 0 else 1 - t, .013 + .009 * r
                y = .10 + .80 * (j + .5 * r) / 15 + .025 * np.sin(t * 9 + j) - .05 * t
                turn = .6 * np.sin(2 * np.pi * s / NUM_STATES + j + m) + .4
                states.stamp(s, g, (x - size, x + size, y - size, y + size), _leaf(x, y, size, turn), key)
    return states


def _air(x0: float, y0: float, long: float, wave: float) -> Shape:
    """A pale line of moving air, thin at both ends."""
    def inside(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        u = (x - x0) / long
        return .0062 * np.maximum(np.sin(np.pi * np.clip(u, 0, 1)), 0) ** .6 - np.abs(y - y0 - .016 * np.sin(6 * u + wave)) - 9 * ((u < 0) | (u > 1))
    return inside


def _draw_lines(g: Grid, composition: int) -> States:
    states, way = States.empty(NUM_STATES, g.n), WAY[composition]
    for j in range(7):
        key, y = .15 + .10 * j % .62, .08 + .115 * ((j * 3) % 7) + .03 * rnd(j, 50 + composition).item()
        for s in range(NUM_STATES):
            for m in (0, 1):
                t, long = ((j * .39 + s / NUM_STATES) % 1 + m) * .75 - .3, .24 + .10 * rnd(j, 51).item()
                x = t if way > 0 else 1 - t - long
                states.stamp(s, g, (x, x + long, y - .03, y + .03), _air(x, y, long, 2. * j), key, alpha=.85)
    return states


@lru_cache(maxsize=16)
def _layout(n: int, composition: int) -> Layout:
    """Everything that depends on the composition and the size alone."""
    b, g = Grid(2 * n), Grid(n)
    still, bending = _SCENES[composition](b, g)
    clouds = fbm(g.x * .33 + .29 * composition, g.y * 1.15 + .3 * composition)
    return Layout(clouds, half_layers(still), bending, _draw_leaves(g, composition), _draw_lines(g, composition))


def _palette(s: Scene) -> dict[str, np.ndarray]:
    """Colours by role: hour gives the light, hue the season (autumn, summer, cool spring), accent the leaves and the cloth."""
    day = C(s.hour, "ffffff f0bca4 50609c")
    rows = {"far": "9c90a0 84a8c4 88a0d0", "hill0": "d0b468 a4c878 94c8a0", "hill1": "bc9848 7cb45c 6cb084", "hill2": "9c7838 5c9a4c 4c9470",
            "grass": "94803c 4c9040 409068", "sea": "4c90a0 3c98c0 4c84cc", "sand": "dcc08c e4d0a4 d8ccb8", "wood": "5c4030 544436 484450",
            "white": "fcf4e8 fcfaf4 f0f4fc", "roof": "9c4c38 8c5448 64587c"}
    colours = {role: C(s.hue, row) * day for role, row in rows.items()}
    light = .15 + .85 * day
    colours["leaf"] = (.25 * C(s.hue, "d08830 4c9440 489878") + .75 * C(s.accent, "c8402c e0982c 7ca038 2f8c48 2c8878")) * light
    colours["accent"] = C(s.accent, "d8382c e8a020 38a058 2f74d0 a844c0") * light
    colours["accent2"] = C(1 - s.accent, "d8382c e8a020 38a058 2f74d0 a844c0") * .8 * light
    colours["towel"] = C(s.hue, "e8c060 f0d8a0 90c8e0") * light
    colours["flying"] = C(s.accent, "b83420 d08020 a09028 6c9030 3c8868") * (.62 + .38 * day)
    colours["haze"] = C(s.hour, "dcecf0 f0d0c0 505f94")
    return colours


def _background(g: Grid, s: Scene, layout: Layout, colours: dict[str, np.ndarray]) -> np.ndarray:
    """Sky, sun or moon, clouds and the land that stands still."""
    shore, (x, y) = SHORE[s.composition], SUN[s.composition]
    img = ramp(g.y / shore, [C(s.hour, "3484cc 5458a4 0c1434"), C(s.hour, "84c0e8 c88c9c 1c2a58"), C(s.hour, "dceef0 fcd0a0 44548c")], [0, .6, 1])
    img *= C(s.hue, "fff2e4 ffffff ecf4ff")
    sun = C(s.hour, "fff4cc ffd890 e8ecff")
    img += sun * ((.05 + .45 * s.glow) * (1 - .5 * s.clouds) * glow(g, x, y, .24))
    cover = smooth(.70 - .45 * s.clouds, .84 - .40 * s.clouds, layout.clouds)
    cloud = C(s.hour, "fcfcfc f4d4cc 4c5a8c") * (1.02 - .30 * s.clouds)
    over(img, cloud * (.86 + .3 * layout.clouds), cover * (.45 + .5 * s.clouds) * smooth(shore + .05, shore - .3, g.y))
    bright = (.70 + .30 * s.glow) * (1 - .6 * s.clouds)
    over(img, np.minimum(sun * 1.1, 1), g.edge(.035 + .035 * s.glow - np.hypot(g.x - x, g.y - y)) * bright)
    over(img, colours["haze"], (.10 + .75 * s.haze) * smooth(shore - .3, shore, g.y))
    compose(img, layout.still, colours, s.haze)
    img += sun * (.18 * s.glow * (1 - .6 * s.clouds) * smooth(shore, shore + .05, g.y) * glow(g, x, shore, .42))
    return over(img, colours["haze"], .40 * s.haze * smooth(.95, .55, g.y) * smooth(.2, .6, g.y))


def _cut(bending: Bending, colours: dict[str, np.ndarray], n: int) -> np.ndarray:
    """The bending things as a picture and its opacity, premultiplied, [4, 2n, 2n]."""
    out = np.zeros((4, 2 * n, 2 * n), np.float32)
    for role, mask, _, shade in bending.layers:
        out[:3] += (np.minimum(colours[role] * shade, 1) - out[:3]) * mask
        out[3] += (1 - out[3]) * mask
    return out


def _sample(source: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The picture at other places, straight-line interpolated."""
    m = source.shape[-1]
    u, v = np.clip(x * m - .5, 0, m - 1.01), np.clip(y * m - .5, 0, m - 1.01)
    iu, iv = u.astype(np.int32), v.astype(np.int32)
    u, v, k, flat = u - iu, v - iv, iv * m + iu, source.reshape(4, -1)
    top = flat[:, k] * (1 - u) + flat[:, k + 1] * u
    return top * (1 - v) + (flat[:, k + m] * (1 - u) + flat[:, k + m + 1] * u) * v


def _windows(g: Grid, bending: list[Bending], cuts: list[np.ndarray], composition: int) -> list[tuple[slice, slice]]:
    """The rows and columns that each bending thing can ever touch."""
    found = []
    for cut in cuts:
        rows, columns = (np.flatnonzero(cut[3].any(axis)) / (2 * g.n) for axis in (1, 0))
        left, right = columns.min() - (.36 if WAY[composition] < 0 else .06), columns.max() + (.36 if WAY[composition] > 0 else .06)
        top = rows.min() - .05
        found.append((slice(max(int(top * g.n), 0), min(int((rows.max() + .13) * g.n) + 1, g.n)),
                      slice(max(int(left * g.n), 0), min(int(right * g.n) + 1, g.n))))
    return found


def _sock_places(x: np.ndarray, y: np.ndarray, e: float, phase: float) -> tuple[np.ndarray, np.ndarray]:
    """Where the hanging windsock is found when the wind turns it towards the left about its ring and lets its end flutter."""
    u, v = x - .30, y - .36
    turn = np.pi / 2 * (.06 + .94 * e)
    along, across = v * np.cos(turn) - u * np.sin(turn), u * np.cos(turn) + v * np.sin(turn)
    across = across + (.004 + .018 * e) * np.clip(along / .25, 0, 1) * np.sin(2 * np.pi * phase - 9 * along)
    return .30 + across, .36 + along


def paint(grid: Grid, scene: Scene) -> Callable[[float, float], np.ndarray]:
    """Paint the still layers of a windy scene; give back frame(envelope, phase) -> float32 [3, n, n], about 0..1."""
    c = scene.composition
    layout, colours = _layout(grid.n, c), _palette(scene)
    background = _background(grid, scene, layout, colours)
    cuts = [_cut(bending, colours, grid.n) for bending in layout.bending]
    windows = _windows(grid, layout.bending, cuts, c)
    last = len(cuts) - 1

    def frame(envelope: float, phase: float) -> np.ndarray:
        out = background.copy()
        turn = 2 * np.pi * phase
        for k, (bending, cut, (rows, columns)) in enumerate(zip(layout.bending, cuts, windows, strict=True)):
            x, y = grid.x[rows, columns], grid.y[rows, columns]
            if c == 3 and k == 1:
                places = _sock_places(x, y, envelope, phase)
            else:
                ripple = np.sin(turn + 1.5 * k - WAY[c] * 5 * x[0]).astype(np.float32) * np.float32(.04 + .10 * envelope)
                push = (np.float32(.02 + .98 * envelope) + ripple) * np.float32(1 if k == last else REACH[c])
                places = x - push * bending.along[rows, columns], y - push * bending.down[rows, columns]
            part = _sample(cut, *places)
            target = out[:, rows, columns]
            target *= 1 - part[3]
            target += part[:3]
        over(out, np.float32(1), (.25 + .45 * (1 - scene.hour)) * layout.lines.seen(1.05 * envelope, phase, 4))
        return over(out, colours["flying"], layout.leaves.seen(.04 + 1.05 * envelope, phase))
    return frame


def envelope(gait: Gait) -> Curve:
    """The hidden cause of a clip over time, about 0..1."""
    return gait.between(0.4, 0.55) + 0.25 * gait.sway(0.15, 0.8) + 0.05 * gait.sway(1.2, 2.5)


SCENE = SceneKind(
    name="wind noise",
    paint=paint,
    sound=sound,
    envelope=envelope,
    wordings=(
        "wind noise", "wind", "wind over the meadow", "gusts in the grass", "gale", "breeze in the trees", "windy field",
        "trees bending in the wind", "leaves blown by the wind", "breeze",
    ),
    steady=True,
)
