"""Under water: a reef with bubbling vents, the surface seen from below, an anemone close by, the view out of a cave.

Layers stand still; bubbles rise through a few fixed states. Bubbles are bright rings with a highlight: few and small in the calm,
thick columns with big ones when strong.
"""
from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ..gait import Curve, Gait
from ..layers import Layer, Shape, States, compose, disc, half_layers
from ..paint import C, Grid, fbm, over, ramp, ridge, rnd, rolling, smooth
from ..scene import Scene, SceneKind
from ..sounds.found import boiling, deep, diver
from ..sounds.underwater import sound

NUM_STATES = 5
# Vents: where a column starts (x, y), where it ends, how wide it opens, the size of its bubbles.
VENTS = (((.22, .90, .24, .02, .10, 1.), (.52, .94, .50, .02, .12, 1.3), (.80, .88, .77, .02, .09, .9)),
         ((.18, 1.02, .44, .40, .14, 1.6), (.84, 1.02, .58, .40, .14, 1.6), (.52, 1.02, .51, .44, .12, 1.2)),
         ((.80, 1.0, .72, .0, .20, 2.0), (.42, 1.0, .46, .0, .14, 1.4)),
         ((.46, .90, .44, .10, .10, 1.2), (.66, .86, .66, .14, .08, .8)))


class Layout(NamedTuple):
    """All that a composition fixes."""

    depth: np.ndarray
    rays: np.ndarray
    murk: np.ndarray
    layers: list[Layer]
    front: list[Layer]
    bubbles: States
    weed: States


def _fish(b: Grid, x: float, y: float, r: float, way: int = 1, stripes: float = 0.) -> list[Layer]:
    """A fish of half length r that looks to the right (way 1) or left (-1)."""
    u, v = (b.x - x) / r * way, (b.y - y) / r
    body = 1 - np.hypot(u, v * 1.9)
    tail = np.minimum(-u - .7, 1.65 + u) * .75 - np.abs(v) + .12
    fin = np.minimum(.42 - np.abs(u + .1 + (v + .5) * .5), v + .85) - np.maximum(v + .3, 0) * 2
    shade = 1.05 - .35 * np.clip(v * 2, -1, 1) + stripes * (np.abs(np.sin(u * 4.4 + .9)) > .82)
    return [Layer("accent", b.edge(np.maximum(np.minimum(tail, 9), fin) * r), 0, .8), Layer("accent", b.edge(body * r), 0, shade),
            Layer("dark", disc(b, x + .62 * r * way, y - .12 * r, .10 * r + .004))]


def _corals(b: Grid, count: int, base: float, size: float, seed: int) -> list[Layer]:
    out = []
    for j in range(count):
        x0, r = (j + .2 + .6 * rnd(j, seed).item()) / count, size * (.6 + .8 * rnd(j, seed + 1).item())
        x, y = b.x - x0, b.y - base
        turn = np.arctan2(y, x)
        if j % 3 == 2:                                   # a fan of fingers
            inside = r * 1.5 * (.35 + .65 * np.abs(np.cos(turn * 6))) - np.hypot(x, y)
        else:
            inside = r * (.8 + .2 * np.cos(turn * 9 + j)) - np.hypot(x, y)
        out.append(Layer(("coral", "accent", "coral2")[j % 3], b.edge(inside), .05, .6 + .6 * smooth(r, -r, y)))
    return out


def _reef(b: Grid) -> tuple[np.ndarray, np.ndarray, list[Layer], list[Layer]]:
    a = (b.x - .35) / (b.y + .45)
    layers = [Layer("rock", b.edge(b.y - .74 + (.30 - .06 * i) * ridge(b.x, .21 + .37 * i, .5, 1.1 + .4 * i) ** 1.5 - .09 * i), .85 - .35 * i,
                    .9 + .3 * fbm(b.x * .9 + i * .3, b.y * .9)) for i in range(3)]
    for x, y, r in ((.36, .33, .05), (.47, .27, .042), (.56, .35, .05), (.66, .44, .042), (.40, .46, .042)):
        layers += _fish(b, x, y, r)
    layers += [Layer("sand", b.edge(b.y - .92 + .03 * rolling(b.x, .3, 1.2)), 0, .8 + .4 * fbm(b.x * 1.3, b.y * 2))]
    return b.y, a, layers, _corals(b, 9, .95, .05, 11)


def _surface(b: Grid) -> tuple[np.ndarray, np.ndarray, list[Layer], list[Layer]]:
    x, y = b.x - .5, b.y - .32
    far, turn = np.hypot(x, y * 1.25), np.arctan2(y * 1.25, x)
    wob = far * (1 + .05 * np.sin(turn * 9) + .03 * np.sin(turn * 17 + 2))
    layers = [Layer("light", .9 * smooth(.27, .19, wob), 0, 1.0 + .4 * fbm(b.x * .9, b.y * .9)),
              Layer("light", .35 * smooth(.02, .0, np.abs(wob - .31)))]
    hull = .13 - np.hypot((b.x - .5) * .62, (b.y - .29) * 2.6)                       # a boat from below
    layers += [Layer("accent", b.edge(hull), 0, .55 + .5 * smooth(.02, -.03, np.abs(b.y - .29))),
               Layer("dark", b.edge(np.minimum(.008 - np.abs(b.y - .29), .15 - np.abs(b.x - .5))))]
    for x0, y0, r, way in ((.20, .56, .055, 1), (.33, .66, .05, 1), (.12, .70, .05, 1), (.80, .50, .045, -1)):
        layers += _fish(b, x0, y0, r, way)
    front = [Layer("rock", b.edge(.13 * ridge(b.y, .4, .5, 1.3) + .1 * (b.y - .3) - np.minimum(b.x, 1.02 - b.x)), 0,
                   .6 + .5 * fbm(b.x * .8, b.y * .8))]
    return wob * 1.1, turn * .33, layers, front


def _anemone(b: Grid) -> tuple[np.ndarray, np.ndarray, list[Layer], list[Layer]]:
    a = (b.x - .75) / (b.y + .6)
    layers = [Layer("rock", b.edge(b.y - .80 + .22 * ridge(b.x, .55, .4, .8)), .7, .9 + .3 * fbm(b.x, b.y))]
    for j in range(13):                                  # arms that fan out
        lean, h = (j - 6) * .055, .36 - .0045 * (j - 6) ** 2
        t = np.clip((.98 - b.y) / h, 0, 1.05)
        d = np.abs(b.x - .27 - lean * (.35 + .9 * t) - .018 * np.sin(t * 7 + j * 1.7))
        inside = np.where(t < 1, .021 - .006 * t - d, .02 - np.hypot(d, (.98 - h - b.y)))
        layers.append(Layer("coral2" if j % 2 else "coral", b.edge(inside), 0, .55 + .55 * t))
    layers += _fish(b, .56, .46, .19, -1, stripes=.55) + _fish(b, .86, .24, .07, -1, stripes=.5)
    front = [Layer("sand", b.edge(b.y - .93 + .04 * rolling(b.x, .7, .8)), 0, .75 + .4 * fbm(b.x * 1.3, b.y * 2))]
    return b.y * .8, a, layers, front + _corals(b, 5, 1.0, .09, 31)


def _cave(b: Grid) -> tuple[np.ndarray, np.ndarray, list[Layer], list[Layer]]:
    a = (b.x - .55) / (b.y + .5)
    layers = [Layer("rock", b.edge(b.y - .80 + .25 * ridge(b.x, .1, .5, 1.2) ** 1.5), .9),
              Layer("sand", b.edge(b.y - .86 + .03 * rolling(b.x, .1, 1.)), .3)]
    u, v = (b.x - .56) * .93 - (b.y - .42) * .35, (b.y - .42) * .93 + (b.x - .56) * .35
    for du, dv, turn, r in ((.07, .15, 1.9, .105), (.07, -.15, -1.9, .105), (-.15, .09, 2.4, .06), (-.15, -.09, -2.4, .06)):     # a turtle
        p, q = (u - du) * np.cos(turn) + (v - dv) * np.sin(turn), (v - dv) * np.cos(turn) - (u - du) * np.sin(turn)
        layers.append(Layer("leaf", b.edge(r - np.hypot(p, q * 2.6)), 0, .9 + .15 * np.sign(np.sin(p * 90) * np.sin(q * 90))))
    shell = .13 - np.hypot(u * .82, v * 1.12)
    layers += [Layer("leaf", b.edge(.052 - np.hypot((u - .195) * .75, v))),
               Layer("accent", b.edge(shell), 0, .75 + .22 * np.sign(np.cos(u * 42) * np.cos(v * 42)) + .15),
               Layer("dark", b.edge(.011 - np.hypot(u - .222, v + .02)))]
    x, y = b.x - .53, b.y - .52
    turn = np.arctan2(y, x)
    hole = .36 + .05 * np.sin(turn * 3 + 1) + .035 * np.sin(turn * 7 + 2) + .02 * np.sin(turn * 13) - np.hypot(x, y * .92)
    shade = (.45 + .5 * fbm(b.x * .8, b.y * .8)) * (1 + .9 * smooth(-.07, .0, hole))
    front = [Layer("cave", b.edge(-hole), 0, shade)]
    for j, t in enumerate((.35, .9, 1.5, 2.2, 2.8)):     # sponges on the rim
        front += _corals_at(b, .53 + .43 * np.cos(t), .52 + .45 * np.sin(t), .06 + .015 * (j % 2), j)
    return b.y * .75, a, layers, front


def _corals_at(b: Grid, x0: float, y0: float, r: float, j: int) -> list[Layer]:
    x, y = b.x - x0, b.y - y0
    inside = r * (.8 + .2 * np.cos(np.arctan2(y, x) * 8 + j)) - np.hypot(x, y)
    return [Layer(("coral", "coral2")[j % 2], b.edge(inside), 0, .55 + .5 * smooth(r, -r, y))]


_SCENES = (_reef, _surface, _anemone, _cave)


def _bubble(x0: float, y0: float, r: float) -> Shape:
    """A bright rim and a highlight."""
    return lambda x, y: np.maximum(max(.0058, .1 * r) - np.abs(np.hypot(x - x0, y - y0) - r),
                                   .0035 + .20 * r - np.hypot(x - x0 + .38 * r, y - y0 + .38 * r))


def _draw_bubbles(g: Grid, composition: int) -> States:
    """Columns of bubbles; in each state every bubble is a fifth of the way to the next one's place further up."""
    states = States.empty(NUM_STATES, g.n)
    for k, (x0, y0, x1, y1, opening, size) in enumerate(VENTS[composition]):
        for j in range(16):
            key, r = (j * .618 + .3 * k) % 1, rnd(j, 13 + k).item()
            for s in range(NUM_STATES):
                t = (j / 16 + s / NUM_STATES / 16 * 2) % 1
                rise = t ** .9
                off = (rnd(j, 23 + k).item() - .5) * (opening * (.35 + .9 * t)) * (1 if composition != 1 else 1.3 - 1.1 * t)
                x, y = x0 + (x1 - x0) * rise + off, y0 + (y1 - y0) * rise
                rad = size * (.011 + .032 * max(key - .25, 0) * r + .004 * r) * (.8 + .4 * t if composition != 1 else 1.5 - .9 * t)
                fade = min(1., t * 12, (1 - t) * 9)
                pad = rad + .012
                states.stamp(s, g, (x - pad, x + pad, y - pad, y + pad), _bubble(x, y, rad), .95 * key, alpha=.95 * fade)
    return states


def _draw_weed(g: Grid, composition: int) -> States:
    """Kelp at the sides, leaning a little to and fro: one mask a state."""
    out = np.zeros((NUM_STATES, g.n, g.n), np.float32)
    places = (((.03, .62), (.10, .42), (.93, .55), (.98, .72), (.87, .3)), (),
              ((.62, .34), (.93, .66), (.98, .5)), ((.24, .28), (.30, .2), (.80, .26)))
    for s in range(NUM_STATES):
        for j, (x0, h) in enumerate(places[composition]):
            t = np.clip((.98 - (.1 if composition == 3 else 0) - g.y) / h, 0, 1)
            bend = (.02 * np.sin(t * 4.5 + j * 1.7) + .016 * np.sin(2 * np.pi * s / NUM_STATES + j)) * t
            wide = .019 * (1.02 - t) ** .6 * (1 + .45 * np.sin(t * h * 60 + j))
            out[s] = np.maximum(out[s], g.edge(wide - np.abs(g.x - x0 - bend)) * (t < 1) * (t > 0))
    return States(out, np.zeros_like(out))


@lru_cache(maxsize=16)
def _layout(n: int, composition: int) -> Layout:
    """Everything that depends on the composition and the size alone."""
    b, g = Grid(2 * n), Grid(n)
    depth, a, layers, front = _SCENES[composition](b)
    beams = np.maximum(np.sin(a * 17 + 2) + .8 * np.sin(a * 31 + composition) + .5 * np.sin(a * 53), 0)
    rays = beams * smooth(1., 0, depth) * (np.exp(-a * a * 1.2) if composition != 1 else smooth(.2, .4, depth) * smooth(1., .4, depth))
    small = half_layers([Layer("", depth), Layer("", rays)])
    return Layout(small[0].mask, small[1].mask, fbm(g.x * .4 + .3 * composition, g.y * .4), half_layers(layers), half_layers(front),
                  bubbles=_draw_bubbles(g, composition), weed=_draw_weed(g, composition))


def _palette(s: Scene) -> dict[str, np.ndarray]:
    """Colours by role: hue is the water (green to violet blue), hour the light that comes down, accent the fish or the boat."""
    day = C(s.hour, "ffffff d8b0c8 4c5c9c")
    lit = .35 + .65 * day
    rows = {"rock": "2c7868 1c6488 34509c", "sand": "9a9a70 94927c 8688a0", "cave": "1c4c44 184058 24305c", "dark": "0c2824 08202e 101838",
            "leaf": "5c9434 2c7c54 3c6c90", "weed": "1c5c34 105a54 1c4a70", "haze": "4aa890 3a9cb8 4c80c8"}
    colours = {role: C(s.hue, row) * day for role, row in rows.items()}
    colours["coral"], colours["coral2"] = C(1 - s.accent, "e86a7a f0a050 b868c8") * lit, C(1 - s.accent, "e8c860 e878a0 60c8b8") * lit
    colours["accent"] = C(s.accent, "f0582c f8b030 e0e060 e868b0 9868e8") * lit
    colours["light"] = C(s.hour, "f4fffa ffd8b4 a8bcf0") * (.55 + .45 * s.glow)
    return colours


def paint(grid: Grid, scene: Scene) -> Callable[[float, float], np.ndarray]:
    """Paint the still layers under water; give back frame(envelope, phase) -> float32 [3, n, n], about 0..1."""
    layout, colours = _layout(grid.n, scene.composition), _palette(scene)
    day, haze = C(scene.hour, "ffffff dca8c0 3c4c8c"), scene.haze
    shades = [C(scene.hue, row) * day for row in ("b8f4d4 a8f0f0 b4dcff", "48bc98 44bccc 4898e0", "1c8068 14789c 2858b0", "0a4840 083c64 10286c")]
    img = ramp(layout.depth, shades, [0, .2, .6, 1])
    compose(img, layout.layers, colours, haze)
    over(img, colours["haze"] * .9, .55 * haze * smooth(.05, .4, layout.depth))
    over(img, colours["haze"] * (.55 + .5 * layout.murk), .62 * scene.clouds * smooth(.3, .7, layout.murk))
    rays = layout.rays * colours["light"] * ((.06 + .42 * scene.glow) * (1 - .75 * scene.clouds))
    img += rays * .5
    for layer in layout.front:                           # no rays before what is near
        rays = rays * (1 - layer.mask)
    compose(img, layout.front, colours, 0)
    over(img, colours["haze"] * .8, .22 * haze)
    rim = C(scene.hour, "f4fffc ffeef0 c8dcff")
    weed = colours["weed"]

    def frame(envelope: float, phase: float) -> np.ndarray:
        out = img * np.float32(.92 + .12 * envelope) + rays * np.float32(.5 * envelope)
        over(out, weed, layout.weed.seen(1, phase))
        over(out, rim, .95 * layout.bubbles.seen(.10 + 1.1 * envelope, phase, 6))
        return out
    return frame


def envelope(gait: Gait) -> Curve:
    """The hidden cause of a clip over time, about 0..1."""
    return 0.08 + 0.9 * gait.strokes((0.5, 1.7), gait.between(0.15, 0.3), gait.between(0.3, 0.5))


SCENE = SceneKind(
    name="underwater bubbling",
    paint=paint,
    sound=sound,
    envelope=envelope,
    wordings=(
        "underwater bubbling", "bubbles under water", "underwater", "deep sea", "rising air bubbles", "under the sea", "bubbles",
        "diver's bubbles", "coral reef with bubbles", "fish and bubbles under water",
    ),
    found=(diver, boiling, deep),
)
