"""Does the film of a steady sound move, and as much as the world does?

    python benchmarks/steady_sounds.py                       # three sounds a scene, a quarter of an hour on one core
    python benchmarks/steady_sounds.py --model FOLDER --clips 1 --strength 0.25

Sounds of eight seconds whose hidden envelope stays where it is; each film starts at a code of the sound's own scene, so its render shows the
same place. Measured is the mean absolute difference of two frames, in levels of 255, after the first two seconds: of a frame and the next, and
of frames a second apart, which tells what goes on moving from what trembles. Beside the film stand the render, and the generator painting the
codes that are known. A film hears single cracks, claps and splashes in a steady sound too, which the render of a steady envelope doesn't show.

The last column says whether what moves is what goes round and round in the world: latents of a scene lie on a circle as its phase turns. How far
the film's go along it (1: as far as the scene's own), and how much of their variance lies in its plane.
"""

import argparse
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from sgvg_core.assembly import BUNDLED, load_model
from sgvg_core.evaluation.judged.table import SOUND_RATE, Films, HeldOutClip, code_path, held_out_seed
from sgvg_core.generation import RenderSettings, Sound, analyse_sound, frames, heard_walk
from sgvg_core.training.world.latent_targets import PhaseCircle, phase_circle
from sgvg_core.world import KINDS
from sgvg_core.world.synth import synth

SECONDS, FPS, SETTLED = 8, 12, 2
"""Of a film, and how many of its first seconds don't count."""


def changes(pictures: torch.Tensor) -> list[float]:
    """The mean absolute difference of a picture and the next, and of pictures a second apart, of pictures uint8 [T, H, W, 3]."""
    settled = pictures[SETTLED * FPS :].float()
    return [float((settled[apart:] - settled[:-apart]).abs().mean()) for apart in (1, FPS)]


def on_circle(ws: torch.Tensor, circle: PhaseCircle) -> list[float]:
    """How far latents [T, L, D] go along a circle, and the share of their variance in its plane."""
    settled = ws[SETTLED * FPS :]
    place, away = (values - values.mean(0) for values in (circle.place(settled), settled.mean(1)))
    in_plane = (place * circle.radius).square().sum(1).mean() / away.square().sum(1).mean()
    return [float(place.norm(dim=1).mean()), float(in_plane)]


def measure(films: Films, kind: int, seed: int, strength: float) -> list[float]:
    """The changes of render, known codes and film of one steady sound, and its way along the circle."""
    model, envelope = films.model, np.full(SECONDS * FPS, strength, np.float32)
    wave = torch.from_numpy(synth(KINDS[kind], seed, np.full(SECONDS * SOUND_RATE, strength, np.float32), SOUND_RATE))
    clip = HeldOutClip(kind, seed, wave, envelope)
    code = code_path(clip, FPS)[:1]
    start = model.generator.mapping(code)
    walk = heard_walk(model, analyse_sound(Sound.from_waveform(wave[None], SOUND_RATE), model.mel), start, Fraction(FPS), unsure="follow")
    ws = torch.cat(list(walk))
    film = torch.cat(list(frames(model.generator, [ws], RenderSettings(batch=8))))
    moved = [number for pictures in (films.rendered(clip), films.known_codes(clip), film) for number in changes(pictures)]
    return [*moved, *on_circle(ws, phase_circle(model.generator, code))]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=BUNDLED, metavar="FOLDER")
    parser.add_argument("--clips", type=int, default=3, metavar="N", help="sounds a scene (default: 3)")
    parser.add_argument("--strength", type=float, default=0.5, metavar="E", help="envelope of all sounds, 0 to 1 (default: 0.5)")
    options = parser.parse_args()
    torch.set_grad_enabled(False)
    films = Films(load_model(options.model, device="cpu"), FPS, 0)
    print(f"{options.clips} sounds a scene, strength {options.strength}; frame to frame / a second apart\n")
    print("| scene | render | known codes | film | film / render | radius / in its plane |\n|---|---|---|---|---|---|")
    for kind, name in enumerate(KINDS):
        seeds = [held_out_seed(kind, 50 + clip) for clip in range(options.clips)]
        *found, round_it = np.mean([measure(films, kind, seed, options.strength) for seed in seeds], 0).reshape(4, 2)
        cells = [*found, found[2] / found[0], round_it]
        print(f"| {name} | {' | '.join(f'{near:.2f} / {far:.2f}' for near, far in cells)} |", flush=True)


if __name__ == "__main__":
    main()
