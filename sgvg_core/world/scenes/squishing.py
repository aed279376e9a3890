"""Squishing water: boots tread mud puddles on a marsh, close by, seen from above, and on a path in the wood.

What stands still is drawn once a size and composition. The strength presses a boot down into the mud; rings and flying mud are drawn in a few
fixed states that the phase cross-fades.
"""
from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ..gait import Curve, Gait
from ..layers import Layer, Shape, States, compose, disc, half_layers
from ..paint import C, Grid, fbm, glow, over, pines, ramp, ridge, rnd, rolling, smooth
from ..scene import Scene, SceneKind
from ..sounds.squishing import sound

NUM_STATES = 5
SHORE = (.34, .16, -.2, .40)
SUN = ((.76, .13), (.20, .07), (.5, -.3), (.56, .12))


class Boot(NamedTuple):
    """A boot: where its sole is when pressed down, its size, which way its toe points, how far it is lifted in calm, its paint."""

    x: float
    y: float
    size: float
    way: int
    lift: float
    role: str = "accent"


class Puddle(NamedTuple):
    """A puddle: centre, half width, how flat it lies, where (x, y) and how widely the treading boot stirs it."""

    x: float
    y: float
    wide: float
    flat: float
    at: tuple[float, float]
    stir: float


BOOTS = (
    (Boot(.30, .735, .95, 1, 0.), Boot(.50, .80, 1.0, 1, .17)),
    (Boot(.46, .80, 1.9, -1, .26),),
    (Boot(.36, .44, 1.5, 1, 0.), Boot(.60, .50, 1.5, -1, .10)),
    (Boot(.33, .70, .52, 1, 0., role="accent2"), Boot(.41, .73, .52, 1, .08, role="accent2"),
     Boot(.61, .76, .85, -1, 0.), Boot(.76, .82, .9, -1, .15)),
)
PUDDLES = (
    (Puddle(.50, .80, .40, 2.5, (.54, .80), stir=.36),),
    (Puddle(.44, .82, .50, 2.3, (.38, .80), stir=.50),),
    (Puddle(.58, .46, .34, 1.1, (.60, .47), stir=.34),),
    (Puddle(.70, .83, .29, 2.6, (.73, .82), stir=.28), Puddle(.38, .735, .17, 2.9, (.43, .73), stir=.16)),
)


class Layout(NamedTuple):
    """All that a composition fixes."""

    clouds: np.ndarray
    back: list[Layer]
    pools: np.ndarray
    rims: np.ndarray
    front: list[Layer]
    rings: States
    mud: States


def _reeds(b: Grid, count: int, seed: int, left: float, right: float) -> list[Layer]:
    """Reeds and bulrushes at both sides of the lower edge."""
    blades, heads = np.zeros_like(b.y), np.zeros_like(b.y)
    for j in range(count):
        side, high = 1 - 2 * (j % 2), .20 + .28 * rnd(j, seed + 6).item()
        t = np.clip((1.02 - b.y) / high, 0, 1.2)
        edge = j % 2 + side * (left if side > 0 else right) * rnd(j, seed).item()
        axis = np.abs(b.x - edge - (.09 * (rnd(j, seed + 7).item() - .5) + .03 * side) * t * t)
        blades = np.maximum(blades, b.edge(.009 * (1.15 - t) - axis) * (t < 1))
        if j % 3 == 0:
            heads = np.maximum(heads, b.edge(.013 - axis) * (t > .74) * (t < .99))
    return [Layer("reed", blades), Layer("wood", heads)]


def _mud(b: Grid, top: np.ndarray | float, seed: float) -> Layer:
    """Lumpy mud below a line, wet in places."""
    lump = fbm(b.x * .6 + seed, b.y * 1.5 + seed)
    wet = smooth(.56, .66, fbm(b.x * .5 + .3 + seed, b.y * 2.4))
    return Layer("mud", b.edge(b.y - top), 0, .62 + .62 * lump + .22 * wet)


def _marsh(b: Grid) -> tuple[list[Layer], list[Layer]]:
    shore = SHORE[0]
    back = [Layer("far", b.edge(b.y - shore + .03 + .12 * ridge(b.x, .5, .3, 1.)), .9), Layer("pine", pines(b, shore, 17, .11, .3), .55),
            Layer("grass", b.edge(b.y - shore + .02 * rolling(b.x, .4, 1.2)), .4), _mud(b, shore + .05 - .02 * rolling(b.x, .7, 1.), .1)]
    for x, y, w in ((.14, .46, .10), (.80, .43, .13), (.52, .50, .08), (.90, .60, .12)):
        back.append(Layer("pool", b.edge((1 - np.hypot((b.x - x) / w, (b.y - y) / (w * .17)) - .5 * (fbm(b.x, b.y * 2) - .5)) * w * .2), .1))
    return back, _reeds(b, 26, 5, .19, .17)


def _close(b: Grid) -> tuple[list[Layer], list[Layer]]:
    shore = SHORE[1]
    meadow = b.edge(b.y - shore - .07 - .02 * rolling(b.x, .6, 1.3))
    back = [Layer("far", b.edge(b.y - shore + .05 * rolling(b.x, .2, 1.)), .8), Layer("grass", meadow, .4, .8 + .4 * fbm(b.x * 1.5, b.y * 2))]
    for x in (.11, .42, .73, 1.02):                      # a fence
        back.append(Layer("wood", b.edge(np.minimum(.018 - np.abs(b.x - x), np.minimum(b.y - .10, .40 - b.y))), .25))
    back += [Layer("wood", b.edge(.013 - np.abs(b.y - y - .012 * np.sin(b.x * 5))), .25, 1.1) for y in (.17, .27)]
    back.append(_mud(b, .36 + .05 * rolling(b.x, .1, 1.), .4))
    for j in range(16):                                  # pebbles
        x, y, r = rnd(j, 31).item(), .45 + .5 * rnd(j, 32).item(), .010 + .018 * rnd(j, 33).item()
        back.append(Layer("stone", disc(b, x, y, r, 1.4), 0, .75 + .5 * smooth(r, -r, b.y - y)))
    return back, _reeds(b, 14, 41, .10, .14)


def _above(b: Grid) -> tuple[list[Layer], list[Layer]]:
    back = [_mud(b, -1., .7)]
    side = np.minimum(b.x, 1 - b.x) + .06 * np.sin(b.y * 7) * np.sign(b.x - .5) + .10 * (fbm(b.x * .8, b.y * .8) - .5)
    back.append(Layer("grass", smooth(.135, .11, side), 0, .65 + .7 * fbm(b.x * 2.5, b.y * 2.5)))
    for j in range(4):                                   # footprints that lead here
        x, y = .42 + .12 * (j % 2) + .01 * j, 1.02 - .085 * j
        print_ = np.maximum(.05 - np.hypot((b.x - x) * 1.4, b.y - y), .034 - np.hypot((b.x - x) * 1.2, b.y - y - .075))
        back += [Layer("mud", b.edge(print_ + .008), 0, 1.35), Layer("mud", b.edge(print_), 0, .48 + .15 * np.sign(np.sin(b.y * 190)))]
    front = []
    for x, y, turn in ((.90, .18, .4), (.80, .90, 2.2), (.10, .66, 4.)):
        c, s = np.cos(turn), np.sin(turn)
        u, v = (b.x - x) * c + (b.y - y) * s, (b.y - y) * c - (b.x - x) * s
        front += [Layer("dark", .4 * b.edge(.032 * (1 - (u / .085) ** 2) - np.abs(v - .012))),
                  Layer("leaf", b.edge(.034 * (1 - (u / .085) ** 2) - np.abs(v)), 0, 1.05 - .3 * (np.abs(v) < .004) + 4 * v)]
    return back, front


def _path(b: Grid) -> tuple[list[Layer], list[Layer]]:
    shore = SHORE[3]
    back = [Layer("far", b.edge(b.y - shore + .06 + .12 * ridge(b.x, .9, .3, 1.)), .95), Layer("pine", pines(b, shore + .02, 12, .22, .7), .6),
            Layer("grass", b.edge(b.y - shore), .3, .75 + .5 * fbm(b.x * 1.4, b.y * 2.4))]
    for x, w in ((.06, .050), (.93, .062), (.24, .028), (.80, .024)):                  # trunks of the wood
        bark = .75 + .5 * fbm(b.x * 2.4, b.y * .3) - 5 * (b.x - x)
        near = w > .04
        trunk = w + .6 * w * np.exp((b.y - .60) * 16).clip(0, 2) * near - np.abs(b.x - x)
        back.append(Layer("wood", b.edge(np.minimum(trunk, (.66 if near else .46) - b.y)), .05 if near else .45, bark))
    down = (b.y - shore).clip(0)
    track = b.edge(.018 + 1.3 * down ** 1.6 - np.abs(b.x - .50 - .12 * np.sin(down * 8)))
    mud = _mud(b, shore, .2)
    back.append(Layer("mud", track * mud.mask, .05, mud.shade))
    hem = .10 + .09 * fbm(b.x * .8, .3 + 0 * b.y) + .10 * np.abs(b.x - .5) - .08 * (fbm(b.x * 2, b.y * 2) - .5)
    crowns = Layer("pine", smooth(-.02, .02, hem - b.y), 0, .9)
    ferns = np.zeros_like(b.y)
    for j in range(14):
        x0, turn = (.08 if j % 2 else .93), np.pi * (.12 + .76 * (j // 2 + .5) / 7)
        dx, dy = np.cos(turn), np.sin(turn)
        u, v = (b.x - x0) * dx - (b.y - 1.03) * dy, (b.x - x0) * dy + (b.y - 1.03) * dx
        t = np.clip(u / .24, 0, 1)
        frond = (.022 * (1 - t) + .004) * (.45 + .55 * np.abs(np.sin(t * 22))) - np.abs(v - .10 * dx * t * t)
        ferns = np.maximum(ferns, b.edge(frond) * (t > 0) * (t < 1))
    return back, [crowns, Layer("reed", ferns, 0, 1.2)]


_SCENES = (_marsh, _close, _above, _path)


def _puddle_shape(b: Grid, p: Puddle, grow: float) -> np.ndarray:
    """Signed distance (about) to a puddle's ragged shore."""
    far = np.hypot((b.x - p.x) / p.wide, (b.y - p.y) * p.flat / p.wide)
    return (1 + grow - far - .45 * (fbm(b.x * .5 + p.x, b.y * .9 + p.y) - .5)) * p.wide / np.sqrt(p.flat)


def _ring(x0: float, y0: float, r: float, flat: float, wide: float) -> Shape:
    return lambda x, y: (wide - np.abs(np.hypot(x - x0, (y - y0) * flat) - r)) * .8


def _draw_rings(g: Grid, composition: int) -> States:
    """Rings that widen from where the boot treads; the wide ones are seen only when it treads hard."""
    states = States.empty(NUM_STATES, g.n)
    for p in PUDDLES[composition]:
        for s in range(NUM_STATES):
            for m in range(4):
                age = (m + s / NUM_STATES) / 4
                r = p.stir * (.26 + .80 * age)
                box = (p.at[0] - r - .02, p.at[0] + r + .02, p.at[1] - r, p.at[1] + r)
                states.stamp(s, g, box, _ring(*p.at, r, p.flat, .006 + .012 * p.stir), .10 + .62 * age, alpha=1 - .65 * age)
    return states


def _blob(x0: float, y0: float, r: float, dx: float, dy: float) -> Shape:
    """A blob of mud with a tail towards where it came from."""
    def inside(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        u, v = (x - x0) * dx + (y - y0) * dy, (y - y0) * dx - (x - x0) * dy
        return r * np.clip(1 + .45 * np.minimum(u, 0) / r, .2, 1) - np.hypot(np.maximum(u, 0) + np.minimum(u + 1.6 * r, 0), v)
    return inside


def _draw_mud(g: Grid, composition: int) -> States:
    """Mud that flies from under the boot, two blobs a track; each state is a fifth of their distance further out."""
    states, above = States.empty(NUM_STATES, g.n), composition == 2
    for k, p in enumerate(PUDDLES[composition]):
        for j in range(20):
            turn = np.pi * ((2 * j / 20) if above else .07 + .86 * (j + .5) / 20)
            key, throw = rnd(j, 51 + k).item(), p.stir * (1.0 + .55 * rnd(j, 53 + k).item())
            for s in range(NUM_STATES):
                for m in (0, 1):
                    t = ((j * .382 + s / NUM_STATES) % 1 + m) / 2
                    dx, dy = np.cos(turn), -np.sin(turn)
                    x = p.at[0] + throw * dx * (.28 + .85 * t)
                    y = p.at[1] + throw * dy * (.28 + .85 * t) if above else p.at[1] - .02 + throw * (1.9 * dy * t + (.55 - 1.3 * dy) * t * t)
                    fall = 0 if above else (.55 - 1.3 * dy) * 2 * t
                    speed = np.hypot(dx, dy + fall)
                    r = (.008 + .012 * p.stir + .010 * rnd(j, 55).item()) * (1 - .35 * t)
                    area = (x - 2 * r, x + 2 * r, y - 2 * r, y + 2 * r)
                    states.stamp(s, g, area, _blob(x, y, r, dx / speed, (dy + fall) / speed), .22 + .45 * t + .25 * key, alpha=min(1., 6 * (1 - t)))
    return states


@lru_cache(maxsize=16)
def _layout(n: int, composition: int) -> Layout:
    """Everything that depends on the composition and the size alone."""
    b, g = Grid(2 * n), Grid(n)
    back, front = (half_layers(layers) for layers in _SCENES[composition](b))
    shapes = [_puddle_shape(g, p, 0) for p in PUDDLES[composition]]
    pools = np.maximum.reduce([g.edge(shape) for shape in shapes])
    rims = np.maximum.reduce([smooth(-.035, -.005, shape) for shape in shapes])
    clouds = fbm(g.x * .35 + .23 * composition, g.y * 1.2 + .3 * composition)
    return Layout(clouds, back, pools, rims, front, rings=_draw_rings(g, composition), mud=_draw_mud(g, composition))


def _palette(s: Scene) -> dict[str, np.ndarray]:
    """Colours by role: hour gives the light, hue the mud and the season (warm to cool), accent the boots."""
    day = C(s.hour, "ffffff f0bca4 50609c")
    rows = {"far": "a89c88 8ca49c 8ca0c0", "pine": "6c5c34 3c6048 3c607c", "grass": "a08c48 749450 64907c", "mud": "9c6438 7c5c40 6c6468",
            "wood": "6c4830 5c483c 504c54", "stone": "a49484 94948c 8c94a4", "reed": "6c6430 4c6c34 386c58",
            "leaf": "d08030 b89c38 70a050", "dark": "28201c 20241c 1c2430",
            "sole": "382c24 2c2c2c 28303c"}
    colours = {role: C(s.hue, row) * day for role, row in rows.items()}
    colours["accent"] = C(s.accent, "d83828 f0b020 3ca060 2f74c8 a848b0") * (.25 + .75 * day)
    colours["accent2"] = C(1 - s.accent, "d83828 f0b020 3ca060 2f74c8 a848b0") * (.25 + .75 * day)
    colours["haze"] = C(s.hour, "dce8e8 f0d0c0 505f94")
    colours["pool"] = C(s.hour, "b8ccd0 d8a8a0 3c4c84") * (1.04 - .25 * s.clouds)
    return colours


def _sky(g: Grid, s: Scene, layout: Layout, colours: dict[str, np.ndarray]) -> np.ndarray:
    """Sky, clouds, sun or moon, haze at the horizon."""
    shore, (x, y) = max(SHORE[s.composition], .1), SUN[s.composition]
    img = ramp(g.y / shore, [C(s.hour, "4c90c8 5c5ca4 0c1434"), C(s.hour, "94c4e0 cc90a0 1c2a58"), C(s.hour, "dceeec fcd0a0 44548c")], [0, .6, 1])
    img *= C(s.hue, "fff2e4 ffffff ecf4ff")
    sun = C(s.hour, "fff4cc ffd890 e8ecff")
    img += sun * ((.05 + .45 * s.glow) * (1 - .5 * s.clouds) * glow(g, x, y, .2))
    cover = smooth(.70 - .45 * s.clouds, .84 - .40 * s.clouds, layout.clouds)
    over(img, C(s.hour, "fcfcfc f4d4cc 4c5a8c") * (.9 + .3 * layout.clouds - .28 * s.clouds), cover * (.45 + .5 * s.clouds))
    over(img, np.minimum(sun * 1.1, 1), g.edge(.03 + .025 * s.glow - np.hypot(g.x - x, g.y - y)) * ((.7 + .3 * s.glow) * (1 - .6 * s.clouds)))
    return over(img, colours["haze"], (.1 + .7 * s.haze) * smooth(shore - .2, shore, g.y))


def _water(g: Grid, s: Scene, layout: Layout, colours: dict[str, np.ndarray]) -> np.ndarray:
    """The puddles' surface: the sky seen in them, clouds, the light of sun or moon."""
    p = PUDDLES[s.composition][0]
    water = colours["pool"] * (1.06 - .35 * smooth(p.y - .12, p.y + .16, g.y)) * .82 + colours["mud"] * .16
    over(water, colours["haze"] * (1 - .3 * s.clouds), .6 * smooth(.66 - .3 * s.clouds, .80 - .3 * s.clouds, layout.clouds) * (.4 + .5 * s.clouds))
    sun = C(s.hour, "fff4cc ffd890 e8ecff")
    x, y = p.x - .6 * p.wide, p.y + .3 * p.wide / p.flat
    water += sun * (.75 * s.glow * (1 - .7 * s.clouds) * glow(g, x, y, .12, p.flat * .8))
    return water


def _side_boot(x: np.ndarray, y: np.ndarray, boot: Boot) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A rubber boot from the side, its sole at (0, 0): signed distance, shade, where the sole is."""
    x, y = x * (boot.way / boot.size), y / boot.size
    shaft = np.hypot(np.maximum(np.abs(x + .04 * y) - .034, 0), np.maximum(np.abs(y + .19) - .15, 0)) - .018
    foot = np.hypot(np.maximum(np.abs(x - .04) - .052, 0), np.maximum(np.abs(y + .036) - .008, 0)) - .034
    heel = np.hypot(np.maximum(np.abs(x - .035) - .06, 0), np.maximum(np.abs(y + .008) - .006, 0)) - .022
    shade = np.clip(.88 - 5 * x * (y < -.07) - 2.2 * (x - .03) * (y > -.07) + .35 * np.exp(-((x + .025) / .012) ** 2), .5, 1.35)
    shade = np.where(np.abs(y + .325) < .016, shade * 1.25 + .1, shade)
    return -np.minimum(np.minimum(shaft, foot), heel) * boot.size, shade, y > -.016


def _top_boot(x: np.ndarray, y: np.ndarray, boot: Boot) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A rubber boot from above, toe upwards: signed distance, shade, where the dark opening is."""
    x, y = x * (boot.way / boot.size), y / boot.size
    toe = .058 - np.hypot(x + .006, (y + .085) * .82)
    heel = .046 - np.hypot(x, (y - .055) * .9)
    waist = np.minimum(.044 - np.abs(x), .085 - np.abs(y + .01))
    far = np.hypot(x, (y - .045) * .95)
    shade = np.clip(1.0 - 5 * x + .35 * np.exp(-((x + .025) / .012) ** 2) * (y < -.02), .55, 1.35) + .35 * (np.abs(far - .046) < .008)
    return np.maximum(np.maximum(np.maximum(toe, heel), waist), .052 - far) * boot.size, shade, far < .038


def _patch(g: Grid, x0: float, x1: float, y0: float, y1: float) -> tuple[slice, slice]:
    """Rows and columns of a rectangle, as far as it lies in the picture."""
    low, high = (slice(max(int(a * g.n), 0), max(min(int(b * g.n) + 2, g.n), 0)) for a, b in ((y0, y1), (x0, x1)))
    return low, high


def _tread(out: np.ndarray, g: Grid, boot: Boot, press: float, colours: dict[str, np.ndarray], above: bool) -> None:
    """Draw one boot in place, lifted or pressed into the mud, and its shadow."""
    lift = boot.lift * (1 - press)
    sink = .014 * boot.size * (press if boot.lift else .6)
    r = .20 * boot.size
    rows, columns = _patch(g, boot.x - r, boot.x + r, boot.y - (.40 * boot.size + lift), boot.y + .17 * boot.size)
    part, x, y = out[:, rows, columns], g.x[rows, columns] - boot.x, g.y[rows, columns] - boot.y
    if above:
        over(part, colours["dark"], .55 * smooth(-.02, .02, _top_boot(x - .25 * lift - .012, y - .9 * lift - .012, boot)[0]))
        inside, shade, opening = _top_boot(x / (1 + lift), (y + .2 * lift) / (1 + lift), boot)
        tone = np.where(opening, colours["sole"] * (.75 + 5 * np.abs(y)), colours[boot.role] * shade)
        over(part, np.minimum(tone, 1), g.edge(inside))
        return
    foot = .04 * boot.way * boot.size
    over(part, colours["dark"], (.35 + .4 * press) * np.exp(-((x - foot) / (.10 * boot.size)) ** 2 - (y / (.030 * boot.size)) ** 2))
    inside, shade, sole = _side_boot(x, y - sink + lift, boot)
    wet = smooth(.06, .0, -y / boot.size + .01 * np.sin(x * 90 / boot.size)) * (press if boot.lift else .7)
    tone = np.where(sole, colours["sole"], colours[boot.role] * shade)
    tone = tone + (colours["mud"] * .6 - tone) * (.8 * wet)
    over(part, np.minimum(tone, 1), g.edge(inside) * g.edge(.006 * boot.size - y + .004 * np.sin(x * 70 / boot.size)))


def _crown(out: np.ndarray, g: Grid, p: Puddle, press: float, colours: dict[str, np.ndarray], phase: float) -> None:
    """The collar of muddy water pushed up around the boot, in place."""
    r = p.stir * (.24 + .10 * press)
    rows, columns = _patch(g, p.at[0] - 1.6 * r, p.at[0] + 1.6 * r, p.at[1] - 1.7 * r, p.at[1] + r)
    x, y = (g.x[rows, columns] - p.at[0]) / r, (g.y[rows, columns] - p.at[1]) / r
    teeth = .42 + .22 * np.abs(np.cos(4.2 * x + .4 * np.sin(2 * np.pi * phase) + .6)) ** .7 + .22 * np.abs(x)
    high = press ** 1.5 * teeth * np.sqrt(np.clip(1.45 - np.abs(x), 0, 1))
    base = .34 * np.sqrt(np.clip(1 - (x / 1.3) ** 2, 0, 1))
    mask = g.edge(np.minimum(y + high - base + .02, base - y + .04) * r) * (np.abs(x) < 1.35) * smooth(.2, .5, press)
    tone = colours["mud"] * (.80 + .6 * np.clip(base - y, 0, 1))
    tone = tone + (colours["haze"] - tone) * (.6 * smooth(.13, 0, y + high - base))
    over(out[:, rows, columns], np.minimum(tone, 1), .92 * mask)


def paint(grid: Grid, scene: Scene) -> Callable[[float, float], np.ndarray]:
    """Paint the still layers of boots in the mud; give back frame(envelope, phase) -> float32 [3, n, n], about 0..1."""
    c = scene.composition
    layout, colours = _layout(grid.n, c), _palette(scene)
    above, boots, puddles = c == 2, BOOTS[c], PUDDLES[c]
    still = compose(_sky(grid, scene, layout, colours), layout.back, colours, scene.haze)
    over(still, colours["mud"] * .5, .8 * layout.rims)
    over(still, np.minimum(_water(grid, scene, layout, colours), 1), layout.pools)
    veil = smooth(.85, .35, grid.y) * smooth(.0, .4, grid.y) if not above else .6 + .5 * (layout.clouds - .5)
    over(still, colours["haze"], .42 * scene.haze * veil)
    front = compose(still.copy(), layout.front, colours, 0)
    front_mask = 1 - np.prod([1 - layer.mask for layer in layout.front], axis=0)
    light, dark = np.minimum(colours["haze"] * 1.15, 1), colours["mud"] * .42

    def frame(envelope: float, phase: float) -> np.ndarray:
        out, press = still.copy(), np.float32(smooth(0, .8, envelope))
        rings = layout.rings.seen(.06 + 1.0 * envelope, phase, 4) * layout.pools
        over(out, dark, .65 * np.roll(rings, max(grid.n // 64, 1), 0) * layout.pools)
        over(out, light, .9 * rings)
        for boot in boots:
            _tread(out, grid, boot, press, colours, above=above)
        if not above:
            for puddle in puddles:
                _crown(out, grid, puddle, press, colours, phase=phase)
        mud = layout.mud.seen(1.08 * envelope, phase, 5)
        over(out, colours["mud"] * .62, mud)
        return over(out, front, front_mask)
    return frame


def envelope(gait: Gait) -> Curve:
    """The hidden cause of a clip over time, about 0..1."""
    return 0.04 + 0.92 * gait.treads()


SCENE = SceneKind(
    name="squishing water",
    paint=paint,
    sound=sound,
    envelope=envelope,
    wordings=(
        "squishing water", "squishing mud", "steps in a muddy puddle", "wet mud", "squelching swamp", "footsteps in a bog", "mud",
        "muddy boots", "rubber boots in a puddle", "boots treading wet ground",
    ),
)
