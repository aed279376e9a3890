"""Does the film of a steady sound move, and as much as the world does?

    python benchmarks/steady_sounds.py                       # three sounds a scene, a quarter of an hour on one core
    python benchmarks/steady_sounds.py --model FOLDER --clips 1 --strength 0.25

Sounds of eight seconds whose hidden envelope stays where it is; each film starts at a code of the sound's own scene, so its render shows the
same place. Measured is the mean absolute difference of two frames, in levels of 255, after the first two seconds: of a frame and the next, and
of frames a second apart, which tells what goes on moving from what trembles. Beside the film stand the render, and the generator painting the
codes that are known. A film hears single cracks, claps and splashes in a steady sound too, which the render of a steady envelope doesn't show.
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
from sgvg_core.world import KINDS
from sgvg_core.world.synth import synth

SECONDS, FPS, SETTLED = 8, 12, 2
"""Of a film, and how many of its first seconds don't count."""


def changes(pictures: torch.Tensor) -> list[float]:
    """The mean absolute difference of a picture and the next, and of pictures a second apart, of pictures uint8 [T, H, W, 3]."""
    settled = pictures[SETTLED * FPS :].float()
    return [float((settled[apart:] - settled[:-apart]).abs().mean()) for apart in (1, FPS)]


def measure(films: Films, kind: int, seed: int, strength: float) -> list[float]:
    """The changes of render, known codes and film of one steady sound."""
    model, envelope = films.model, np.full(SECONDS * FPS, strength, np.float32)
    wave = torch.from_numpy(synth(KINDS[kind], seed, np.full(SECONDS * SOUND_RATE, strength, np.float32), SOUND_RATE))
    clip = HeldOutClip(kind, seed, wave, envelope)
    start = model.generator.mapping(code_path(clip, FPS)[:1])
    walk = heard_walk(model, analyse_sound(Sound.from_waveform(wave[None], SOUND_RATE), model.mel), start, Fraction(FPS), unsure="follow")
    film = torch.cat(list(frames(model.generator, walk, RenderSettings(batch=8))))
    return [number for pictures in (films.rendered(clip), films.known_codes(clip), film) for number in changes(pictures)]


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
    print("| scene | render | known codes | film | film / render |\n|---|---|---|---|---|")
    for kind, name in enumerate(KINDS):
        seeds = [held_out_seed(kind, 50 + clip) for clip in range(options.clips)]
        found = np.mean([measure(films, kind, seed, options.strength) for seed in seeds], 0).reshape(3, 2)
        cells = [*found, found[2] / found[0]]
        print(f"| {name} | {' | '.join(f'{near:.2f} / {far:.2f}' for near, far in cells)} |", flush=True)


if __name__ == "__main__":
    main()
