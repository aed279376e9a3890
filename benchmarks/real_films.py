"""Does a film show the scene of a real recording whose place E_a never heard? Sources held out in folds, films seen by the judge.

    python benchmarks/real_films.py --recordings DIR --work WORK                # more than an hour on one core
    python benchmarks/real_films.py --recordings DIR --work WORK --folds 0      # synthesised sounds alone

A sound encoder of the bundled size is trained from nothing on synthesised sounds alone, one thread; for each fold a copy of it learns the
recordings of the other folds beside them, and takes the bundled one's place. Generator, walker and judge are the bundled ones. Sources (not
clips) are held out. The first eight seconds of a recording make a film of each of several random starts; the film is right where the
largest of the judge's mean probabilities over all frames is. Every source counts once in its class, every class once in the balanced
accuracy. Killed, it goes on where it was.
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

from sgvg_core.assembly import BUNDLED, load_judge, load_model, load_sound_encoder
from sgvg_core.audio.waveform import resample
from sgvg_core.cli.progress import ProgressBar
from sgvg_core.evaluation.table import SOUND_RATE, Films, HeldOutClip
from sgvg_core.presets import LANDSCAPES
from sgvg_core.synthesis import StyleGAN2Generator
from sgvg_core.training.sound_data import KINDS, from_many_sources, load_recordings
from sgvg_core.training.sound_pool import make_recording_pool, make_sound_pool, share_out
from sgvg_core.training.stages import REAL_SHARE
from sgvg_core.training.walk import ask_generator, warm_up_encoder
from sgvg_core.world.recordings import Recording

MEL, FPS, SECONDS = LANDSCAPES.mel, 4.0, 8


class Bench:
    """What all folds share."""

    def __init__(self, args: argparse.Namespace, bar: ProgressBar) -> None:
        self.work, self.seed, self.bar = args.work, args.seed, bar
        rate = LANDSCAPES.sound_encoder.segment_rate
        self.made = make_sound_pool(args.work / "sounds", MEL, rate=rate, seed=21 + args.seed, num_clips=args.clips, progress=self.bar)
        self.model, self.judge = load_model(BUNDLED, device="cpu"), load_judge(BUNDLED / "judge.safetensors")
        self.answers = ask_generator(cast(StyleGAN2Generator, self.model.generator))

    def train(self, name: str, minutes: float, taught: list[Recording], share: float = 0.0, begin_with: Path | None = None) -> Path:
        """E_a after so many minutes of synthesised sounds and a share of these recordings: its file."""
        folder = self.work / name
        folder.mkdir(parents=True, exist_ok=True)
        pools = [self.made]
        if taught:
            pools.append(make_recording_pool(folder / "recordings", taught, MEL, rate=LANDSCAPES.sound_encoder.segment_rate, progress=self.bar))
        warm_up_encoder(folder, self.answers, share_out(pools, share), LANDSCAPES.sound_encoder, MEL, minutes=minutes,
                        rate=2e-3 if begin_with is None else 1e-3, begin_with=begin_with, progress=self.bar)
        return folder / "sound_encoder.safetensors"

    def seen(self, encoder: Path, recordings: list[Recording]) -> np.ndarray:
        """The judge's mean probabilities [N, 9] over the films of recordings, each from a start of its own."""
        films = Films(dataclasses.replace(self.model, sound_encoder=load_sound_encoder(encoder)[0]), FPS, self.seed)
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


def compare(bench: Bench, recordings: list[Recording], args: argparse.Namespace) -> None:
    """Train an encoder a fold, film what it never heard, print the confusion tables."""
    alone = bench.train("synthesised alone", args.minutes, [])
    filmed = [recording for recording in recordings for _ in range(args.starts)]
    title = f"{args.starts} films of each of {len(recordings)} recordings"
    if not args.folds:
        print_table(f"{title}, E_a of synthesised sounds alone", filmed, bench.seen(alone, filmed))
        return
    seen = np.zeros((len(filmed), len(KINDS)))
    for number, out in enumerate(folds(recordings, args.folds)):
        taught = from_many_sources(recording for recording in recordings if recording.source not in out)
        encoder = bench.train(f"fold {number + 1} of {args.folds}", args.fold_minutes, taught, args.share, alone)
        rows = [i for i, recording in enumerate(filmed) if recording.source in out]
        seen[rows] = bench.seen(encoder, [filmed[i] for i in rows])
    print_table(f"{title}, sources held out", filmed, seen)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recordings", type=Path, required=True, help="a folder DIR/<scene>/*.ogg|opus|wav|...")
    parser.add_argument("--work", type=Path, required=True, help="a folder for the synthesised sounds and the encoders")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--share", type=float, default=REAL_SHARE, help=f"share of real windows of each scene that has some (default {REAL_SHARE})")
    parser.add_argument("--minutes", type=float, default=20.0, help="of training on synthesised sounds alone (default 20)")
    parser.add_argument("--fold-minutes", type=float, default=8.0, help="of each fold's further training (default 8)")
    parser.add_argument("--clips", type=int, default=6003, help="synthesised clips of six seconds to learn from (default 6003)")
    parser.add_argument("--starts", type=int, default=3, help="films of each recording, each from another random start (default 3)")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    recordings = load_recordings(args.recordings, MEL.sample_rate)
    with ProgressBar() as bar:
        compare(Bench(args, bar), recordings, args)


if __name__ == "__main__":
    main()
