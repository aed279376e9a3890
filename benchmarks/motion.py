"""What curves cost a frame, and how well what they drive follows them: in the pixels of films of the bundled model.

    python benchmarks/motion.py [--frames 96]
"""

import argparse
import sys
import time
from fractions import Fraction
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

ROOT = Path(__file__).resolve().parents[1]
FPS = Fraction(12)

def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=96)
    num_frames = parser.parse_args().frames
    from sgvg_core import load_model
    from sgvg_core.generation import GenerateSettings, RenderSettings, Sound, frames, random_start, walk_of_sound
    from sgvg_core.generation.film import driven_edits
    from sgvg_core.generation.layer_drives import BAND_DRIVES, LayerDrive, drive_layers
    from sgvg_core.generation.sound_curves import curves_of_source
    from sgvg_core.generation.walk_render import driven_render
    from sgvg_core.latents import StoredWalk, edited

    torch.set_num_threads(1)
    model = load_model()
    sound = Sound.from_file(ROOT / "workflows" / "assets" / "song.opus")
    start = random_start(model.generator, 7)
    still = StoredWalk(start.expand(num_frames, -1, -1), FPS)
    render = RenderSettings(batch=8)
    plain = torch.cat(list(frames(model.generator, [start], render))).float()

    def follows(walk: object, curve: torch.Tensor, how: RenderSettings = render) -> float:
        made = torch.cat(list(frames(model.generator, walk, how))).float()  # type: ignore[arg-type]
        moved = (made - plain).abs().mean((1, 2, 3))
        return float(torch.corrcoef(torch.stack([moved, curve[: len(moved)]]))[0, 1])

    curves = curves_of_source(sound, [band for band, _, _ in BAND_DRIVES.values()])
    print("correlation of what moved in the pixels with its curve")
    for group, (band, direction, strength) in BAND_DRIVES.items():
        curve = curves.at(band, FPS, num_frames)
        walk = drive_layers(model.generator, still, [LayerDrive(curve, direction, (group,), strength)], start)
        print(f"  {group} layers by {band}: {follows(walk, curve.values):.3f}")
    bass = curves.at("bass", FPS, num_frames)
    for name, value in (("psi", 1 - 0.5 * bass), ("mix", bass)):
        settings = GenerateSettings(fps=FPS, curves={name: value})
        walk = edited(still, driven_edits(model, settings, {name: value}))
        print(f"  {name} by bass: {follows(walk, bass.values):.3f}")
    noisy = RenderSettings(batch=8, noise_strength=1 + 3 * bass)
    print(f"  noise by bass: {follows(still, bass.values, noisy):.3f}")

    ten = {"coarse": "0.5+bass", "mid": "0.5+mid", "fine": "0.5+high", "step": "0.8+0.2*beat", "beta": "1-0.1*onset", "pull": "0.1+0.1*bass",
           "psi": "1-0.2*onset", "centre": "0", "noise": "1+onset", "mix": "0.1*bass"}
    def timed(settings: GenerateSettings) -> float:
        walk = walk_of_sound(model, sound, settings)
        changed = edited(walk, driven_edits(model, settings, walk.numbers))
        began = time.process_time()
        count = sum(len(some) for some in frames(model.generator, changed, driven_render(settings.render, changed)))
        return (time.process_time() - began) / count * 1000

    plainly = {"fps": FPS, "start_from": "random", "unsure": "follow"}
    rounds = [(timed(GenerateSettings(**plainly)), timed(GenerateSettings(**plainly, curves=ten))) for _ in range(3)]
    without, with_ten = (min(each) for each in zip(*rounds, strict=True))
    print(f"a frame: {without:.2f} ms of processor time, with ten curves {with_ten:.2f} ms, {with_ten / without:.3f} times as long")

if __name__ == "__main__":
    main()
