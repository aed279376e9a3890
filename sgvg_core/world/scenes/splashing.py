"""Splashing waves: a rock in the sea, a lighthouse on its breakwater, a beach from above, two stacks seen out of a cave.

Waves run by one wave length in a turn of the phase and grow with the strength; the burst of foam grows with it too, its fingers
change through a few fixed states, and its drops come in one by one, the nearest first.
"""
from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ..gait import Curve, Gait
from ..layers import Layer, Shape, States, box, compose, disc, half_layers
from ..paint import C, Grid, fbm, glow, over, ramp, ridge, rnd, smooth, turn_weights
from ..scene import Scene, SceneKind
from ..sounds.splashing import sound

NUM_STATES = 4
SHORE = (.42, .46, -.2, .50)                             # the horizon
SUN = ((.78, .16), (.22, .15), (.1, .1), (.50, .30))
# Bursts: place of the foot, height, opening (1: a fan; 0: all round, seen from above).
BURSTS = (((.36, .72, .60, 1),), ((.47, .74, .64, 1),), ((.30, .36, .34, 0), (.63, .20, .27, 0)), ((.29, .78, .54, 1), (.73, .75, .48, 1)))
# Waves from far to near: foot line, height, waves across, start, way.
WAVES = (((.50, .020, 3., .1, 1), (.58, .035, 2.3, .5, 1), (.68, .055, 1.8, .2, 1), (.80, .085, 1.4, .7, 1), (.95, .10, 1.1, .3, 1)),
         ((.54, .025, 3., .3, 1), (.63, .045, 2.2, .8, 1), (.74, .07, 1.6, .4, 1), (.90, .13, 1.1, .05, 1)),
         (),
         ((.57, .018, 3., .4, -1), (.65, .03, 2.4, .1, -1), (.75, .05, 1.8, .6, -1), (.88, .07, 1.3, .2, -1)))
BURST_BEFORE = (3, 3, 0, 3)                              # the burst is before this wave


class Burst(NamedTuple):
    """One burst on its sub-rectangle: distance from the foot and reach of the fingers by state, for a strength of 1."""

    rows: slice
    columns: slice
    far: np.ndarray
    reach: np.ndarray


class Layout(NamedTuple):
    """All that a composition fixes."""

    clouds: np.ndarray
    back: list[Layer]
    rocks: list[Layer]
    front: list[Layer]
    lace: np.ndarray
    bursts: list[Burst]
    drops: States
    surf: States | None
    lamp: np.ndarray


def _stone(b: Grid, top: np.ndarray, seed: float, lit: float = 1.) -> list[Layer]:
    """A rock below the line `top`: lit on one side, with facets."""
    slope = np.gradient(np.broadcast_to(top, b.y.shape), axis=1) * 2 * b.n * .25
    shade = np.clip(.85 + .5 * lit * np.clip(slope, -1, 1) + .9 * (fbm(b.x * .8 + seed, b.y * .6) - .5), .3, 1.5)
    return [Layer("accent", b.edge(b.y - top), .12, shade + .35 * smooth(.03, 0, b.y - top))]


def _rock(b: Grid) -> tuple[list[Layer], list[Layer], list[Layer]]:
    back = [Layer("land", b.edge(b.y - SHORE[0] + .13 * ridge(b.x, .2, .4, .9) * smooth(.45, .8, b.x)), .8)]
    top = .92 - .36 * np.exp(-(np.abs(b.x - .34) / .15) ** 1.8) - .20 * np.exp(-((b.x - .55) / .07) ** 2) - .05 * (ridge(b.x, .7, .8, 4.) - .5)
    return back, _stone(b, np.where(np.abs(b.x - .42) < .34, top, 2), .1), []


def _lighthouse(b: Grid) -> tuple[list[Layer], list[Layer], list[Layer]]:
    back = [Layer("land", b.edge(b.y - SHORE[1] + .10 * ridge(b.x, .6, .4, 1.2) * smooth(.5, .2, b.x)), .8)]
    x, y = b.x - .77, b.y
    pier = .66 - .012 * np.sign(np.sin(b.x * 45)) + .10 * smooth(.54, .47, b.x) + 2 * (b.x < .44)
    tower = np.minimum(.045 + .05 * (y - .18) - np.abs(x), np.minimum(y - .20, .68 - y))
    bands = np.floor((y - .20) / .095) % 2
    side = 1.05 - 5 * x
    rocks = [Layer("white", b.edge(tower), .1, side), Layer("accent", b.edge(tower) * (bands == 1), .1, side),
             Layer("dark", box(b, .705, .835, .185, .203), .05), Layer("lamp", box(b, .738, .802, .125, .187)),
             Layer("dark", b.edge(np.minimum(.004 - np.abs(np.abs(x) - .017), np.minimum(y - .125, .187 - y)))),
             Layer("accent", b.edge(np.minimum(.055 - np.abs(x) - 1.0 * (.128 - y), .128 - y)), .05, .8),
             Layer("dark", box(b, .757, .783, .60, .665), .1)]
    return back, rocks + [Layer("stone", layer.mask, .12, layer.shade) for layer in _stone(b, pier, .4, .5)], []


def _beach(b: Grid) -> tuple[list[Layer], list[Layer], list[Layer]]:
    d = _inland(b)
    grass = smooth(.22, .30, d + .1 * (fbm(b.x * .6, b.y * .6) - .5))
    back = [Layer("sand", smooth(-.06, .05, d), 0, .85 + .3 * fbm(b.x * 1.4, b.y * 1.4)), Layer("dune", grass, 0, .6 + .8 * fbm(b.x * 2, b.y * 2))]
    rocks: list[Layer] = []
    for (x0, y0, r, _), seed in zip(BURSTS[2], (.2, .6), strict=True):
        x, y = b.x - x0, b.y - y0
        turn = np.arctan2(y, x)
        inside = r * .33 * (.85 + .13 * np.cos(turn * 3 + seed * 9) + .09 * np.cos(turn * 7 + 1)) - np.hypot(x, y)
        rocks.append(Layer("accent", b.edge(inside), 0, np.clip(1.0 - 3.5 * x - 3.5 * y + 1.2 * (fbm(b.x + seed, b.y) - .5), .35, 1.6)))
    for x0, y0, tint in ((.72, .82, "accent"), (.88, .70, "stone")):                   # parasols
        turn = np.arctan2(b.y - y0, b.x - x0)
        rocks += [Layer("dark", .4 * disc(b, x0 + .025, y0 + .03, .07)), Layer(tint, disc(b, x0, y0, .07)),
                  Layer("white", disc(b, x0, y0, .07) * (np.cos(turn * 4) > 0), 0, .95)]
    return back, rocks, []


def _inland(b: Grid) -> np.ndarray:
    """How far up the beach a point lies, from above."""
    return (b.x * .62 + b.y * .78 - .82) + .035 * np.sin(6 * (b.x - b.y)) + .015 * np.sin(15 * (b.x - b.y) + 1)


def _arch(b: Grid) -> tuple[list[Layer], list[Layer], list[Layer]]:
    shore = SHORE[3]
    hull = np.minimum(np.minimum(.05 - .6 * (b.y - shore + .01) - np.abs(b.x - .52), b.y - shore + .012), shore + .022 - b.y)
    sail = np.minimum(np.minimum((b.y - shore + .12) * .45 - (b.x - .515), b.x - .515), shore - .018 - b.y)
    back = [Layer("accent", b.edge(hull), .2), Layer("white", b.edge(sail), .2)]
    rocks: list[Layer] = []
    for x0, wide, high, seed in ((.27, .10, .24, .1), (.75, .08, .27, .6)):
        top = .86 - high * np.exp(-(np.abs(b.x - x0) / wide) ** 2.6) - .04 * (ridge(b.x, seed, .8, 5.) - .5)
        rocks += _stone(b, np.where(np.abs(b.x - x0) < wide * 1.55, top, 2), seed)
    x, y = b.x - .5, b.y - .62
    turn = np.arctan2(y, x)
    hole = .44 + .04 * np.sin(turn * 4 + .6) + .025 * np.sin(turn * 9 + 2) + .015 * np.sin(turn * 17) - np.hypot(x * (1 + .1 * (y < 0)), y * .80)
    shade = (.5 + .6 * fbm(b.x * .7, b.y * .5)) * (1 + 1.2 * smooth(-.06, 0, hole))
    return back, rocks, [Layer("cave", b.edge(-hole), 0, shade)]


_SCENES = (_rock, _lighthouse, _beach, _arch)


def _draw_bursts(g: Grid, composition: int) -> list[Burst]:
    """The fingers of each burst, a little different in each state."""
    bursts = []
    for k, (x0, y0, size, fan) in enumerate(BURSTS[composition]):
        reach = size * 1.1
        span = [slice(max(int((v - reach) * g.n), 0), min(int((v + reach) * g.n) + 1, g.n)) for v in (y0, x0)]
        y, x = g.y[span[0], span[1]] - y0, g.x[span[0], span[1]] - x0
        turn, far = np.arctan2(-y, x), np.hypot(x, y)
        fingers = []
        for s in range(NUM_STATES):
            step = s / NUM_STATES
            n = fbm(np.cos(turn) * .28 + .31 * k + .13 * composition, np.sin(turn) * .28 + .06 * np.sin(2 * np.pi * step))
            ragged = fbm(x * .9 + .5 * k, y * .9 + .03 * np.cos(2 * np.pi * step)) - .5
            spikes = np.abs(np.cos(turn * (8 if fan else 6) + .35 * np.sin(2 * np.pi * step) + 1.1 * ragged + k))
            fingers.append(size * np.clip(.24 + .50 * n + .36 * spikes * (.4 + n) + .30 * ragged, .1, 1.1)
                           * (np.sqrt(np.sin(np.clip(turn, 0, np.pi))) if fan else 1))
        bursts.append(Burst(span[0], span[1], far, np.stack(fingers).astype(np.float32)))
    return bursts


def _drop(x0: float, y0: float, r: float) -> Shape:
    return lambda x, y: r - np.hypot(x - x0, y - y0)


def _draw_drops(g: Grid, composition: int) -> States:
    """Drops thrown out of the bursts, further out in each state; the further, the stronger the burst must be."""
    states = States.empty(NUM_STATES, g.n)
    for k, (x0, y0, size, fan) in enumerate(BURSTS[composition]):
        for j in range(54 if fan else 40):
            turn = np.pi * (.12 + .76 * rnd(j, 3 + k).item()) if fan else 2 * np.pi * rnd(j, 3 + k).item()
            for s in range(NUM_STATES):
                out = .25 + .85 * ((rnd(j, 5 + k).item() + s / NUM_STATES * .5) % 1)
                x, y = x0 + np.cos(turn) * out * size * .9, y0 - np.sin(turn) * out * size
                r = .006 + .008 * rnd(j, 7).item() ** 2
                states.stamp(s, g, (x - r, x + r, y - r, y + r), _drop(x, y, r), out * .85 - .05, alpha=.95)
    return states


def _draw_surf(g: Grid) -> States:
    """Bands of foam that run up the beach, from above: each state a step nearer to the sand."""
    states, d = States.empty(5, g.n), _inland(g)
    lace = fbm(g.x * 1.1, g.y * 1.1)
    for s in range(5):
        for m in range(4):
            at = -.62 + .17 * (m + s / 5)
            thick = .010 + .018 * m
            u = (at - d) / thick
            mask = smooth(-.5, .1, u) * smooth(2.2, .2, u) * smooth(.30, .55, lace + .35 * (1 - np.abs(u)).clip(0))
            mask = mask * (min(1., (at + .66) * 7) * smooth(.06, -.02, at))
            new = mask > states.masks[s]
            states.keys[s][new] = (.75 - .25 * m + .5 * lace)[new]
            states.masks[s] = np.maximum(states.masks[s], mask)
    return states


@lru_cache(maxsize=16)
def _layout(n: int, composition: int) -> Layout:
    """Everything that depends on the composition and the size alone."""
    b, g = Grid(2 * n), Grid(n)
    back, rocks, front = (half_layers(layers) for layers in _SCENES[composition](b))
    x, y = (.77, .157) if composition == 1 else SUN[composition]
    beam = glow(g, x, y, .12) + .6 * smooth(.14, 0, np.abs(g.y - y - .25 * (g.x - x)) / (np.abs(g.x - x) + .25)) * np.exp(-np.abs(g.x - x) * 2.5)
    lace = fbm(g.x * 1.3, g.y * 1.3) if composition == 2 else fbm(g.x * .9, g.y * 2.1 + .3)
    return Layout(fbm(g.x * .4 + .27 * composition, g.y * 1.3 + .1), back, rocks, front, lace, bursts=_draw_bursts(g, composition),
                  drops=_draw_drops(g, composition), surf=_draw_surf(g) if composition == 2 else None,
                  lamp=beam if composition == 1 else np.zeros_like(g.y))


def _palette(s: Scene) -> dict[str, np.ndarray]:
    """Colours by role: hour gives the light, hue the sea (green to violet blue), accent the rock, the stripes, the boat."""
    day = C(s.hour, "ffffff f0b8a0 4c5c98")
    rows = {"land": "6c8c6c 6c8ca0 7c84b0", "stone": "6a685c 60666e 646480", "sand": "d8c488 e0cca0 dcc8b4", "dune": "7c9048 84985c 7c9478",
            "white": "f4f0e8", "dark": "20242c"}
    colours = {role: C(s.hue, row) * day for role, row in rows.items()}
    colours["cave"] = C(s.hue, "342c28 2c2c34 2c2c44") * (.45 + .55 * day)
    colours["accent"] = C(s.accent, "c84038 b07838 587058 405888 785090") * (.2 + .8 * day)
    colours["lamp"] = C(0, "fff0a0") * (.3 + .7 * s.glow)
    colours["haze"] = C(s.hour, "dcecf0 f4ccb4 4c5c90")
    colours["foam"] = C(s.hour, "ffffff fff0e4 bccaf0")
    for k, row in enumerate(("88dcc0 80d4e0 98bcf0", "40bc9c 3cb4cc 5c94dc", "20987c 1c94b4 3c70c4", "0c7864 0c7498 2854a4", "085448 08507c 183c80")):
        colours[f"sea{k}"] = C(s.hue, row) * day
    return colours


def _still(g: Grid, s: Scene, layout: Layout, colours: dict[str, np.ndarray]) -> np.ndarray:
    """Sky, sun or moon, clouds, far land and the bare sea (or sea and sand from above)."""
    c, haze = s.composition, colours["haze"]
    if c == 2:
        img = ramp(smooth(-.75, .05, _inland(g)), [colours[f"sea{k}"] for k in (4, 3, 2, 1, 0)])
        img *= 1 - .35 * s.clouds * smooth(.4, .65, layout.clouds)                     # shadows of clouds
        compose(img, layout.back, colours, 0)
        net = smooth(.07, .01, np.abs(layout.lace - .5)) * smooth(.0, -.2, _inland(g))  # glitter
        img += colours["foam"] * ((.06 + .3 * s.glow) * net)
        return over(img, haze, .5 * s.haze * smooth(.9, 0, g.y))
    shore, (x, y) = SHORE[c], SUN[c]
    img = ramp(g.y / shore, [C(s.hour, "2c80c8 46509c 0c1230"), C(s.hour, "84c4e8 d88c88 1c2854"), C(s.hour, "def0f0 fcd098 405088")], [0, .6, 1])
    sun = C(s.hour, "fff4cc ffd888 e8ecff")
    img += sun * ((.08 + .5 * s.glow) * glow(g, x, y, .24))
    over(img, np.minimum(sun * 1.1, 1), g.edge(.035 + .03 * s.glow - np.hypot(g.x - x, g.y - y)) * (.4 + .6 * s.glow))
    cover = smooth(.70 - .45 * s.clouds, .86 - .4 * s.clouds, layout.clouds)
    over(img, (haze + .25 * (layout.clouds - .5)) * (1.04 - .3 * s.clouds), .9 * cover * (.35 + .65 * s.clouds))
    over(img, haze, (.15 + .8 * s.haze) * smooth(shore - .25, shore, g.y))
    compose(img, layout.back, colours, s.haze)
    water = g.edge(g.y - shore)
    over(img, colours["sea0"] + (haze - colours["sea0"]) * (.35 + .6 * s.haze), water)
    img += sun * (water * (.1 + .6 * s.glow) * (1 - .7 * s.clouds) * np.exp(-((g.x - x) / .13) ** 2) * smooth(.5, .62, layout.lace))
    return img


def _wave(out: np.ndarray, g: Grid, wave: tuple[float, ...], place: float, colours: list[np.ndarray], lace: np.ndarray,
          e: float, phase: float) -> None:
    """One wave, in place: its body, its lace of foam, its white cap; `place` runs from 0 (far) to 1 (near)."""
    foot, high, count, start, way = wave
    first = max(int((foot - 1.4 * high - .02) * g.n), 0)
    x, y, out, lace = g.x[0], g.y[first:], out[:, first:], lace[first:]
    run = count * x - way * phase + start
    crest = .8 * (1 - np.abs(np.sin(np.pi * run))) ** 1.5 + .2 * (.5 + .5 * np.sin(2 * np.pi * (run * 2 + .2)))
    wet = y - (foot - high * (.25 + 1.25 * e) * (crest - .25))
    mask, deep = g.edge(wet), np.maximum(wet, 0)
    fade = np.exp(-deep / (.03 + .06 * place))
    foam, body, bright = colours
    tone = body + (bright - body) * fade
    over(tone, foam, (.12 + .5 * e) * smooth(.52, .66, lace) * fade)
    over(out, tone, mask)
    cap = (.004 + .008 * place + .055 * place * e * smooth(.25, .95, crest)) * (.5 + lace)
    over(out, foam, mask * g.edge(cap - wet) * (.3 + .65 * e))


def _spray(out: np.ndarray, layout: Layout, foam: np.ndarray, e: float, phase: float) -> None:
    """The bursts of foam, in place."""
    weights = turn_weights(phase, NUM_STATES)
    for burst in layout.bursts:
        reach = sum(w * r for w, r in zip(weights, burst.reach, strict=True) if w > 0)
        part = out[:, burst.rows, burst.columns]
        edge = reach * (.06 + .94 * e) - burst.far
        strength = min(1., .2 + 3 * e)
        over(part, foam * .93, smooth(-.01, .035, edge) * (.7 * strength))
        over(part, foam, smooth(0, .05, edge - .28 * reach * e) * (.95 * strength))


def paint(grid: Grid, scene: Scene) -> Callable[[float, float], np.ndarray]:
    """Paint the still layers of a sea that splashes; give back frame(envelope, phase) -> float32 [3, n, n], about 0..1."""
    c = scene.composition
    layout, colours = _layout(grid.n, c), _palette(scene)
    foam, still, waves = colours["foam"], _still(grid, scene, layout, colours), WAVES[c]
    rocks = compose(still.copy(), layout.rocks, colours, scene.haze)
    rock_mask = 1 - np.prod([1 - layer.mask for layer in layout.rocks], axis=0)
    front = compose(still.copy(), layout.front, colours, 0)
    front_mask = layout.front[0].mask if layout.front else None
    night = (.25 + .75 * scene.hour) * scene.glow
    beam = C(0, "ffe890") * (layout.lamp * .7 * night)

    def frame(envelope: float, phase: float) -> np.ndarray:
        e = np.float32(envelope)
        out = still.copy()
        if layout.surf is not None:
            over(out, foam, .9 * layout.surf.seen(.15 + 1.1 * envelope, phase, 4))
            _spray(out, layout, foam, e, phase)
            over(out, rocks, rock_mask)
        for k, wave in enumerate(waves):
            if k == BURST_BEFORE[c]:
                _spray(out, layout, foam, e, phase)
                over(out, rocks, rock_mask)
            shade = min(k + 5 - len(waves), 4)
            tones = [foam, colours[f"sea{shade}"], colours[f"sea{max(shade - 1, 0)}"] * 1.1]
            _wave(out, grid, wave, (k + 1) / len(waves), tones, lace=layout.lace, e=e, phase=phase)
        over(out, foam, layout.drops.seen(.1 + .95 * envelope, phase))
        if c == 1:
            out += beam
        if front_mask is not None:
            over(out, front, front_mask)
        return out
    return frame


def envelope(gait: Gait) -> Curve:
    """The hidden cause of a clip over time, about 0..1."""
    slow = gait.between(1, 1.9)
    return 0.08 + 0.9 * gait.strokes((1.0 * slow, 2.0 * slow), 0.35 * slow, 0.42 * slow)


SCENE = SceneKind(
    name="splashing water",
    paint=paint,
    sound=sound,
    envelope=envelope,
    wordings=(
        "splashing water", "waves", "sea waves", "waves breaking on the shore", "surf", "splashing sea", "ocean waves", "ocean", "sea",
        "waves against a rock", "waves on the beach",
    ),
)
