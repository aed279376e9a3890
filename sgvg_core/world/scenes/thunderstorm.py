"""Thunderstorm: mountains over a lake, a city, a ship on the sea, a lone tree in the plain."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..backdrop import shade, tint
from ..gait import Curve, Gait
from ..paint import C, Grid, billow, fbm, glow, halve, land, over, pines, ramp, ridge, rnd, rolling, smooth, turn_weights
from ..scene import Scene, SceneKind
from ..sounds.thunderstorm import sound

NUM_STATES = 4
SHORE = (0.68, 0.8, 0.66, 0.8)
SKY = ("566078 342a50 0c1024", "8088a0 5c4878 242c50", "b8bcc4 a87890 4c5484")
# roots of the strokes of each state: x at the top, lean, height where it ends
STROKES = (
    ((0.3, 0.1, 0.66), (0.62, -0.12, 0.66), (0.45, 0.16, 0.6)),
    ((0.2, 0.08, 0.6), (0.8, -0.1, 0.55), (0.55, 0.05, 0.42)),
    ((0.7, 0.1, 0.66), (0.16, 0.05, 0.66), (0.88, -0.08, 0.66)),
    ((0.28, 0.12, 0.8), (0.75, 0.04, 0.78), (0.5, -0.3, 0.76)),
)


def paint(grid: Grid, scene: Scene) -> Callable[[float, float], Any]:
    """What stands still, and the frame of a strength and a phase."""
    b, g, c = Grid(2 * grid.n), grid, scene.composition
    land_image, mask, lamps = (_lake, _city, _ship, _plain)[c](b, scene)
    dull = ramp(b.y / SHORE[c], [C(scene.hour, shades) * tint(scene) for shades in SKY], [0, 0.6, 1])
    dull, land_image, mask, lamps = halve(dull, land_image, mask, lamps)
    heap, light = billow(g.x * 0.35 + 0.23 * c, g.y * 0.8 + 0.31 * c)
    cover = smooth(-0.15, 0.2, heap - 0.5 + (0.32 + 0.2 * scene.clouds - g.y) * 1.4)
    dark, pale = shade(scene, "4a5064", "342840", "0c0e20"), shade(scene, "a4a8b4", "806880", "3c4468")
    flash_colour = C(scene.accent, "cfc8ff f4d8ff d0f4ff")
    bolts = [_bolt(g, *stroke, seed=7 * c + i) for i, stroke in enumerate(STROKES[c])]
    rain = [_streaks(g, state, c) for state in range(NUM_STATES)]

    def frame(e: float, p: float) -> Any:
        flash = float(smooth(0.15, 0.85, e))
        weights = turn_weights(p, len(bolts))
        where = sum(w * glow(g, stroke[0] + stroke[1] * 0.4, 0.2, 0.4, 1.2) for w, stroke in zip(weights, STROKES[c], strict=True))
        out = dull * (0.9 + 0.35 * flash)
        lit = flash * (0.25 + 0.9 * where) * (0.6 + 0.6 * scene.glow)
        over(out, np.clip(dark + (pale - dark) * light * 0.8 + flash_colour * lit * (0.15 + 0.7 * light), 0, 1), cover)
        for weight, (core, halo) in zip(weights, bolts, strict=True):
            if weight > 0:
                out += flash_colour * (halo * (flash * weight * 0.7))
                over(out, np.minimum(flash_colour * 0.3 + 0.75, 1), core * min(1.0, flash * weight * 1.8))
        over(out, land_image * (0.75 + 0.75 * flash * (0.5 + where)) + flash_colour * (0.06 * flash), mask)
        over(out, C(0, "ffd888"), lamps * (0.4 + 0.6 * scene.glow))
        wet = sum(w * mask_of for w, mask_of in zip(turn_weights(p, NUM_STATES), rain, strict=True))
        over(out, pale * 0.6 + 0.35, wet * (0.12 + 0.4 * e))
        return out

    return frame


def _bolt(g: Grid, x0: float, lean: float, end: float, seed: int) -> tuple[Any, Any]:
    """One stroke with two branches: its core and its glow."""

    def line(x: float, slope: float, top: float, low: float, key: int, wide: float) -> tuple[Any, Any]:
        t = (g.y[:, :1] - top) / (low - top)
        path = x + slope * t + np.interp(t, np.linspace(0, 1, 10), np.cumsum(rnd(np.arange(10), key) - 0.5) * 0.075)
        d = np.abs(g.x - path) / np.sqrt(1 + (np.gradient(path[:, 0]) / g.px)[:, None] ** 2)
        on = smooth(0, 0.03, t) * (t < 1)
        return on * g.edge(wide * (1.3 - 0.5 * t) - d), on * np.exp(-d / 0.03)

    parts = [line(x0, lean, 0.1, end, seed, wide=0.0095)]
    parts.append(line(x0 + 0.35 * lean, lean + 0.17, 0.26, end - 0.12, seed + 40, wide=0.0055))
    parts.append(line(x0 + 0.5 * lean, lean - 0.2, 0.36, end - 0.08, seed + 80, wide=0.005))
    return np.maximum.reduce([core for core, _ in parts]), np.maximum.reduce([halo for _, halo in parts])


def _streaks(g: Grid, state: int, seed: int) -> Any:
    """Slanted rain in one of its states."""
    u = (g.x + 0.22 * g.y) * 26
    cell = np.floor(u)
    v = (g.y - state / NUM_STATES * 0.22) / 0.22 + rnd(cell, seed) * 7
    row = np.floor(v)
    there = rnd(cell + 57 * row, seed + 1) < 0.35
    return there * np.clip(1 - np.abs(u - cell - 0.5) / 0.22, 0, 1) * smooth(0.1, 0.4, v - row) * smooth(0.95, 0.6, v - row)


def _lake(b: Grid, s: Scene) -> tuple[Any, Any, Any]:
    img = np.zeros((3, b.n, b.n), np.float32)
    mask = np.zeros_like(b.y)
    for i in range(3):
        top = 0.68 - (0.22 - 0.06 * i) * (0.3 + ridge(b.x, 0.2 + i * 0.31, 0.6, 1.1 + 0.5 * i))
        noon, dusk, night = (("7c84a0", "584a78", "2c3460"), ("5c6480", "40365c", "1c2444"), ("444c64", "2c2644", "10162e"))[i]
        mask = np.maximum(mask, land(img, b, top, shade(s, noon, dusk, night, 0.8 - 0.25 * i)))
    deep = np.clip((b.y - 0.68) / 0.32, 0, 1)
    ripples = smooth(0.4, 0.6, fbm(b.x * 0.3, b.y * 4))
    over(img, shade(s, "6c7890", "54406c", "1c2448") * (1.05 - 0.4 * deep) * (0.85 + 0.3 * ripples), b.edge(b.y - 0.68))
    near = 0.94 - 0.08 * rolling(b.x, 0.3, 0.6)
    front = np.maximum(b.edge(b.y - near), pines(b, near + 0.01, 12, 0.17, 0.2))
    over(img, shade(s, "2c3840", "1c1826", "070a14"), front)
    return img, np.maximum(np.maximum(mask, b.edge(b.y - 0.68)), front), np.zeros_like(b.y)


def _city(b: Grid, s: Scene) -> tuple[Any, Any, Any]:
    img, mask, lamps = np.zeros((3, b.n, b.n), np.float32), np.zeros_like(b.y), np.zeros_like(b.y)
    for layer, (count, base, tall) in enumerate(((11, 0.9, 0.42), (7, 1.0, 0.46))):
        cell = np.floor(b.x * count + 0.3 * layer)
        at = b.x * count + 0.3 * layer - cell
        high = base - tall * (0.35 + 0.65 * rnd(cell, 3 + layer).reshape(b.y.shape))
        body = b.edge(b.y - high) * b.edge((0.47 - np.abs(at - 0.5)) / count)
        over(img, shade(s, ("78809c", "4c5468")[layer], ("54466c", "30283e")[layer], ("242c50", "10142a")[layer], 0.7 - 0.5 * layer), body)
        mask = np.maximum(mask, body)
        lamps = lamps * (1 - body)
        wx, wy = (at * 4) % 1, (b.y * 26) % 1
        key = cell * 131 + np.floor(at * 4) * 17 + np.floor(b.y * 26) * 7
        awake = rnd(key, 9 + layer).reshape(b.y.shape) < 0.35
        window = (np.abs(wx - 0.5) < 0.26) * (np.abs(wy - 0.5) < 0.3) * awake * (b.y > high + 0.02) * (np.abs(at - 0.5) < 0.42)
        lamps = np.maximum(lamps, window * body)
    ground = b.edge(b.y - 0.965)
    over(img, shade(s, "3c4048", "241e2c", "0a0c16"), ground)
    return img, np.maximum(mask, ground), lamps * (1 - ground)


def _ship(b: Grid, s: Scene) -> tuple[Any, Any, Any]:
    img, sea = np.zeros((3, b.n, b.n), np.float32), b.edge(b.y - 0.66)
    for i in range(5):
        d = i / 4
        crest = 0.8 * (1 - np.abs(np.sin(np.pi * ((2.3 - 1.2 * d) * b.x + 0.37 * i)))) ** 1.5
        under = b.y - 0.66 - 0.3 * d**1.2 + (0.015 + 0.06 * d) * crest
        colour = shade(s, "5c7084", "4c3a60", "1a2244") * (1.15 - 0.14 * i)
        over(img, colour + 0.16 * np.exp(-np.maximum(under, 0) / 0.012), b.edge(under))
    x, y = b.x - 0.47, b.y - 0.74
    hull = b.edge(np.minimum(np.minimum(0.055 - np.abs(y - 0.015), 0.2 - 0.9 * np.maximum(y, -0.04) - np.abs(x)), 0.2))
    over(img, C(s.accent, "5a2c2c 34344c 2c4840") * C(s.hour, "ffffff c0a0b0 606880"), hull)
    mask = np.maximum(sea, hull)
    for mast, tall in ((-0.09, 0.3), (0.05, 0.36)):
        pole = b.edge(0.006 - np.abs(x - mast)) * (y < -0.03) * (y > -tall)
        sail = b.edge(np.minimum(0.075 * np.clip((y + tall) / (tall - 0.1), 0, 1) - np.abs(x - mast - 0.02), np.minimum(-0.08 - y, y + tall - 0.02)))
        over(img, shade(s, "e0dcd0", "b0909c", "5c6484"), sail)
        over(img, shade(s, "4a3a34", "30242c", "12121e"), pole)
        mask = np.maximum(np.maximum(mask, pole), sail)
    lamp = b.edge(0.013 - np.hypot(x + 0.17, y + 0.06))
    return img, np.maximum(mask, lamp), lamp


def _plain(b: Grid, s: Scene) -> tuple[Any, Any, Any]:
    img = np.zeros((3, b.n, b.n), np.float32)
    far = land(img, b, 0.79 - 0.04 * rolling(b.x, 0.7, 0.6), shade(s, "78848c", "54486c", "20284a", 0.8))
    field = land(img, b, 0.82 - 0.03 * rolling(b.x, 0.2, 0.9), shade(s, "6c7a58", "4a3c4c", "141a30") * (0.8 + 0.4 * fbm(b.x * 0.6, b.y * 3)))
    t = np.clip((0.88 - b.y) / 0.34, 0, 1)
    tree = b.edge(0.022 * (1.2 - t) - np.abs(b.x - 0.63 - 0.02 * np.sin(4 * t))) * (b.y < 0.88) * (b.y > 0.5)
    for j in range(14):
        a = j * 2.4
        r = 0.05 + 0.03 * rnd(j, 4).item()
        tree = np.maximum(tree, b.edge(r - np.hypot(b.x - 0.63 - 0.12 * np.cos(a) * np.sqrt(j / 14), b.y - 0.5 - 0.09 * np.sin(a) * np.sqrt(j / 14))))
    over(img, shade(s, "3c4c40", "2a2430", "090c18"), tree)
    fence = (b.edge(0.006 - np.abs((b.x * 9) % 1 - 0.5) / 9) * (np.abs(b.y - 0.91) < 0.035)) + b.edge(0.005 - np.abs(b.y - 0.895))
    over(img, shade(s, "5a4c40", "3a2c34", "12121e"), np.clip(fence, 0, 1))
    return img, np.maximum.reduce([far, field, tree, np.clip(fence, 0, 1)]), np.zeros_like(b.y)


def envelope(gait: Gait) -> Curve:
    """The hidden cause of a clip over time, about 0..1."""
    return 0.06 + 0.94 * gait.strokes((1.2, 4.0), 0.04, gait.between(0.5, 1.1), 0.55)


SCENE = SceneKind(
    name="thunderstorm",
    paint=paint,
    sound=sound,
    envelope=envelope,
    wordings=(
        "thunderstorm", "thunder and lightning", "lightning storm", "storm with thunder", "thunder over the hills", "bolt of lightning",
        "thunder", "lightning", "storm", "thunderclap", "lightning strike over a dark lake",
    ),
)
