"""How well edits follow what drives them: 24 films against their curves, and pictures that turn with their sound.

    python benchmarks/editing_over_time.py [--films 24] [--turns 6] [--model FOLDER] [--json]

A film holds a start of the bundled model (or of another of its nine scenes) and edits it by a smooth curve of its own: in turn the hour
("at night", or "at noon" for a dark start), read off each frame by the regression of `evaluate --table editing`, and the strength
("violent", or "calm" for a strong one), read by the judge. Given is the Pearson correlation of what's read with the curve, frame by frame,
no lag taken out.

A turn is two synthesised sounds of three seconds, one after the other, as the target of a film: given is how long after the sound's turn the
judge names the second scene (below 0: before).
"""

import argparse
import json
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from sgvg_core.assembly import BUNDLED, load_judge, load_model
from sgvg_core.editing import ResolveSettings, apply_edits, parse_edit, resolve_edits
from sgvg_core.editing.edits import Edit
from sgvg_core.editing.targets import Target, TargetPart
from sgvg_core.evaluation.judged.editing import EditingTable, hour_probe
from sgvg_core.evaluation.statistics import bootstrap
from sgvg_core.generation import Sound
from sgvg_core.world import KINDS
from sgvg_core.world.envelopes import make_envelope
from sgvg_core.world.synth import synth

_FPS, _FRAMES, _SIDE, _RATE = Fraction(12), 24, 3.0, 22_050


def smooth_curve(seed: int, num_frames: int) -> tuple[float, ...]:
    """Numbers in 0..1 that rise and fall, other ones for each seed."""
    rng = np.random.default_rng(seed)
    turns = np.linspace(0, 1, num_frames)[:, None] * rng.uniform(0.6, 2.0, 3) + rng.random(3)
    waves = np.cos(2 * np.pi * turns).sum(1)
    return tuple(((waves - waves.min()) / (waves.max() - waves.min())).tolist())


class OverTime:
    """Films of one model."""

    def __init__(self, model_folder: Path, num_starts: int) -> None:
        self.model = load_model(model_folder, "cpu")
        self.judge = load_judge(model_folder / "judge.safetensors")
        self.table = EditingTable(self.model, self.judge, num_starts=num_starts)
        self.read_hour = hour_probe(self.model)

    def frames(self, start: torch.Tensor, edit: Edit, num_frames: int) -> list[torch.Tensor]:
        """The pictures [1, 3, H, W] of an edited still."""
        (resolved,) = resolve_edits(self.model, [edit], start, ResolveSettings(num_frames, _FPS))
        ws = apply_edits(start.expand(num_frames, -1, -1), (resolved,))
        return [self.table.show(each) for each in ws.split(1)]

    @torch.no_grad()
    def follows(self, number: int) -> tuple[str, float]:
        """A film's edit, and the correlation of what's read off it with its curve."""
        start = self.table.starts[number // 2][None]
        first = self.table.show(start)
        verdict = self.judge(first)
        scene = int(verdict.logits.argmax())
        if number % 2 == 0:
            text = "at noon" if self.read_hour(first, scene) > 0.5 else "at night"
        else:
            text = "calm" if float(verdict.envelope) > 0.5 else "violent"
        curve = smooth_curve(number, _FRAMES)
        line = f"text={text}; curve={','.join(f'{value:.4f}' for value in curve)}"
        shown = self.frames(start, parse_edit(line), _FRAMES)
        read = [self.read_hour(each, scene) if number % 2 == 0 else float(self.judge(each).envelope) for each in shown]
        sign = -1 if text in ("at noon", "calm") else 1
        return f"{KINDS[scene]}, {text}", sign * float(np.corrcoef(read, curve)[0, 1]) if np.std(read) > 1e-6 else 0.0

    @torch.no_grad()
    def turn(self, number: int) -> tuple[str, float]:
        """Two sounds, and how many seconds after the turn from one to the other the picture shows the second (infinite: never)."""
        first, second = KINDS[number % 9], KINDS[(number + 4) % 9]
        parts = [synth(kind, 700_000 + number, make_envelope(kind, 700_000 + number, _SIDE, _RATE), _RATE) for kind in (first, second)]
        sound = Sound.from_waveform(torch.from_numpy(np.concatenate(parts))[None], _RATE)
        other = next(index for index, name in enumerate(KINDS) if name not in (first, second))
        shown = self.frames(self.table.starts[other][None], Edit(Target((TargetPart("sound", sound),))), int(2 * _SIDE * _FPS))
        named = [int(self.judge(each).logits.argmax()) == KINDS.index(second) for each in shown]
        stays = len(named) - next((place for place, right in enumerate(reversed(named)) if not right), len(named))
        return f"{first}, then {second}", float("inf") if stays == len(named) else stays / float(_FPS) - _SIDE


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--films", type=int, default=24)
    parser.add_argument("--turns", type=int, default=6)
    parser.add_argument("--model", type=Path, default=BUNDLED)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    films = OverTime(options.model, max(9, (options.films + 1) // 2))
    followed = [films.follows(number) for number in range(options.films)]
    turned = [films.turn(number) for number in range(options.turns)]
    values = np.array([value for _, value in followed])
    found: dict[str, Any] = {"films": followed, "turns": turned}
    if len(values):
        found |= {"mean": float(values.mean()), "interval": bootstrap(values, "mean"), "median": float(np.median(values))}
    if options.json:
        print(json.dumps(found))
        return
    for name, value in followed:
        print(f"{value:6.2f}  {name}")
    if len(values):
        low, high = found["interval"]
        print(f"{len(values)} films: mean {found['mean']:.2f} ({low:.2f} to {high:.2f}), median {found['median']:.2f}, least {values.min():.2f}")
    for name, value in turned:
        print(f"{value:+6.2f} s  {name}")


if __name__ == "__main__":
    main()
