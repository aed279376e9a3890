"""Do ears that learned from the synthesiser hear the real world? Confusion tables over a folder of real recordings.

    python benchmarks/real_recordings.py --recordings DIR --repeat 3    # every source held out once, three times over
    python benchmarks/real_recordings.py --recordings DIR --share 0     # synthesised sounds alone
    python benchmarks/real_recordings.py --recordings DIR --ear texture # a minute instead of five

The ear is the sound tower of the bundled joint space with a plain nine-way head, or its texture half alone, trained for a few minutes on
one thread. Real windows are drawn as in the training of the bundle: none of a class with fewer than five sources. Sources (not clips) are
held out in folds. A recording's answer is the largest mean score over its windows, as `classify_sound` gives it; every source counts once
in its class, every class once in the balanced accuracy. Also heard: the same as 8 kHz material, and the middle two seconds, one second and
half a second of each piece of five seconds, whatever lies there: a crack, its distant roll, or the pause between two waves. Some classes
have few sources, so one training says little: `--repeat` trains anew with other random numbers.

At the end: the temperature that makes the probabilities of held-out recordings as often right as they say, the probability that 95 of 100
rightly named ones reach (`train joint-space --temperature T --sure-from P`), and how often sounds that are no scene reach it too.
"""

import argparse
import dataclasses
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).parents[1]))

from sgvg_core.audio.waveform import resample
from sgvg_core.devices import fast_bfloat16
from sgvg_core.embedding.sound_tower import SoundTower, TextureTower
from sgvg_core.generation import Sound, analyse_sound
from sgvg_core.generation.windows import label_windows
from sgvg_core.presets import LANDSCAPES
from sgvg_core.training.world.sound_data import (
    KINDS,
    REAL_SHARE,
    SoundWindows,
    drop_rare_classes,
    load_recordings,
)
from sgvg_core.world.other_sounds import OTHER_SOUNDS, synth_other
from sgvg_core.world.recordings import Recording

MEL = LANDSCAPES.mel
PIECE_SECONDS = 5
SHORTER = {"two seconds of each": 2.0, "one second of each": 1.0, "half a second of each": 0.5}
"""Seconds that are cut out of the middle of each piece, by name."""


@dataclasses.dataclass
class Drawn:
    """Windows in memory: pictures [N, 1, M, F] float16, classes [N], sources."""

    images: torch.Tensor
    kinds: torch.Tensor
    sources: list[str]

    def of(self, sources: set[str]) -> "Drawn":
        keep = [i for i, source in enumerate(self.sources) if source in sources]
        return Drawn(self.images[keep], self.kinds[keep], [self.sources[i] for i in keep])


class Ear(nn.Module):
    """A tower of sound with a cosine head."""

    def __init__(self, tower: nn.Module) -> None:
        super().__init__()
        self.tower = tower
        self.heads = nn.Parameter(torch.randn(len(KINDS), LANDSCAPES.joint_space.embed_dim))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return 12 * functional.normalize(self.tower(images), dim=1) @ functional.normalize(self.heads, dim=1).T


def whole_tower() -> nn.Module:
    """The sound tower of the bundled joint space, untaught."""
    config = LANDSCAPES.joint_space
    return SoundTower(config.embed_dim, config.sound_widths, MEL.resized_mels, texture=config.sound_texture)


def texture_tower() -> nn.Module:
    """Its texture half."""
    config = LANDSCAPES.joint_space
    return TextureTower(config.embed_dim, config.sound_texture, MEL.resized_mels)


EARS = {"tower": whole_tower, "texture": texture_tower}


def draw(windows: SoundWindows, num_windows: int) -> Drawn:
    """Windows of a stream, read once for all folds."""
    batches = [windows.batch(64) for _ in range(-(-num_windows // 64))]
    return Drawn(torch.cat([batch["log_mel"].half() for batch in batches]), torch.cat([batch["kind"] for batch in batches]),
                 [source for batch in batches for source in batch["source"]])


def sampler(made: Drawn, real: Drawn, share: float, batch: int, rng: np.random.Generator) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Balanced batches: every class as often, a share of real windows in those that have some."""
    by_kind = [[np.flatnonzero(drawn.kinds.numpy() == kind) for kind in range(len(KINDS))] for drawn in (made, real)]
    while True:
        images, kinds = [], rng.integers(len(KINDS), size=batch)
        for kind in kinds:
            which = int(len(by_kind[1][kind]) > 0 and rng.random() < share)
            rows = by_kind[which][kind]
            images.append((made, real)[which].images[rows[rng.integers(len(rows))]])
        yield torch.stack(images).float(), torch.from_numpy(kinds)


def trained(made: Drawn, real: Drawn, args: argparse.Namespace, seed: int) -> nn.Module:
    """An ear that learned from these windows."""
    torch.manual_seed(seed)
    ear = Ear(EARS[args.ear]())
    optimiser = torch.optim.AdamW(ear.parameters(), lr=args.lr, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, args.lr, total_steps=args.steps, pct_start=0.15)
    batches = sampler(made, real, args.share, args.batch, np.random.default_rng(seed))
    for _, (images, kinds) in zip(range(args.steps), batches, strict=False):
        with torch.autocast("cpu", torch.bfloat16, enabled=fast_bfloat16()):
            answers = ear(images)
        loss = functional.cross_entropy(answers.float(), kinds, label_smoothing=0.1)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return ear.eval()


def heard(ears: list[nn.Module], waveform: torch.Tensor) -> np.ndarray:
    """Class probabilities [9] of a waveform [N], by the windows by which `classify_sound` knows it, and as it does."""
    return at_temperature([answers_of(ears, waveform)], 1.0)[0]


def answers_of(ears: list[nn.Module], waveform: torch.Tensor) -> np.ndarray:
    """Mean logits [windows, 9] of the ears in the windows of a waveform [N]."""
    images = torch.cat(list(label_windows(analyse_sound(Sound.from_waveform(waveform[None], MEL.sample_rate), MEL), MEL)))
    with torch.no_grad():
        return np.mean([ear(images).numpy() for ear in ears], 0)


def at_temperature(answers: list[np.ndarray], temperature: float) -> np.ndarray:
    """What sounds with these logits [windows, 9] are named as, [sounds, 9]."""
    return np.stack([torch.from_numpy(some.mean(0) / temperature).softmax(0).numpy() for some in answers])


def calibrate(answers: list[np.ndarray], kinds: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """The temperature of the best mean log-probability of the right classes, and the probability that 95 % of the rightly named reach.

    `weights` [sounds]: every class counts as much as any other.
    """
    rows = np.arange(len(kinds))
    scores = {t: float(weights @ np.log(at_temperature(answers, t)[rows, kinds] + 1e-9)) for t in np.geomspace(0.3, 4, 40)}
    temperature = max(scores, key=scores.__getitem__)
    probabilities = at_temperature(answers, temperature)
    right = probabilities.argmax(1) == kinds
    return float(temperature), float(np.quantile(probabilities.max(1)[right], 0.05))


def variants(waveform: torch.Tensor) -> dict[str, torch.Tensor]:
    """What an ear is tested with, of a waveform [N], by name."""
    rate, middle = MEL.sample_rate, len(waveform) // 2
    halves = {name: int(seconds * rate / 2) for name, seconds in SHORTER.items()}
    return {
        "as they are": waveform,
        "as 8 kHz material": resample(resample(waveform[None], rate, 8000), 8000, rate)[0],
        "over a telephone": telephone(waveform),
        **{name: waveform[max(0, middle - half):middle + half] for name, half in halves.items()},
    }


def telephone(waveform: torch.Tensor) -> torch.Tensor:
    """A waveform [N] from 300 to 3,400 Hz, in 8 bits of mu-law."""
    hertz = torch.fft.rfftfreq(len(waveform), 1 / MEL.sample_rate).clamp(min=1)
    gain = 1 / ((1 + (300 / hertz) ** 8) * (1 + (hertz / 3400) ** 24)).sqrt()
    narrow = torch.fft.irfft(torch.fft.rfft(waveform) * gain, len(waveform))
    loudest = narrow.abs().max() + 1e-9
    coded = ((narrow / loudest).abs() * 255).log1p() / np.log1p(255)
    return narrow.sign() * (((coded * 127).round() / 127 * np.log1p(255)).exp() - 1) / 255 * loudest


def pieces(recordings: list[Recording]) -> list[Recording]:
    """Recordings cut into pieces of five seconds (a short rest is left out)."""
    size = PIECE_SECONDS * MEL.sample_rate
    return [dataclasses.replace(recording, waveform=recording.waveform[first:first + size]) for recording in recordings
            for first in range(0, max(1, len(recording.waveform) - size // 2), size)]


def folds(recordings: list[Recording], num_folds: int) -> list[set[str]]:
    """The sources of each fold, every class spread over the folds as evenly as it goes."""
    out: list[set[str]] = [set() for _ in range(num_folds)]
    rng = np.random.default_rng(5)
    for kind in KINDS:
        sources = sorted({recording.source for recording in recordings if recording.kind == kind})
        for place, which in enumerate(rng.permutation(len(sources))):
            out[place % num_folds].add(sources[which])
    return out


def whole(parts: list[Recording], probabilities: np.ndarray) -> tuple[list[Recording], np.ndarray]:
    """The recordings whose parts these are, and the mean of what is heard in their parts."""
    rows: dict[Path, list[int]] = {}
    for i, part in enumerate(parts):
        rows.setdefault(part.path, []).append(i)
    return [parts[some[0]] for some in rows.values()], np.stack([probabilities[some].mean(0) for some in rows.values()])


def print_table(title: str, recordings: list[Recording], probabilities: np.ndarray) -> float:
    """The confusion table, in sources; returns the balanced accuracy."""
    print(f"\n{title}\n{'':22s}" + "".join(f"{kind.split()[0][:7]:>9s}" for kind in KINDS) + "    right")
    rights = []
    for kind in KINDS:
        sources = sorted({recording.source for recording in recordings if recording.kind == kind})
        if not sources:
            continue
        counts = np.zeros(len(KINDS))
        for source in sources:
            rows = [i for i, recording in enumerate(recordings) if recording.source == source and recording.kind == kind]
            counts += np.bincount(probabilities[rows].argmax(1), minlength=len(KINDS)) / len(rows)
        rights.append(counts[KINDS.index(kind)] / len(sources))
        print(f"{kind:22s}" + "".join(f"{count:9.1f}" for count in counts) + f"    {rights[-1]:.2f} of {len(sources)}")
    print(f"balanced accuracy {np.mean(rights):.3f}", flush=True)
    return float(np.mean(rights))


def print_doubts(parts: list[Recording], answers: list[np.ndarray], others: dict[str, list[np.ndarray]]) -> None:
    """Temperature and threshold of held-out recordings, and how many of them and of sounds that are no scene are sure."""
    whole_ones: dict[Path, list[int]] = {}
    for i, part in enumerate(parts):
        whole_ones.setdefault(part.path, []).append(i)
    joined = [np.concatenate([answers[i] for i in some]) for some in whole_ones.values()]
    kinds = np.array([KINDS.index(parts[some[0]].kind) for some in whole_ones.values()])
    temperature, sure_from = calibrate(joined, kinds, 1 / np.bincount(kinds, minlength=len(KINDS))[kinds])
    probabilities = at_temperature(joined, temperature)
    sure, right = probabilities.max(1) >= sure_from, probabilities.argmax(1) == kinds
    print(f"\n--temperature {temperature:.2f} --sure-from {sure_from:.2f}: of {len(kinds)} held-out recordings {sure.mean():.1%} are sure, "
          f"and of those {right[sure].mean():.1%} right; mean probability {probabilities.max(1).mean():.2f}, right {right.mean():.2f}")
    for name, some in others.items():
        print(f"{name:12s} sure {(at_temperature(some, temperature).max(1) >= sure_from).mean():.0%} of {len(some)}")


def other_waves(num_each: int) -> dict[str, list[torch.Tensor]]:
    """Sounds of four seconds that are no scene, by name; silence isn't among them, for it is heard as such."""
    rate, rng = MEL.sample_rate, np.random.default_rng(7)
    made = {kind: [torch.from_numpy(synth_other(kind, 10**9 + i, 4 * rate, rate)) for i in range(num_each)] for kind in OTHER_SOUNDS}
    tones = [torch.sin(2 * np.pi * float(hertz) * torch.arange(4 * rate) / rate) for hertz in np.geomspace(100, 5000, num_each)]
    clicks = [torch.from_numpy((rng.random(4 * rate) < density / rate).astype(np.float32)) for density in np.geomspace(1, 30, num_each)]
    noise = [torch.from_numpy(rng.standard_normal(4 * rate).astype(np.float32)) * 0.1 for _ in range(num_each)]
    return {**made, "pure tones": tones, "bare clicks": clicks, "white noise": noise}


def hold_out(parts: list[Recording], made: Drawn, real: Drawn, args: argparse.Namespace, seed: int) -> dict[str, np.ndarray]:
    """What ears hear in each part whose source they never heard: probabilities [parts, 9] by variant. Prints how sure they are."""
    inputs = [variants(torch.from_numpy(part.waveform)) for part in parts]
    found = {name: np.zeros((len(parts), len(KINDS))) for name in inputs[0]}
    answers, strange, others = [np.empty(0)] * len(parts), other_waves(args.others), {}
    for number, out in enumerate(folds(parts, args.folds)):
        taught = {part.source for part in drop_rare_classes(part for part in parts if part.source not in out)}
        ears = [trained(made, real.of(taught), args, 1000 * seed + 100 * number + which) for which in range(args.ears)]
        for i, part in enumerate(parts):
            for name in found if part.source in out else ():
                found[name][i] = heard(ears, inputs[i][name])
            answers[i] = answers_of(ears, inputs[i]["as they are"]) if part.source in out else answers[i]
        for name, waves in strange.items():
            others.setdefault(name, []).extend(answers_of(ears, wave) for wave in waves[number :: args.folds])
    print_doubts(parts, answers, others)
    return found


def main() -> None:
    """Draw windows, train an ear a fold, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recordings", type=Path, required=True, help="a folder DIR/<scene>/*.ogg|opus|wav|...")
    words = f"share of real windows in training; 0: synthesised alone (default {REAL_SHARE})"
    parser.add_argument("--share", type=float, default=REAL_SHARE, help=words)
    parser.add_argument("--ear", choices=sorted(EARS), default="tower", help="the joint space's sound tower, or its texture half")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--ears", type=int, default=1, help="ears trained a fold, their probabilities averaged")
    parser.add_argument("--repeat", type=int, default=1, help="times that all is trained anew; tables are of the last, figures of all")
    parser.add_argument("--steps", type=int, default=900)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--windows", type=int, default=10_000, help="windows drawn of each sort before training (default 10000)")
    parser.add_argument("--others", type=int, default=10, help="sounds of each kind that is no scene, for the doubts (default 10)")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    begun = time.perf_counter()
    recordings = load_recordings(args.recordings, MEL.sample_rate)
    made = draw(SoundWindows(args.seed, MEL, fresh_per_batch=8), args.windows)
    real = draw(SoundWindows(args.seed, MEL, loaded=recordings, synthesised=False, fresh_per_batch=12), args.windows if args.share else 64)
    parts = pieces(recordings)
    accuracies: dict[str, list[float]] = {}
    for seed in range(args.seed, args.seed + args.repeat):
        for name, probabilities in hold_out(parts, made, real, args, seed).items():
            table = (parts, probabilities) if name in SHORTER else whole(parts, probabilities)
            accuracies.setdefault(name, []).append(print_table(f"{len(recordings)} recordings, {name}", *table))
        print(f"{time.perf_counter() - begun:.0f} s", flush=True)
    for name, values in accuracies.items():
        print(f"balanced accuracy {name}: mean {np.mean(values):.3f}  (" + " ".join(f"{value:.2f}" for value in values) + ")")
    lengths = [np.mean(accuracies[name]) for name in ("as they are", *SHORTER)]
    print(f"balanced accuracy over all lengths from half a second on: {np.mean(lengths):.3f}")


if __name__ == "__main__":
    main()
