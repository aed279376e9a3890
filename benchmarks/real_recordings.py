"""Do ears that learned from the synthesiser hear the real world? Confusion tables over a folder of real recordings.

    python benchmarks/real_recordings.py --recordings DIR             # synthesised and real, every source held out once
    python benchmarks/real_recordings.py --recordings DIR --share 0   # synthesised alone

The ear is the sound tower of the bundled joint space with a plain nine-way head or, far smaller, one that knows only statistics of
the bands (`--ear statistics`), trained for a few minutes on one thread. Sources (not clips) are held out in folds. A recording's
answer is the largest mean probability over its windows, as `listen` gives it; every source counts once in its class, every class once
in the balanced accuracy. Also heard: the same as 8 kHz material, and half a second of each piece of five seconds.
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

from sgvg_core.audio.mel import mel_power
from sgvg_core.audio.segments import window_pictures, window_samples
from sgvg_core.audio.waveform import resample
from sgvg_core.embedding.sound_tower import SoundTower
from sgvg_core.presets import LANDSCAPES
from sgvg_core.training.sound_data import FEW_SOURCES, KINDS, SoundWindows, load_recordings
from sgvg_core.world.recordings import Recording

MEL = LANDSCAPES.mel
HOP_SECONDS = 0.375
PIECE_SECONDS = 5


@dataclasses.dataclass
class Drawn:
    """Windows in memory: pictures [N, 1, M, F] float16, classes [N], sources."""

    pictures: torch.Tensor
    kinds: torch.Tensor
    sources: list[str]

    def without(self, sources: set[str]) -> "Drawn":
        keep = [i for i, source in enumerate(self.sources) if source not in sources]
        return Drawn(self.pictures[keep], self.kinds[keep], [self.sources[i] for i in keep])


class Ear(nn.Module):
    """The bundled sound tower with a cosine head."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        config = LANDSCAPES.joint_space
        self.tower = SoundTower(config.embed_dim, config.sound_widths, MEL.picture_mels, dropout, config.sound_statistics)
        self.heads = nn.Parameter(torch.randn(len(KINDS), config.embed_dim))

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return 12 * self.tower(pictures) @ functional.normalize(self.heads, dim=1).T


class StatisticsEar(nn.Module):
    """Two linear layers on what each band of a window does: its mean (without the window's own), its spread, its unrest, its peak."""

    NUM_BANDS = 32

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(4 * self.NUM_BANDS + 2)
        self.layers = nn.Sequential(nn.Dropout(0.1), nn.Linear(4 * self.NUM_BANDS + 2, 64), nn.ReLU(), nn.Dropout(dropout), nn.Linear(64, len(KINDS)))

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        bands = pictures[:, 0].unflatten(1, (self.NUM_BANDS, -1)).mean(2)  # [S, bands, frames]
        mean, spread, unrest = bands.mean(2), bands.std(2), bands.diff(dim=2).abs().mean(2)
        whole = bands.mean(1)  # how far the bands go together: slowly, and from frame to frame
        together = torch.stack([whole.std(1) / (spread.mean(1) + 1e-3), whole.diff(dim=1).abs().mean(1) / (unrest.mean(1) + 1e-3)], 1)
        return self.layers(self.norm(torch.cat([mean - mean.mean(1, keepdim=True), spread, unrest, bands.amax(2) - mean, together], 1)))


EARS = {"tower": Ear, "statistics": StatisticsEar}


def draw(windows: SoundWindows, num_windows: int) -> Drawn:
    """So many windows of a stream, once for all folds."""
    batches = [windows.batch(64) for _ in range(-(-num_windows // 64))]
    return Drawn(torch.cat([batch["log_mel"].half() for batch in batches]), torch.cat([batch["kind"] for batch in batches]),
                 [source for batch in batches for source in batch["source"]])


def sampler(made: Drawn, real: Drawn, share: float, batch: int, rng: np.random.Generator) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Balanced batches: every class as often, real windows of a class the rarer the fewer sources it has."""
    by_kind = [[np.flatnonzero(drawn.kinds.numpy() == kind) for kind in range(len(KINDS))] for drawn in (made, real)]
    num_sources = [len({real.sources[i] for i in rows}) for rows in by_kind[1]]
    while True:
        pictures, kinds = [], rng.integers(len(KINDS), size=batch)
        for kind in kinds:
            which = int(rng.random() < share * num_sources[kind] / (num_sources[kind] + FEW_SOURCES))
            rows = by_kind[which][kind]
            pictures.append((made, real)[which].pictures[rows[rng.integers(len(rows))]])
        yield torch.stack(pictures).float(), torch.from_numpy(kinds)


def trained(made: Drawn, real: Drawn, args: argparse.Namespace, seed: int) -> nn.Module:
    """An ear that learned from these windows."""
    torch.manual_seed(seed)
    ear = EARS[args.ear](args.dropout)
    optimiser = torch.optim.AdamW(ear.parameters(), lr=args.lr, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, args.lr, total_steps=args.steps, pct_start=0.15)
    batches = sampler(made, real, args.share, args.batch, np.random.default_rng(seed))
    for _, (pictures, kinds) in zip(range(args.steps), batches, strict=False):
        loss = functional.cross_entropy(ear(pictures), kinds, label_smoothing=0.1)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return ear.eval()


def heard(ears: list[nn.Module], waveform: torch.Tensor) -> np.ndarray:
    """Mean class probabilities [9] over the windows of a waveform [N]."""
    reference = float(mel_power(waveform[None], MEL).max())
    num_window = window_samples(MEL)
    if len(waveform) < num_window:
        missing = num_window - len(waveform)
        waveform = functional.pad(waveform, (missing // 2, missing - missing // 2))
    windows = waveform.unfold(0, num_window, int(HOP_SECONDS * MEL.sample_rate))
    with torch.no_grad():
        pictures = window_pictures(windows, MEL, reference)
        return np.mean([ear(pictures).softmax(1).mean(0).numpy() for ear in ears], 0)


def variants(waveform: torch.Tensor) -> dict[str, torch.Tensor]:
    """What an ear is tested with, of a waveform [N], by name."""
    rate, middle = MEL.sample_rate, len(waveform) // 2
    return {
        "as they are": waveform,
        "as 8 kHz material": resample(resample(waveform[None], rate, 8000), 8000, rate)[0],
        "half a second of each": waveform[max(0, middle - rate // 4):middle + rate // 4],
    }


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


def main() -> None:
    """Draw windows, train an ear a fold, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recordings", type=Path, required=True, help="a folder DIR/<scene>/*.ogg|opus|wav|...")
    parser.add_argument("--share", type=float, default=0.8, help="share of real windows in training; 0: synthesised alone (default 0.8)")
    parser.add_argument("--ear", choices=sorted(EARS), default="tower", help="the joint space's sound tower, or plain statistics of the bands")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--ears", type=int, default=1, help="ears trained a fold, their probabilities averaged")
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--dropout", type=float, default=0.3)
    parser.add_argument("--windows", type=int, default=8000, help="windows drawn of each sort before training (default 8000)")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    begun = time.perf_counter()
    recordings = load_recordings(args.recordings, MEL.sample_rate)
    made = draw(SoundWindows(args.seed, MEL, fresh_per_batch=6), args.windows)
    real = draw(SoundWindows(args.seed, MEL, loaded=recordings, synthesised=False, fresh_per_batch=5), args.windows if args.share else 64)
    parts = pieces(recordings)
    inputs = [variants(torch.from_numpy(part.waveform)) for part in parts]
    found = {name: np.zeros((len(parts), len(KINDS))) for name in inputs[0]}
    groups = folds(recordings, args.folds) if args.share else [{part.source for part in parts}]
    for number, out in enumerate(groups):
        seeds = range(args.seed + 100 * number, args.seed + 100 * number + args.ears)
        ears = [trained(made, real.without(out) if args.share else real, args, seed) for seed in seeds]
        for i, part in enumerate(parts):
            for name in found if part.source in out else ():
                found[name][i] = heard(ears, inputs[i][name])
        print(f"fold {number + 1} of {len(groups)}, {time.perf_counter() - begun:.0f} s", flush=True)
    for name, probabilities in found.items():
        print_table(f"{len(recordings)} recordings, {name}", *((parts, probabilities) if name.startswith("half") else whole(parts, probabilities)))


if __name__ == "__main__":
    main()
