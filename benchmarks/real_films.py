"""Does a film show the scene of a real recording whose place the model never heard? Sources held out in folds, films seen by the judge.

    python benchmarks/real_films.py --recordings DIR --work WORK                    # about two hours and a half on one core
    python benchmarks/real_films.py --recordings DIR --work WORK --folds 0          # synthesised sounds alone
    python benchmarks/real_films.py --recordings DIR --work WORK --walker bundled   # E_a held out, the walker not

Whatever learns from recordings is held out: E_a and the walker. Both are trained from nothing on synthesised sounds alone, one thread; for
each fold copies of them learn the recordings of the other folds besides those, first E_a, then the walker what this E_a hears, and take
the places of the model's own. Generator and judge, which learn from no sound, are the model's. Sources (not clips) are held out. The first
eight seconds of a recording make a film of each of several random starts; the film is right where the largest of the judge's mean
probabilities over all frames is. Every source counts once in its class, every class once in the balanced accuracy. Killed, it resumes
where it was.
"""

import argparse
import dataclasses
import sys
from pathlib import Path
from typing import cast

import numpy as np
import torch
from real_recordings import folds, print_table

sys.path.insert(0, str(Path(__file__).parents[1]))

from sgvg_core.assembly import BUNDLED, load_judge, load_model, load_sound_encoder, load_walker
from sgvg_core.audio.waveform import resample
from sgvg_core.cli.progress import ProgressBar
from sgvg_core.evaluation.judged.table import SOUND_RATE, Films, HeldOutClip
from sgvg_core.presets import LANDSCAPES
from sgvg_core.synthesis import StyleGAN2Generator
from sgvg_core.training.world.encoder_warmup import warm_up_encoder
from sgvg_core.training.world.latent_targets import find_latent_targets
from sgvg_core.training.world.sound_data import KINDS, REAL_SHARE, drop_rare_classes, load_recordings
from sgvg_core.training.world.sound_pool import SoundPool, make_recording_pool, make_sound_pool, with_mixture_weights
from sgvg_core.training.world.walker_warmup import train_walker
from sgvg_core.world.recordings import Recording

MEL, FPS, SECONDS = LANDSCAPES.mel, 4.0, 8
WHOSE = {"trained": "E_a and walker", "bundled": "E_a alone"}
"""Who the sources are held out of, by `--walker`."""


@dataclasses.dataclass(frozen=True)
class Ears:
    """The files of an E_a and of a walker that goes with it (None: the model's own)."""

    encoder: Path
    walker: Path | None


@dataclasses.dataclass(frozen=True)
class Minutes:
    """How long each of the two is trained, and the rates."""

    encoder: float
    walker: float
    encoder_lr: float
    walker_lr: float


class Bench:
    """What all folds share."""

    def __init__(self, args: argparse.Namespace, bar: ProgressBar) -> None:
        self.work, self.seed, self.bar = args.work, args.seed, bar
        self.own_walker, self.walker_clips = args.walker == "bundled", args.walker_clips
        rate = LANDSCAPES.sound_encoder.segment_rate
        self.made = make_sound_pool(args.work / "sounds", MEL, rate=rate, seed=21 + args.seed, num_clips=args.clips, progress=self.bar)
        self.model, self.judge = load_model(args.model, device="cpu"), load_judge(args.model / "judge.safetensors")
        self.answers = find_latent_targets(cast(StyleGAN2Generator, self.model.generator))

    def train(self, name: str, minutes: Minutes, taught: list[Recording], share: float = 0.0, init_from: Ears | None = None) -> Ears:
        """E_a and a walker after `minutes` of synthesised sounds and of these recordings, which have a `share` of E_a's windows."""
        folder = self.work / name
        folder.mkdir(parents=True, exist_ok=True)
        real = []
        if taught:
            real.append(make_recording_pool(folder / "recordings", taught, MEL, rate=LANDSCAPES.sound_encoder.segment_rate, progress=self.bar))
        encoder = warm_up_encoder(folder, self.answers, with_mixture_weights([self.made, *real], share), LANDSCAPES.sound_encoder, MEL,
                                  minutes=minutes.encoder, lr=minutes.encoder_lr, init_from=init_from and init_from.encoder,
                                  progress=self.bar)  # fmt: skip
        if self.own_walker:
            return Ears(folder / "sound_encoder.safetensors", None)
        train_walker(folder, self.answers, encoder, [first_clips(self.made, self.walker_clips), *real], LANDSCAPES.walker,
                     minutes=minutes.walker, lr=minutes.walker_lr, init_from=init_from and init_from.walker, progress=self.bar)  # fmt: skip
        return Ears(folder / "sound_encoder.safetensors", folder / "walker.safetensors")

    def seen(self, ears: Ears, recordings: list[Recording]) -> np.ndarray:
        """The judge's mean probabilities [N, 9] over the films of recordings, each from a start of its own."""
        model = dataclasses.replace(self.model, sound_encoder=load_sound_encoder(ears.encoder)[0])
        if ears.walker is not None:
            model = dataclasses.replace(model, walker=load_walker(ears.walker))
        films = Films(model, FPS, self.seed)
        rows = []
        for index, recording in enumerate(recordings):
            self.bar(index, len(recordings), "films")
            rows.append(self._seen(films, recording, index))
        return np.stack(rows)

    @torch.no_grad()
    def _seen(self, films: Films, recording: Recording, index: int) -> np.ndarray:
        waveform = resample(torch.from_numpy(recording.waveform[: SECONDS * MEL.sample_rate])[None], MEL.sample_rate, SOUND_RATE)[0]
        frames = films.random_start(HeldOutClip(KINDS.index(recording.kind), index, waveform, np.zeros(1)))
        return self.judge(frames.permute(0, 3, 1, 2).float() / 127.5 - 1).logits.softmax(1).mean(0).numpy()


def first_clips(pool: SoundPool, num_clips: int) -> SoundPool:
    """The first clips of a pool: what a walker hears of each takes memory and minutes."""
    return SoundPool(pool.windows[:num_clips], pool.kinds[:num_clips], pool.envelopes[:num_clips])


def compare(bench: Bench, recordings: list[Recording], args: argparse.Namespace) -> None:
    """Train E_a and a walker a fold, film what they never heard, print the confusion tables."""
    alone = bench.train("synthesised alone", Minutes(args.minutes, args.walker_minutes, 2e-3, 2e-3), [])
    filmed = [recording for recording in recordings for _ in range(args.starts)]
    title = f"{args.starts} films of each of {len(recordings)} recordings"
    if not args.folds:
        print_table(f"{title}, {WHOSE[args.walker]} of synthesised sounds alone", filmed, bench.seen(alone, filmed))
        return
    seen, minutes = np.zeros((len(filmed), len(KINDS))), Minutes(args.fold_minutes, args.fold_walker_minutes, 1e-3, 8e-4)
    for number, out in enumerate(folds(recordings, args.folds)):
        taught = drop_rare_classes(recording for recording in recordings if recording.source not in out)
        ears = bench.train(f"fold {number + 1} of {args.folds}", minutes, taught, args.share, alone)
        rows = [i for i, recording in enumerate(filmed) if recording.source in out]
        seen[rows] = bench.seen(ears, [filmed[i] for i in rows])
    print_table(f"{title}, sources held out of {WHOSE[args.walker]}", filmed, seen)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recordings", type=Path, required=True, help="a folder DIR/<scene>/*.ogg|opus|wav|...")
    parser.add_argument("--work", type=Path, required=True, help="a folder for the synthesised sounds, the encoders and the walkers")
    parser.add_argument("--model", type=Path, default=BUNDLED, help="a model folder: its generator and judge (default: the bundled one)")
    parser.add_argument("--walker", choices=tuple(WHOSE), default="trained", help="trained without the held-out sources, or the model's own as it is")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--share", type=float, default=REAL_SHARE, help=f"share of real windows of each scene that has some (default {REAL_SHARE})")
    parser.add_argument("--minutes", type=float, default=20.0, help="of training E_a on synthesised sounds alone (default 20)")
    parser.add_argument("--fold-minutes", type=float, default=8.0, help="of E_a's further training in each fold (default 8)")
    parser.add_argument("--walker-minutes", type=float, default=20.0, help="of training the walker on synthesised sounds alone (default 20)")
    parser.add_argument("--fold-walker-minutes", type=float, default=6.0, help="of the walker's further training in each fold (default 6)")
    parser.add_argument("--clips", type=int, default=6003, help="synthesised clips of six seconds for E_a to learn from (default 6003)")
    parser.add_argument("--walker-clips", type=int, default=1080, help="of these, those that the walker learns from (default 1080)")
    parser.add_argument("--starts", type=int, default=3, help="films of each recording, each from another random start (default 3)")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    recordings = load_recordings(args.recordings, MEL.sample_rate)
    with ProgressBar() as bar:
        compare(Bench(args, bar), recordings, args)


if __name__ == "__main__":
    main()
