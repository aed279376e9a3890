"""Squishing water: boots that tread a puddle: a pair in the marsh, one boot from near, two walkers, footprints seen from above."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..backdrop import shade, sky, veil
from ..paint import C, Grid, billow, dots, fbm, halve, land, over, pines, rnd, rolling, smooth, turn_weights
from ..scene import Scene

NUM_STATES = 5
SKY = ("5f8fb0 584870 0e1634", "a4c4cc b47c88 222e58", "e8e8d4 f4c498 4c5888")
HORIZON = (0.32, 0.2, 0.36, 0.0)


class Boot(NamedTuple):
    """A boot: where its sole is when it treads, its size, the way it points, and whether it treads (or stands)."""

    x: float
    y: float
    size: float
    way: int
    treads: bool


BOOTS = (
    (Boot(0.36, 0.7, 1.0, 1, False), Boot(0.53, 0.74, 1.0, 1, True)),
    (Boot(0.5, 0.76, 1.75, -1, True),),
    (Boot(0.22, 0.66, 0.62, 1, True), Boot(0.31, 0.645, 0.62, 1, False), Boot(0.66, 0.78, 0.75, -1, True), Boot(0.79, 0.755, 0.75, -1, False)),
    (Boot(0.37, 0.55, 1.0, 1, True), Boot(0.63, 0.48, 1.0, 1, False)),
)


def paint(grid: Grid, scene: Scene) -> Callable[[float, float], Any]:
    """What stands still, and the frame of a strength and a phase."""
    b, g, boots = Grid(2 * grid.n), grid, BOOTS[scene.composition]
    above = scene.composition == 3
    still, puddle, reeds = halve(*_marsh(b, scene))
    mud = shade(scene, "6a5038", "4a3438", "221f30")
    foam = shade(scene, "f0ece0", "f0d0bc", "98a4c4")
    coat = C(scene.accent, "e8b820 d8402c 2f8f6a 2f6fb0") * C(scene.hour, "ffffff d8b0a8 7078a0")
    sole = _from_above if above else _boot
    treading = [boot for boot in boots if boot.treads]
    rings = [[_rings(g, boot, state) for state in range(NUM_STATES)] for boot in treading]
    k = np.arange(26)

    def frame(e: float, p: float) -> Any:
        out, weights = still.copy(), turn_weights(p, NUM_STATES)
        press = float(smooth(0, 0.8, e))
        for boot, states in zip(treading, rings, strict=True):
            wave = sum(w * state for w, state in zip(weights, states, strict=True))
            away = np.hypot(g.x - boot.x, (g.y - boot.y) * (1.0 if above else 2.6)) / boot.size
            over(out, foam, puddle * np.clip(wave * np.exp(-away * (9 - 6 * e)) * (0.15 + 1.1 * e), 0, 0.85))
            over(out, mud * 0.6, np.exp(-((away / (0.1 + 0.05 * press)) ** 2)) * (0.25 + 0.6 * press))
        for boot in boots:
            lift = (1 - press) * 0.13 * boot.size if boot.treads else 0.0
            for colour, mask in sole(g, boot, lift, coat):
                over(out, colour, mask)
            if boot.treads and not above:
                away = ((g.x - boot.x) / (0.13 * boot.size)) ** 2 + ((g.y - boot.y - 0.012 * boot.size) / (0.034 * boot.size)) ** 2
                over(out, mud * 0.8, np.clip(3 - 3 * away, 0, 1) * press)
        for boot in treading:
            crown = np.hypot((g.x - boot.x) / 1.0, (g.y - boot.y) * (1.0 if above else 2.6)) / boot.size - (0.12 + 0.05 * e)
            over(out, foam, 0.85 * np.exp(-((crown / 0.022) ** 2)) * smooth(0.35, 0.85, e) * ((g.y > boot.y - 0.01) | above))
            for state, weight in enumerate(weights):
                seen = weight * np.clip((e - 0.1 - 0.75 * rnd(k, 5)) * 5, 0, 1)
                if weight <= 0 or seen.max() <= 0:
                    continue
                u, aim = (rnd(k, 6) + state / NUM_STATES) % 1, 2 * rnd(k, 7) - 1
                if above:
                    turn = 2 * np.pi * rnd(k, 7)
                    x, y = boot.x + np.cos(turn) * (0.1 + 0.2 * u), boot.y + np.sin(turn) * (0.1 + 0.2 * u)
                else:
                    x = boot.x + aim * boot.size * (0.09 + 0.17 * u)
                    y = boot.y - 0.01 - boot.size * (0.08 + 0.2 * e * rnd(k, 8)) * 4 * u * (1 - u)
                size = boot.size * (0.007 + 0.007 * rnd(k, 9))
                over(out, mud * 0.8, dots(g, x, y, size, seen))
                over(out, foam, dots(g, x - size * 0.25, y - size * 0.3, size * 0.5, seen))
        return over(out, shade(scene, "3c4428", "2c2428", "0c1018"), reeds)

    return frame


def _boot(g: Grid, boot: Boot, lift: float, coat: Any) -> list[tuple[Any, Any]]:
    """A rubber boot from the side: its colours and masks, painted in order."""
    x, y = (g.x - boot.x) * boot.way / boot.size, (g.y - boot.y + lift) / boot.size

    def box(u: Any, v: Any, half_u: float, half_v: float, r: float) -> Any:
        return g.edge((r - np.hypot(np.maximum(np.abs(u) - half_u, 0), np.maximum(np.abs(v) - half_v, 0))) * boot.size)

    shaft, foot = box(x + 0.045, y + 0.19, 0.035, 0.14, 0.02), box(x - 0.005, y + 0.04, 0.075, 0.01, 0.034)
    light = np.clip(0.9 - 4.5 * (x + 0.03), 0.55, 1.25)
    return [
        (np.minimum(coat * light, 1), np.maximum(shaft, foot)),
        (coat * 0.45, foot * g.edge((y + 0.018) * boot.size)),
        (np.minimum(coat * 1.2 + 0.15, 1), box(x + 0.045, y + 0.34, 0.045, 0.008, 0.012)),
        (np.minimum(coat + 0.5, 1), box(x + 0.07, y + 0.2, 0.002, 0.09, 0.006)),
    ]


def _from_above(g: Grid, boot: Boot, lift: float, coat: Any) -> list[tuple[Any, Any]]:
    """A rubber boot seen from above: toe, heel and the opening of the shaft; lifted ones look larger."""
    size = 1 + 2.2 * lift
    x, y = (g.x - boot.x) / size, (g.y - boot.y) / size

    def oval(v: float, wide: float, high: float) -> Any:
        return g.edge((1 - np.hypot(x / wide, (y - v) / high)) * min(wide, high) * size)

    return [
        (coat * 0.6, g.edge((1 - np.hypot((x - 0.012 - lift * 0.2) / 0.08, (y + 0.01 - lift * 0.2) / 0.17)) * 0.08) * 0.5),
        (np.minimum(coat * (1.0 - 1.2 * x), 1), np.maximum(oval(-0.07, 0.068, 0.11), oval(0.06, 0.062, 0.085))),
        (np.minimum(coat * 1.2 + 0.12, 1), oval(0.06, 0.056, 0.062)),
        (coat * 0.25, oval(0.06, 0.043, 0.048)),
        (np.minimum(coat + 0.4, 1), oval(-0.11, 0.022, 0.035) * 0.7),
    ]


def _rings(g: Grid, boot: Boot, state: int) -> Any:
    """Rings on the puddle in one of their states, in 0..1."""
    squash = 1.0 if boot.y < 0.6 else 2.6
    away = np.hypot(g.x - boot.x, (g.y - boot.y) * squash) / boot.size
    return smooth(0.1, 0.9, np.sin(2 * np.pi * (away / 0.085 - state / NUM_STATES)))


def _marsh(b: Grid, s: Scene) -> tuple[Any, Any, Any]:
    """The still picture, the mask of the puddles, and the reeds in front."""
    horizon, c = HORIZON[s.composition], s.composition
    if c == 3:
        img = np.zeros((3, b.n, b.n), np.float32)
    else:
        img = sky(b, s, horizon, SKY, ((0.75, 0.1, 0.04), (0.2, 0.08, 0.03), (0.5, 0.12, 0.045))[c], 0.3 * c + 0.1)
        for i in range(2):
            colour = shade(s, ("90a89c", "667c60")[i], ("84647c", "543f54")[i], ("2c3860", "18223c")[i], 0.8 - 0.4 * i)
            land(img, b, horizon - (0.1 - 0.05 * i) * rolling(b.x, 0.3 * i + 0.2 * c, 1.1), colour)
        over(img, shade(s, "4c6450", "443448", "121c30", 0.3), pines(b, horizon + 0.01 + 0 * b.x, 17, 0.09, 0.3 * c))
    lump, wet = billow(b.x * 0.5 + 0.27 * c, b.y * (1.0 if c == 3 else 0.9 / (0.3 + b.y)) + 0.4 * c)
    ground = C(s.hue, "96683c 86684c 6c6650") * C(s.hour, "ffffff c89890 4a4c74")
    over(img, ground * (0.6 + 0.65 * lump) - 0.08 * np.clip(0.5 - wet, 0, 1), b.edge(b.y - horizon))
    puddle = np.zeros_like(b.y)
    spots = (
        ((0.47, 0.77, 0.42, 0.16), (0.85, 0.45, 0.11, 0.025), (0.15, 0.48, 0.1, 0.02)),
        ((0.5, 0.82, 0.5, 0.17), (0.12, 0.36, 0.14, 0.03)),
        ((0.26, 0.68, 0.24, 0.08), (0.71, 0.8, 0.27, 0.1), (0.5, 0.48, 0.12, 0.025)),
        ((0.45, 0.52, 0.4, 0.33), (0.88, 0.14, 0.13, 0.1), (0.08, 0.92, 0.14, 0.1)),
    )[c]
    for i, (x, y, wide, high) in enumerate(spots):
        blob = np.hypot((b.x - x) / wide, (b.y - y) / high) + 0.35 * (fbm(b.x * 0.6 + 0.3 * i, b.y * 0.9 + 0.21 * c) - 0.5)
        over(img, ground * 0.5, smooth(1.14, 1.0, blob) * 0.8)
        puddle = np.maximum(puddle, b.edge((1 - blob) * high * 0.6))
    mirror = shade(s, "a8bcc4", "b88890", "34426c") * (0.85 + 0.35 * fbm(b.x * 0.4 + 0.3, b.y * 1.2)) + (0.12 * s.glow) - 0.1 * s.clouds
    over(img, mirror, puddle * 0.9)
    if c == 3:
        for j, (x, y) in enumerate(((0.1, 0.3), (0.22, 0.12), (0.82, 0.85), (0.93, 0.62))):
            print_mask = np.maximum(b.edge(0.035 - np.hypot(b.x - x, (b.y - y) * 0.6)), b.edge(0.028 - np.hypot(b.x - x, b.y - y - 0.075)))
            over(img, ground * (0.42 + 0.05 * j), print_mask)
    reeds = np.zeros_like(b.y)
    for j in range(24):
        side = 1 - 2 * (j % 2)
        high = 0.16 + 0.3 * rnd(j, 6).item()
        t = np.clip((1.02 - b.y) / high, 0, 1.2)
        d = np.abs(b.x - j % 2 - side * 0.2 * rnd(j, 5).item() ** 1.3 - (0.06 * (rnd(j, 7).item() - 0.5) + 0.05 * side) * t * t)
        reeds = np.maximum(reeds, b.edge(0.008 * (1.1 - t) - d) * (t < 1))
        if j % 3 == 0:
            reeds = np.maximum(reeds, b.edge(0.0125 - d) * (t > 0.76) * (t < 0.99))
    veil(b, img, s, horizon - 0.1, horizon + 0.25, 0.7)
    return img, puddle, reeds
