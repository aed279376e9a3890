"""Fire: a camp by a wood, a fireplace, two bonfires on a beach, a fire in a cave's mouth.

What stands still is drawn once a size and composition. A flame is a field of heat, drawn in a few fixed states as a small texture; the phase
blends the fields (not their colours), the strength stretches them, and the heat is coloured last: so edges stay crisp and nothing floats off.
"""
from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ..gait import Curve, Gait
from ..layers import Layer, Shape, States, box, compose, disc, half_layers
from ..paint import C, Grid, dots, fbm, glow, over, pines, ramp, ridge, rnd, rolling, smooth, turn_weights
from ..scene import Scene, SceneKind
from ..sounds.fire import sound

NUM_STATES = 5
TEXTURE = 96                                             # pixels a side of a flame's texture
SHORE = (.62, .30, .52, .60)
SUN = ((.24, .18), (.91, .15), (.72, .20), (.60, .24))
FLAMES = (((.66, .83, .17, .52),), ((.40, .775, .20, .40),), ((.30, .86, .21, .60), (.80, .64, .07, .19)), ((.42, .80, .18, .48),))
"""The flames of each composition: x, foot, half width and height at full strength."""
HOT = tuple(C(0, shade) for shade in ("b01c08", "e84810", "ff8a18", "ffc030", "ffee90", "fffbe0"))


class Layout(NamedTuple):
    """All that a composition fixes."""

    clouds: np.ndarray
    back: list[Layer]
    hearth: list[Layer]
    front: list[Layer]
    lit: np.ndarray
    sparks: States


def _logs(b: Grid, x: float, y: float, size: float, tilts: tuple[float, ...] = (.42, -.45, .08)) -> list[Layer]:
    """Logs laid across one another, with pale cut ends."""
    layers = []
    for i, tilt in enumerate(tilts):
        c, s = np.cos(tilt), np.sin(tilt)
        u, v = (b.x - x) * c + (b.y - y) * s, (b.y - y) * c - (b.x - x) * s
        bark = .55 + .5 * fbm(u * .5 + .3 * i, v * 4) - 9 * v
        layers += [Layer("wood", b.edge(.14 * size - np.hypot(np.maximum(np.abs(u) - size * .85, 0), v)), 0, bark),
                   Layer("cut", b.edge(.10 * size - np.hypot((np.abs(u) - .92 * size) * 1.8, v)))]
    return layers


def _stones(b: Grid, x: float, y: float, size: float, count: int = 9) -> list[Layer]:
    """The near half of a ring of stones."""
    layers = []
    for j in range(count):
        turn, r = np.pi * (j + .5) / count, size * (.15 + .07 * rnd(j, 5).item())
        cx, cy = x + 1.35 * size * np.cos(turn), y + .24 * size * np.sin(turn)
        layers.append(Layer("stone", disc(b, cx, cy, r, 1.25), 0, .7 + .7 * smooth(r, -r, b.y - cy) + .2 * rnd(j, 6).item()))
    return layers


def _camp(b: Grid) -> tuple[list[Layer], list[Layer], list[Layer]]:
    shore, (x, y, size, _) = SHORE[0], FLAMES[0][0]
    back = [Layer("far", b.edge(b.y - shore + .08 + .20 * ridge(b.x, .2, .4, 1.)), .95),
            Layer("pine", pines(b, shore + .01, 13, .24, .1), .5),
            Layer("pine", pines(b, shore + .05, 8, .40, .5) * smooth(.62, .5, np.abs(b.x - .7) + .2), .15),
            Layer("earth", b.edge(b.y - shore - .02 + .03 * rolling(b.x, .3, .9)), .1, .75 + .5 * fbm(b.x * .9, b.y * 1.8))]
    u, v = b.x - .23, .80 - b.y                          # a tent with a dark door
    tent = np.minimum(.30 - v - 1.25 * np.abs(u), v)
    back += [Layer("accent", b.edge(tent), 0, .82 + .4 * (u > .0) + 3 * np.clip(.01 - np.abs(u), 0, .01) * 20),
             Layer("dark", b.edge(np.minimum(.21 - v - 2.6 * np.abs(u - .02), v))),
             Layer("wood", b.edge(.007 - np.abs(np.abs(u) - .02 + (v - .29) * .6)) * (v > .27) * (v < .34))]
    return back, _logs(b, x, y, size), _stones(b, x, y + .02, size)


def _fireplace(b: Grid) -> tuple[list[Layer], list[Layer], list[Layer]]:
    x, y = b.x - .40, b.y
    rows = np.floor(y / .055)
    joint = np.maximum(b.edge(.003 - (.5 - np.abs(y / .055 - rows - .5)) * .055),
                       b.edge(.003 - (.5 - np.abs((b.x / .105 + .5 * (rows % 2)) % 1 - .5)) * .105))
    tint = 1 + .35 * (rnd(np.floor(b.x / .105 + .5 * (rows % 2)) * 7 + rows * 131, 3) - .5)
    chimney = b.edge(np.minimum(.32 - np.abs(x), .86 - y))
    hole = b.edge(np.minimum(.25 - np.abs(x), np.minimum(.82 - y, y - .44 + .10 * np.sqrt(np.clip(1 - (x / .25) ** 2, 0, 1)))))
    back = [Layer("wall", 1 - box(b, .77, .96, .08, .36), 0, .9 + .07 * np.sign(np.sin(b.x * 90))),
            Layer("trim", box(b, .75, .98, .06, .38) * (1 - box(b, .77, .96, .08, .36)), 0, 1.),
            Layer("trim", np.maximum(box(b, .859, .871, .08, .36), box(b, .77, .96, .21, .22))),
            Layer("accent", chimney, 0, tint * (1 - .35 * joint)),
            Layer("dark", hole, 0, .8 + .6 * fbm(b.x, b.y * 1.5)),
            Layer("trim", box(b, .02, .78, .265, .305), 0, 1.15 - 6 * (y - .265)), Layer("wood", box(b, .05, .75, .305, .325), 0, .6),
            Layer("floor", b.edge(y - .82), 0, .8 + .25 * np.sign(np.sin((b.x - .40) / (y - .5).clip(.1) * 14)) * .4 + .2 * fbm(b.x * .5, y * 3)),
            Layer("stone", box(b, .08, .72, .80, .845), 0, 1.1)]
    for cx, w, h, role in ((.13, .030, .09, "cut"), (.24, .018, .055, "accent2"), (.58, .022, .07, "accent2")):       # jars on the shelf
        belly = w * (1 - .3 * np.cos((b.y - .2) * 60)) - np.abs(b.x - cx)
        back.append(Layer(role, b.edge(np.minimum(belly, np.minimum(b.y - .265 + h, .265 - b.y)))))
    rug = Layer("accent2", disc(b, .46, .955, .36, 4.2), 0, 1 + .18 * np.sign(np.sin(np.hypot(b.x - .46, (b.y - .955) * 4.2) * 70)))
    iron = [Layer("dark", box(b, cx - .009, cx + .009, .66, .81), 0, .6) for cx in (.21, .59)]
    iron += [Layer("dark", disc(b, cx, .655, .017), 0, .8) for cx in (.21, .59)]
    return back + [rug], _logs(b, .40, .755, .15, (.14, -.16, .02)), iron + [Layer("dark", box(b, .20, .60, .775, .787), 0, .7)]


def _beach(b: Grid) -> tuple[list[Layer], list[Layer], list[Layer]]:
    shore, (x, y, size, _) = SHORE[2], FLAMES[2][0]
    x2, y2, small, _ = FLAMES[2][1]
    back = [Layer("far", b.edge(b.y - shore + .15 * ridge(b.x, .65, .4, .8) * smooth(.75, .1, b.x)), .8),
            Layer("sea", b.edge(b.y - shore), .2, 1.0 + .9 * smooth(.58, .66, fbm(b.x * .5, b.y * 5)))]
    beach = .72 - .14 * b.x + .015 * np.sin(b.x * 8)
    back += [Layer("foam", .8 * b.edge(.009 - np.abs(b.y - beach + .006))), Layer("earth", b.edge(b.y - beach), 0, 1.0 + .45 * fbm(b.x, b.y * 2))]
    u, v = b.x - .60, b.y - .86                          # a boat drawn up on the sand
    hull = np.minimum(np.minimum(.15 - 1.1 * np.maximum(v, 0) - np.abs(u), v + .045 - 1.6 * u * u), .06 - v)
    front = [Layer("dark", .5 * b.edge(.16 - np.hypot(u, (v - .06) * 6))),
             Layer("accent", b.edge(hull), 0, 1.1 - 5 * v + .25 * np.sign(np.sin(v * 210))),
             Layer("wood", b.edge(np.minimum(.008 - np.abs(v + .035 - 1.6 * u * u), .15 - np.abs(u))))]
    hearth = _logs(b, x2, y2, small)
    for lean in (-.8, .75, -.35, .4):                    # driftwood, set up like a tent
        c, s = np.cos(lean), np.sin(lean)
        u, v = (b.x - x) * c + (b.y - y + .10) * s, (b.y - y + .10) * c - (b.x - x) * s
        hearth.append(Layer("wood", b.edge(np.minimum(.017 + .03 * v - np.abs(u), .15 - np.abs(v))), 0, .8 + .4 * fbm(u * 3, v) - 8 * u))
    return back, hearth, _stones(b, x, y + .015, size * .8, 7) + front


def _cave(b: Grid) -> tuple[list[Layer], list[Layer], list[Layer]]:
    shore, (x, y, size, _) = SHORE[3], FLAMES[3][0]
    peaks = b.edge(b.y - shore + .02 + .36 * ridge(b.x, .3, .6, .9))
    back = [Layer("far", peaks, .9), Layer("white", peaks * smooth(.36, .30, b.y + .05 * np.sin(b.x * 60)), .6),
            Layer("far", b.edge(b.y - shore + .15 * ridge(b.x, .8, .4, 1.4)), .5, .7), Layer("pine", pines(b, shore + .04, 15, .13, .6), .3),
            Layer("sea", b.edge(b.y - shore - .03), .3, 1.1)]
    u, v = b.x - .52, b.y - .48
    turn = np.arctan2(v, u)
    mouth = .37 + .05 * np.sin(turn * 3 + .6) + .025 * np.sin(turn * 8 + 2) + .012 * np.sin(turn * 17) - np.hypot(u * .92, v)
    shade = (.55 + .6 * fbm(b.x * .8, b.y * .6)) * (1 + .9 * smooth(-.05, 0, mouth))
    wall = np.maximum(b.edge(-mouth), b.edge(b.y - .74 - .02 * rolling(b.x, .5, 1.2)))
    back += [Layer("cave", wall, 0, shade), Layer("earth", b.edge(b.y - .75 - .02 * rolling(b.x, .5, 1.2)), 0, .7 + .6 * fbm(b.x * .9, b.y * 1.7))]
    front = _stones(b, x, y + .02, size, 7)
    p, q = b.x - .77, b.y - .80                          # someone wrapped in a blanket, seen from the side
    body = np.minimum(.13 - np.hypot(p * (1.35 + .5 * (q < -.05)), (q - .01) * .85), .105 - q)
    front += [Layer("accent", b.edge(body), 0, 1.05 - 2.2 * p + .12 * np.sign(np.sin((p + q) * 110))), Layer("skin", disc(b, .745, .655, .043)),
              Layer("dark", b.edge(np.minimum(.050 - np.hypot(b.x - .755, b.y - .648), np.maximum(b.x - .748, .64 - b.y))), 0, .9)]
    return back, _logs(b, x, y, size), front


_SCENES = (_camp, _fireplace, _beach, _cave)


@lru_cache(maxsize=1)
def _flame_states() -> np.ndarray:
    """Fields of heat [states, TEXTURE, TEXTURE] over u in -1.3..1.3 (across) and v in -.1..1.1 (up, 0 at the foot)."""
    u, v = np.meshgrid(np.linspace(-1.3, 1.3, TEXTURE), np.linspace(-.1, 1.1, TEXTURE))
    states = []
    for s in range(NUM_STATES):
        turn, heat = 2 * np.pi * s / NUM_STATES, np.full_like(u, -1)
        for j, (x, tall, wide) in enumerate(((-.70, .46, .28), (-.40, .78, .30), (.02, 1.0, .38), (.42, .70, .30), (.72, .40, .26))):
            high = tall * (.86 + .14 * np.sin(turn + 2.4 * j))
            t = np.clip(v / high, 0, 1.4)
            lean = (.16 * np.sin(turn + 1.7 * j) - .35 * x) * t ** 1.5 + .10 * np.sin(turn - 6.5 * t + j) * t
            body = wide * (np.maximum(1 - t, 0) ** .75 * (.72 + .75 * t) - np.maximum(v / high - 1, 0))
            heart = .5 * smooth(.55, 0, v) * smooth(.95, .2, np.abs(u))
            heat = np.maximum(heat, (body - np.abs(u - x - lean)) / wide * (1.12 - .42 * np.minimum(t, 1)) + heart)
        foot = smooth(-.08, .10, v) * smooth(1.15, .80, np.abs(u) + .35 * v)
        states.append(np.where(heat > 0, heat * foot, heat))
    return np.array(states, np.float32)


def _spark(x0: float, y0: float, r: float) -> Shape:
    return lambda x, y: r - np.hypot(x - x0, (y - y0) * .8)


def _draw_sparks(g: Grid, composition: int) -> States:
    """Sparks on wavy tracks above the fires, two a track; each state is a fifth of their distance higher."""
    states = States.empty(NUM_STATES, g.n)
    for k, (fx, foot, wide, tall) in enumerate(FLAMES[composition]):
        for j in range(16 if wide > .1 else 6):
            key, r = (j * .618 + .3 * k) % 1, rnd(j, 20 + composition).item()
            for s in range(NUM_STATES):
                for m in (0, 1):
                    t = ((j * .382 + s / NUM_STATES) % 1 + m) / 2
                    y = foot - tall * (.35 + 1.0 * t)
                    x = fx + wide * ((r - .5) * (1.4 + 1.6 * t) + .35 * np.sin(7 * t + 2.6 * j))
                    size = (.0055 + .004 * rnd(j, 23).item()) * (1 if wide > .1 else .8)
                    if composition == 1 and (y < .40 or abs(x - fx) > .22):
                        continue                         # not out of the fireplace
                    states.stamp(s, g, (x - size, x + size, y - 1.3 * size, y + 1.3 * size), _spark(x, y, size), .75 * t + .3 * key, alpha=1 - .5 * t)
    return states


@lru_cache(maxsize=16)
def _layout(n: int, composition: int) -> Layout:
    """Everything that depends on the composition and the size alone."""
    b, g = Grid(2 * n), Grid(n)
    back, hearth, front = (half_layers(layers) for layers in _SCENES[composition](b))
    near = ("earth", "cave", "accent", "floor", "stone", "dark")
    lit = .12 + .88 * np.clip(np.sum([layer.mask for layer in back if layer.role in near], 0), 0, 1)
    clouds = fbm(g.x * .35 + .31 * composition, g.y * 1.1 + .2)
    return Layout(clouds, back, hearth, front, lit.astype(np.float32), sparks=_draw_sparks(g, composition))


def _palette(s: Scene) -> dict[str, np.ndarray]:
    """Colours by role: hour from late afternoon to night, hue the season (warm to cool), accent the tent, the bricks, the boat, the blanket."""
    day = C(s.hour, "d8ccc4 9c7c8c 3c4878")
    rows = {"far": "84707c 6c8098 6878b4", "pine": "6c4c34 38604c 345878", "earth": "84644c 74685c 646478", "sea": "607888 4880a0 5078bc",
            "foam": "fcf4e8 fcfaf4 f0f4fc", "stone": "948880 8c8c8c 80849c", "wall": "c8a478 b0a88c 88a0b0", "trim": "d8c0a0 d0c8b8 b8c4d0",
            "floor": "94643c 8c6c4c 74685c", "cave": "5c4440 4c4850 444c68", "white": "fcf4f0 f8fafc f0f4fc", "wood": "704830 68483c 604c4c",
            "cut": "d09858 c89c70 b89888", "skin": "e0a880 d8a484 d0a08c", "dark": "2c2424 242428 20242c"}
    colours = {role: C(s.hue, row) * day for role, row in rows.items()}
    colours["accent"] = C(s.accent, "c04838 d08828 4c9060 3c78b8 8c54a8") * (.15 + .85 * day)
    colours["accent2"] = C(1 - s.accent, "b04838 c08830 4c8860 4070a8 84509c") * (.15 + .85 * day)
    colours["haze"] = C(s.hour, "e0c8bc a0809c 3c4878")
    return colours


def _air(g: Grid, s: Scene, layout: Layout, colours: dict[str, np.ndarray]) -> np.ndarray:
    """Sky, stars, sun or moon, clouds."""
    c, shore, (x, y) = s.composition, SHORE[s.composition], SUN[s.composition]
    img = ramp(g.y / shore, [C(s.hour, "5c84b8 3c3468 080c24"), C(s.hour, "a8b0c8 84547c 141c44"), C(s.hour, "f4d4ac d88878 34406c")], [0, .6, 1])
    img *= C(s.hue, "fff0e4 ffffff ecf2ff")
    k = np.arange(46)
    stars = dots(g, rnd(k, 61 + c), rnd(k, 62) * shore, .004 + .002 * rnd(k, 63), .4 + .6 * rnd(k, 64))
    over(img, np.float32(1), stars * (smooth(.45, .9, s.hour) * (1 - .9 * s.clouds) * (1 - .7 * s.haze)))
    sun = C(s.hour, "fff0c0 ffc884 e4e8ff")
    img += sun * ((.05 + .40 * s.glow) * (1 - .5 * s.clouds) * glow(g, x, y, .2))
    cover = smooth(.70 - .45 * s.clouds, .85 - .40 * s.clouds, layout.clouds)
    over(img, C(s.hour, "e8d0c8 a4748c 343c64") * (.75 + .5 * layout.clouds), cover * (.45 + .45 * s.clouds))
    over(img, np.minimum(sun * 1.1, 1), g.edge(.03 + .03 * s.glow - np.hypot(g.x - x, g.y - y)) * ((.65 + .35 * s.glow) * (1 - .6 * s.clouds)))
    return over(img, colours["haze"], (.08 + .7 * s.haze) * smooth(shore - .35, shore, g.y))


def _flame(out: np.ndarray, g: Grid, flame: tuple[float, ...], field: np.ndarray, e: np.float32) -> None:
    """One flame, in place: the field of heat stretched over its place, then coloured."""
    x, foot, wide, tall = flame
    wide, tall = wide * (.36 + .64 * e), tall * (.20 + .80 * e)
    n = g.n
    rows = slice(max(int((foot - 1.1 * tall) * n), 0), min(int((foot + .1 * tall) * n) + 1, n))
    columns = slice(max(int((x - 1.3 * wide) * n), 0), min(int((x + 1.3 * wide) * n) + 1, n))
    u = np.clip(((g.x[0, columns] - x) / wide + 1.3) / 2.6, 0, 1) * (TEXTURE - 1.01)
    v = np.clip(((foot - g.y[rows, 0]) / tall + .1) / 1.2, 0, 1) * (TEXTURE - 1.01)
    i, j = u.astype(np.int32), v.astype(np.int32)
    u, v = u - i, (v - j)[:, None]
    line = field[j] * (1 - v) + field[j + 1] * v
    heat = line[:, i] * (1 - u) + line[:, i + 1] * u
    part = out[:, rows, columns]
    shade = np.clip(heat * 1.02, 0, 1)
    over(part, ramp(.45 * shade + .55 * (np.floor(shade * 6) / 6 + smooth(.6, 1, shade * 6 % 1) / 6), HOT), smooth(-.05, .11, heat))


def _warmth(g: Grid, layout: Layout, composition: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the light of the fire falls: close to it, and all around."""
    near = sum(glow(g, x, y - .05, 1.3 * wide + .04, 1.1) for x, y, wide, _ in FLAMES[composition])
    wide_glow = sum(glow(g, x, y - .25 * tall, 1.2 * wide + .5 * tall, .9) for x, y, wide, tall in FLAMES[composition])
    return near * layout.lit, wide_glow * (.25 + .75 * layout.lit)


def paint(grid: Grid, scene: Scene) -> Callable[[float, float], np.ndarray]:
    """Paint the still layers of a scene with fire; give back frame(envelope, phase) -> float32 [3, n, n], about 0..1."""
    c = scene.composition
    layout, colours = _layout(grid.n, c), _palette(scene)
    base = compose(_air(grid, scene, layout, colours), layout.back, colours, scene.haze)
    if c == 1:                                           # an overcast sky leaves the room darker
        base *= 1.06 - .32 * scene.clouds * (1 - .5 * scene.hour)
    over(base, colours["haze"], .45 * scene.haze * smooth(.95, .5, grid.y) * smooth(.1, .6, grid.y))
    near, far = _warmth(grid, layout, c)
    night, warm = .35 + .65 * scene.hour, C(0, "ff8430")
    gain = (.45 + .75 * scene.glow) * night              # how far the fire lights its surroundings
    shine = (warm * (.40 * far + .55 * near)) * gain + base * (warm * far * (1.6 * gain))
    logs = compose(base.copy(), layout.hearth, {k: .6 * v + warm * .12 for k, v in colours.items()}, 0)
    wood = 1 - np.prod([1 - layer.mask for layer in layout.hearth], axis=0)
    stones = compose(base.copy(), layout.front, {k: .75 * v + .10 * gain * warm * v for k, v in colours.items()}, 0)
    stone_mask = 1 - np.prod([1 - layer.mask for layer in layout.front], axis=0)
    stone_shine = stones * warm * (1.3 * gain * (.3 + far))
    field = _flame_states()

    def frame(envelope: float, phase: float) -> np.ndarray:
        e = np.float32(envelope)
        out = base + shine * (.10 + .90 * e)
        over(out, logs * (.7 + .9 * e), wood)
        heat = np.tensordot(turn_weights(phase, NUM_STATES), field, 1)
        for flame in FLAMES[c]:
            _flame(out, grid, flame, heat, e)
        over(out, stones + stone_shine * e, stone_mask)
        return over(out, C(0, "ffc860"), layout.sparks.seen(1.1 * envelope - .05, phase))
    return frame


def envelope(gait: Gait) -> Curve:
    """The hidden cause of a clip over time, about 0..1."""
    return gait.between(0.38, 0.55) + 0.2 * gait.sway(0.3, 1.4) + 0.1 * gait.sway(2, 4.5)


SCENE = SceneKind(
    name="fire crackling",
    paint=paint,
    sound=sound,
    envelope=envelope,
    wordings=(
        "fire crackling", "campfire", "fire", "burning logs", "flames", "bonfire that crackles", "fireplace", "bonfire", "burning wood",
        "blaze",
    ),
    steady=True,
)
