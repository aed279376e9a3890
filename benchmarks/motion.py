"""How well what curves drive follows them, in the pixels of films of the bundled model; how loops close; what ten minutes of walking do; what a
frame with curves costs.

    python benchmarks/motion.py [--only pictures speeds pose loops drift cost] [--frames 96] [--minutes 10]

*pictures*: Pearson's correlation of the curve with the mean absolute difference to the picture at rest, for what sets a picture (layers,
direction, psi, centre, mix, noise). *speeds*: for step, beta and the speed of the noise, with the mean absolute change from frame to frame over half
a second, over that of the film without the curve; for pull, with the distance to that film; at most half a second later, since they work in time.
For beta also with the share of each step that is taken: how far the picture goes at a step, over how far it would go from there with a beta of 1.
*pose*: of a StyleGAN3 with random weights: the shift that correlates best with the first frame; how far turned and zoomed pictures differ from it.
*loops*: the step from the last frame to the first over the median step between neighbours, the largest step inside the loop over the same, and the
first frame painted once more as frame T; of whole bars of the song, and of seconds of rain and of waves, which have no beats.
*drift*: the judge's certainty, fine detail and distance from the mean in the first and the last round of a song that's heard again and again.
"""

import argparse
import itertools
import sys
import time
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from sgvg_core import load_model
from sgvg_core.assembly import BUNDLED, SoundModel, load_judge
from sgvg_core.curves import Curve
from sgvg_core.evaluation.statistics import fine_detail
from sgvg_core.generation import GenerateSettings, RenderSettings, Sound, frames, random_start, walk_of_sound
from sgvg_core.generation.film import drift_bound, driven_edits
from sgvg_core.generation.layer_drives import BAND_DRIVES, LayerDrive, drive_layers
from sgvg_core.generation.loop_settings import LoopSettings
from sgvg_core.generation.looping import loop_of_sound
from sgvg_core.generation.noise_over_time import noise_path
from sgvg_core.generation.pose import Pose, pose_transforms
from sgvg_core.generation.sound_curves import curves_of_source
from sgvg_core.generation.spread import spread_of
from sgvg_core.generation.trajectory import to_rate
from sgvg_core.generation.walk_render import driven_render
from sgvg_core.latents import StoredWalk, edited
from sgvg_core.motion import DriftSettings, TruncatedWalk
from sgvg_core.walker import WalkSettings, WalkState, roll_out, take_step

ROOT = Path(__file__).resolve().parents[1]
FPS = Fraction(12)
SONG = ROOT / "workflows" / "assets" / "song.opus"
PLAIN: dict[str, Any] = {"fps": FPS, "seed": 7, "start_from": "random", "unsure": "follow"}
RENDER = RenderSettings(batch=8)
_LOOPS = (
    *((f"{bars} bar{'s' * (bars > 1)} of the song", SONG, LoopSettings(bars)) for bars in (1, 2, 4)),
    ("4 s of rain", SONG.with_name("rain_into_thunder.opus"), LoopSettings(seconds=4)),
    ("4 s of waves", SONG.with_name("waves.opus"), LoopSettings(seconds=4)),
)


def painted(model: SoundModel, walk: Any, render: RenderSettings = RENDER) -> torch.Tensor:
    """All frames of a walk or of latents, float [T, H, W, 3] in levels."""
    return torch.cat(list(frames(model.generator, walk, render))).float()


def pearson(left: Any, right: Any) -> float:
    """Of two series, as far as both go."""
    count = min(len(left), len(right))
    return float(np.corrcoef(np.asarray(left)[:count], np.asarray(right)[:count])[0, 1])


def steps(series: torch.Tensor) -> np.ndarray:
    """Mean absolute change from one to the next [T - 1], of frames or latents."""
    return np.array([float((after - before).abs().mean()) for before, after in itertools.pairwise(series)])


def smooth(values: np.ndarray) -> np.ndarray:
    """Under a bell of half a second."""
    bell = np.hanning(round(float(FPS) * 2 / 3) + 2)[1:-1]
    return np.convolve(np.pad(values, len(bell) // 2, mode="edge"), bell / bell.sum(), "valid")[:len(values)]


class Follows:
    """Correlations of what moved with the curve that drives it."""

    def __init__(self, model: SoundModel, num_frames: int) -> None:
        self.model, self.sound = model, Sound.from_file(SONG)
        self.start = random_start(model.generator, 7)
        self.still = StoredWalk(self.start.expand(num_frames, -1, -1), FPS)
        self.rest = painted(model, [self.start])
        self.curves = curves_of_source(self.sound, [band for band, _, _ in BAND_DRIVES.values()])
        self.bass = self.curves.at("bass", FPS, num_frames)
        swell = 0.5 - 0.5 * torch.cos(2 * torch.pi * torch.arange(num_frames) / float(4 * FPS))
        self.swell = Curve(swell, FPS)

    def say(self, name: str, driver: str, in_pixels: float, in_latents: float | None = None) -> None:
        print(f"| {name} | {driver} | {in_pixels:.3f} | {'' if in_latents is None else f'{in_latents:.3f}'} |", flush=True)

    def moved(self, walk: Any, curve: Curve, render: RenderSettings = RENDER, rest: torch.Tensor | None = None) -> float:
        """The correlation of the distance from the picture at rest."""
        far = (painted(self.model, walk, render) - (self.rest if rest is None else rest)).abs().mean((1, 2, 3))
        return pearson(far, curve.values)

    def pictures(self) -> None:
        """What sets a picture."""
        generator, num_frames = self.model.generator, self.still.num_frames
        for group, (band, direction, strength) in BAND_DRIVES.items():
            curve = self.curves.at(band, FPS, num_frames)
            drive = LayerDrive(curve, direction, (group,), strength)
            self.say(f"{group} layers along {direction}", band, self.moved(drive_layers(generator, self.still, [drive], self.start), curve))
        along = drive_layers(generator, self.still, [LayerDrive(self.bass, "pca 1", strength=1.5)], self.start)
        self.say("strength of a direction (pca 1, all layers)", "bass", self.moved(along, self.bass))
        for name, value in (("psi", 1 - 0.5 * self.bass), ("mix", self.bass)):
            walk = edited(self.still, driven_edits(self.model, GenerateSettings(fps=FPS, curves={name: value}), {name: value}))
            self.say("style mix" if name == "mix" else name, "bass", self.moved(walk, self.bass))
        centres = random_start(generator, 20, num_codes=2)
        toward = TruncatedWalk(Curve.constant(0.4, FPS, 1), centres, self.bass)(self.still)
        self.say("centre", "bass", self.moved(toward, self.bass, rest=painted(self.model, [torch.lerp(centres[:1], self.start, 0.4)])))
        self.say("strength of the noise", "bass", self.moved(self.still, self.bass, RenderSettings(batch=8, noise_strength=1 + 3 * self.bass)))

    def speeds(self) -> None:
        """What sets a speed, or works in time."""
        num_frames, swell = self.still.num_frames, self.swell

        def walked(**curves: Curve) -> tuple[torch.Tensor, torch.Tensor]:
            ws = torch.cat(list(walk_of_sound(self.model, self.sound, GenerateSettings(**PLAIN, curves=curves))))[:num_frames]
            return painted(self.model, [ws]), ws

        plain = walked()
        usual = [smooth(steps(each)) for each in plain]
        for name, most in (("step", 2.0), ("beta", 1.0)):
            speeds = [smooth(steps(each)) / same for each, same in zip(walked(**{name: most * swell}), usual, strict=True)]
            self.say(f"{name}, by speed", "a swell of 4 s", *(_at_best(speed, swell.values[1:]) for speed in speeds))
        self.say("beta, by the share of a step", "a swell of 4 s", *self.shares(swell))
        far = [(each - same).flatten(1).abs().mean(1).numpy() for each, same in zip(walked(pull=6 * swell), plain, strict=True)]
        self.say("pull", "a swell of 4 s", *(_at_best(each, swell.values) for each in far))
        path = noise_path(FPS, num_frames, seconds=2.0, speed=2 * swell)
        made = painted(self.model, self.still, RenderSettings(batch=8, noise_mode="smooth", noise_strength=3.0, noise_path=path))
        self.say("speed of the noise", "a swell of 4 s", pearson(smooth(steps(made)), swell.values[:-1]))

    def shares(self, curve: Curve) -> tuple[float, float]:
        """The correlation of the share of each step that is taken with beta, in pixels and in latents."""
        walk: Any = walk_of_sound(self.model, self.sound, GenerateSettings(**PLAIN))
        rate = to_rate(self.model.walker.walk_rate)
        heard = torch.cat(list(walk.offsets(int(curve.duration * rate), rate)))
        betas = curve.at(rate, len(heard)).values
        state, taken = WalkState(walk.start_ws, walk.start_ws), []
        for offset, beta in zip(heard, betas.tolist(), strict=True):
            all_of_it = take_step(self.model.walker, state, offset[None], WalkSettings())
            before, state = state, take_step(self.model.walker, state, offset[None], WalkSettings(beta=beta))
            ends = torch.cat([before.ws, state.ws, all_of_it.ws])
            taken.append([_share(painted(self.model, [ends])), _share(ends)])
        in_pixels, in_latents = zip(*taken, strict=True)
        return pearson(in_pixels, betas), pearson(in_latents, betas)


def _share(ends: torch.Tensor) -> float:
    """How far the second of three lies from the first, over how far the third does."""
    moved, whole = ((other - ends[0]).abs().mean() for other in ends[1:])
    return float(moved / whole.clamp(min=1e-9))


def _at_best(moved: np.ndarray, curve: Any) -> float:
    """The correlation of what moved with a curve up to half a second before."""
    return max(pearson(moved[late:], curve) for late in range(round(FPS / 2) + 1))


def pictures(model: SoundModel, options: argparse.Namespace) -> None:
    """What sets a picture."""
    print("| driven | by | correlation in the pixels | in the latents |\n|---|---|---|---|")
    Follows(model, options.frames).pictures()


def speeds(model: SoundModel, options: argparse.Namespace) -> None:
    """What sets a speed."""
    print("| driven | by | correlation in the pixels | in the latents |\n|---|---|---|---|")
    Follows(model, options.frames).speeds()


def pose(model: SoundModel, options: argparse.Namespace) -> None:
    """A StyleGAN3's pose by curves."""
    from sgvg_core.assembly import build_generator
    from sgvg_core.config import StyleGAN3Config

    torch.manual_seed(0)
    generator = build_generator(StyleGAN3Config(img_resolution=64, channels=(24,) * 10, z_dim=32, w_dim=32))
    num_frames = 24
    curve = torch.from_numpy(np.abs(np.sin(np.arange(num_frames) * 0.5)))
    start = random_start(generator, 1)
    tracks = {"x": 0.25 * curve, "y": 0.25 * curve, "rotate": 12 * curve, "zoom": 1 + 0.25 * curve}
    print("| pose | correlation in the pixels |\n|---|---|")
    for name, track in tracks.items():
        placed = Pose(pose_transforms(**{name: track}, num_frames=num_frames), "exact")  # type: ignore[arg-type]
        made = torch.cat(list(frames(generator, [start.expand(num_frames, -1, -1)], RENDER, pose=placed))).float().mean(3)
        found = [_shift(image, made[0], 1 if name == "x" else 0) for image in made] if name in "xy" else (made - made[0]).abs().mean((1, 2))
        print(f"| {name} | {pearson(found, curve):.3f} |", flush=True)


def _shift(image: torch.Tensor, first: torch.Tensor, axis: int) -> int:
    """By how many pixels along an axis the first picture is moved to be most like this one, in the part that both show."""
    def likeness(shift: int) -> float:
        size = image.shape[axis] - shift
        return pearson(image.narrow(axis, shift, size).flatten(), first.narrow(axis, 0, size).flatten())

    return max(range(image.shape[axis] // 2), key=likeness)


def loops(model: SoundModel, options: argparse.Namespace) -> None:
    """How loops close."""
    print("| loop | frames | last to first over the median step: latents | levels (their median) | largest step inside | frame T against frame 0 |")
    print("|---" * 6 + "|")
    for name, source, settings in _LOOPS:
        made = GenerateSettings(**PLAIN, loop=settings, curves={"mid": "0.5+bass"}, noise_mode="smooth")
        loop = loop_of_sound(Sound.from_file(source), settings, FPS, made.curves)
        walk = walk_of_sound(model, loop.once, made, loop=loop)
        ws = torch.cat(list(walk))
        render = driven_render(RenderSettings(batch=8, noise_mode="smooth"), walk)
        once = painted(model, StoredWalk(torch.cat([ws, ws[:1]]), FPS), render)
        in_latents, in_levels = (steps(each) for each in (torch.cat([ws, ws[:1]]), once))
        usual = [float(np.median(each[:-1])) for each in (in_latents, in_levels)]
        again = f"{float((once[-1] - once[0]).abs().max()):.0f} levels"
        print(f"| {name} | {len(ws)} | {in_latents[-1] / usual[0]:.2f} | {in_levels[-1] / usual[1]:.2f} ({usual[1]:.2f}) | "
              f"{in_levels[:-1].max() / usual[1]:.2f} | {again} |", flush=True)


def drift(model: SoundModel, options: argparse.Namespace) -> None:
    """Minutes of walking: what's heard of a song again and again."""
    settings = GenerateSettings(**PLAIN)
    walk: Any = walk_of_sound(model, Sound.from_file(SONG), settings)
    rate = to_rate(model.walker.walk_rate)
    heard = torch.cat(list(walk.offsets(int(walk.analysed.duration * rate), rate)))
    rounds = round(options.minutes * 60 * rate / len(heard))
    judge, spread = load_judge(BUNDLED / "judge.safetensors"), spread_of(model.generator)
    bounded = DriftSettings(max_step=2.0, max_distance=1.2)
    print(f"{rounds * len(heard) / float(rate) / 60:.1f} minutes")
    print("| walk | judge's certainty, first / last round | fine detail | distance from the mean |\n|---|---|---|---|")
    for name, pull, bounds in (("no bound, no pull", 0.0, DriftSettings()), ("pull 0.08, as films are made", settings.walk.pull, DriftSettings()),
                               ("step 2, distance 1.2, no pull", 0.0, bounded)):
        made = roll_out(model.walker, walk.start_ws, (heard for _ in range(rounds)), WalkSettings(pull=pull), bound=drift_bound(model, bounds))
        said = [_judged(model, judge, spread, ws) for ws in _ends(made, max(1, round(rate / 4)))]
        print("| " + " | ".join([name, *(f"{first:.2f} / {last:.2f}" for first, last in zip(*said, strict=True))]) + " |", flush=True)


def _ends(batches: Iterable[torch.Tensor], every: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Evenly spaced latents of the first batch and of the last."""
    both: list[torch.Tensor] = []
    for ws in batches:
        both = [*both[:1], ws]
    return both[0][::every], both[-1][::every]


@torch.no_grad()
def _judged(model: SoundModel, judge: Any, spread: Any, ws: torch.Tensor) -> tuple[float, float, float]:
    made = torch.cat(list(frames(model.generator, [ws], RENDER)))
    certainty = judge(made.permute(0, 3, 1, 2).float() / 127.5 - 1).logits.softmax(1).amax(1).mean()
    return float(certainty), fine_detail(made), float(spread.distance(ws).mean())


def cost(model: SoundModel, options: argparse.Namespace) -> None:
    """Processor time of a frame with ten curves, and with none."""
    sound = Sound.from_file(SONG)
    ten = {"coarse": "0.5+bass", "mid": "0.5+mid", "fine": "0.5+high", "step": "0.8+0.2*beat", "beta": "1-0.1*onset", "pull": "0.1+0.1*bass",
           "psi": "1-0.2*onset", "centre": "0", "noise": "1+onset", "mix": "0.1*bass"}

    def timed(settings: GenerateSettings) -> float:
        walk = walk_of_sound(model, sound, settings)
        changed = edited(walk, driven_edits(model, settings, walk.numbers))
        began = time.process_time()
        count = sum(len(some) for some in frames(model.generator, changed, driven_render(settings.render, changed)))
        return (time.process_time() - began) / count * 1000

    rounds = [(timed(GenerateSettings(**PLAIN)), timed(GenerateSettings(**PLAIN, curves=ten))) for _ in range(3)]
    without, with_ten = (min(each) for each in zip(*rounds, strict=True))
    print(f"a frame: {without:.2f} ms of processor time, with ten curves {with_ten:.2f} ms, {with_ten / without:.3f} times as long")


PARTS: dict[str, Callable[[SoundModel, argparse.Namespace], None]] = {
    "pictures": pictures, "speeds": speeds, "pose": pose, "loops": loops, "drift": drift, "cost": cost,
}


def main() -> None:
    """Print the tables that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--frames", type=int, default=96)
    parser.add_argument("--minutes", type=float, default=10)
    options = parser.parse_args()
    torch.set_num_threads(1)
    model = load_model(device="cpu")
    for name in options.only:
        print(f"\n{name}")
        PARTS[name](model, options)


if __name__ == "__main__":
    main()
