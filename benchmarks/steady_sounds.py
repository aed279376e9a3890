"""Does the film of a steady sound move, and as much as the world does?

    python benchmarks/steady_sounds.py                       # three sounds a scene, some minutes on two cores
    python benchmarks/steady_sounds.py --model FOLDER --strength 0.25 --pictures 0     # the turning alone

Sounds of eight seconds whose hidden envelope stays where it is; each film starts at a code of the sound's own scene, so its render shows the
same place. `turns` is how fast the phase of the world turns, and of the film, read on the circle of its scene (`LatentTargets.circle`) after
the first two seconds; `place` is how far from the middle of that circle it lies, 1 being on it. `change` is the mean absolute difference of a
frame and the next, in levels of 255: of the render, of the generator painting the codes that are known, and of the film. A film hears
single cracks, claps and splashes in a steady sound too, which the render of a steady envelope doesn't show.
"""

import argparse
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from sgvg_core.assembly import BUNDLED, SoundModel, load_model
from sgvg_core.evaluation.judged.table import SOUND_RATE, held_out_seed
from sgvg_core.generation import RenderSettings, Sound, analyse_sound, frames, heard_walk
from sgvg_core.training.world.latent_targets import LatentTargets, find_latent_targets
from sgvg_core.world import KINDS
from sgvg_core.world.clip import PHASE_RATES, phases
from sgvg_core.world.codes import draw_codes, read_codes, write_codes
from sgvg_core.world.render import render
from sgvg_core.world.synth import synth

SECONDS, FPS, SETTLED = 8, 12, 2
"""Of a film, and how many of its first seconds don't count."""


def change(pictures: torch.Tensor) -> float:
    """The mean absolute difference of a picture and the next, of pictures uint8 [T, H, W, 3] after the first seconds."""
    settled = pictures[SETTLED * FPS :].float()
    return float((settled[1:] - settled[:-1]).abs().mean())


def turning(targets: LatentTargets, ws: torch.Tensor, codes: torch.Tensor, kind: int) -> tuple[float, float]:
    """Turns a second of the phase that a walk [T, L, D] shows, and the mean distance from the middle of its circle."""
    settled, codes = ws[SETTLED * FPS :], codes[SETTLED * FPS :]
    circle = targets.circle(codes, torch.full((len(codes),), kind), targets.envelope(settled).clamp(0, 1))
    steps = (circle.phase(settled).diff() + 0.5) % 1 - 0.5
    return float(steps.mean()) * FPS, float(circle.place(settled).norm(dim=1).median())


def measure(model: SoundModel, targets: LatentTargets, kind: int, seed: int, strength: float, *, paint: bool) -> list[float]:
    """Turns a second, place, and the change of render, known codes and film (not a number without `paint`) of one steady sound."""
    envelope = np.full(SECONDS * FPS, strength, np.float32)
    wave = synth(KINDS[kind], seed, np.full(SECONDS * SOUND_RATE, strength, np.float32), SOUND_RATE)
    num = len(envelope)
    codes = write_codes(draw_codes(seed, 1).expand(num, -1), kind=torch.full((num,), kind), envelope=torch.from_numpy(envelope),
                        phase=torch.from_numpy(phases(envelope, FPS, 0.0)))  # fmt: skip
    known = model.generator.mapping(codes)
    walk = heard_walk(model, analyse_sound(Sound.from_waveform(torch.from_numpy(wave)[None], SOUND_RATE), model.mel), known[:1], Fraction(FPS),
                      unsure="follow")  # fmt: skip
    ws = torch.cat(list(walk))
    found = list(turning(targets, ws, codes, kind))
    if not paint:
        return [*found, *[float("nan")] * 3]
    settings = RenderSettings(batch=8)
    films = [torch.cat(list(frames(model.generator, [path], settings))) for path in (known, ws)]
    shown = [render(code.kind, code.scene, code.envelope, code.phase, model.generator.img_resolution) for code in read_codes(codes)]
    return [*found, change(torch.from_numpy(np.stack(shown))), *map(change, films)]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=BUNDLED, metavar="FOLDER")
    parser.add_argument("--clips", type=int, default=3, metavar="N", help="sounds a scene (default: 3)")
    parser.add_argument("--strength", type=float, default=0.5, metavar="E", help="envelope of all sounds, 0 to 1 (default: 0.5)")
    parser.add_argument("--pictures", type=int, choices=(0, 1), default=1, help="0: paint nothing, the turning alone")
    options = parser.parse_args()
    torch.set_grad_enabled(False)
    model = load_model(options.model, device="cpu")
    with torch.enable_grad():
        targets = find_latent_targets(model.generator)
    world = PHASE_RATES[0] + (PHASE_RATES[1] - PHASE_RATES[0]) * options.strength
    print(f"{options.clips} sounds a scene, strength {options.strength}; the world's phase turns {world:.3f} times a second\n")
    print("| scene | turns / the world's | place | change: render | known codes | film | film / render |\n|---|---|---|---|---|---|---|")
    for kind, name in enumerate(KINDS):
        seeds = [held_out_seed(kind, 50 + clip) for clip in range(options.clips)]
        rows = [measure(model, targets, kind, seed, options.strength, paint=options.pictures == 1) for seed in seeds]
        turns, place, rendered, known, film = np.mean(rows, 0)
        print(f"| {name} | {turns / world:.2f} | {place:.2f} | {rendered:.2f} | {known:.2f} | {film:.2f} | {film / rendered:.2f} |", flush=True)


if __name__ == "__main__":
    main()
