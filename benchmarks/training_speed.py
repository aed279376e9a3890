"""Seconds of a training step of each stage and of the closest peer that runs, on the CPU, in one run.

    python benchmarks/training_speed.py [--stage generator|joint-space|sgvg|all] [--stylegan2-ada FOLDER] [--manipulation FOLDER]
        [--video FOLDER] [--sizes 32 64 128] [--batch 8] [--rounds 5] [--threads 1] [--only ours|theirs]

The folders are checkouts of https://github.com/NVlabs/stylegan2-ada-pytorch, https://github.com/kuai-lab/sound-guided-semantic-image-manipulation
and https://github.com/anonymous5584/sound-guided-semantic-video-generation (also taken from STYLEGAN2_ADA_DIR, SOUND_MANIPULATION_DIR and
SGVG_RELEASED_DIR); `training_updates.py` says what of them runs, and how. Sizes are those of pictures (generator) or of sound pictures.

Both sides have networks of the same sizes, the same batch, and float32. The two take turns at each update; the smallest of their times
counts, so that other work on the machine weighs little, and it's the processor's time, which other work doesn't lengthen. Without a
checkout only our own times are printed.

generator: without augmentation, the generator's loss, its path length (every 4th step), the discriminator's loss, R1 (every 16th). A step
    is the sum of the four as often as they come.
joint-space: F_a onto a frozen CLIP model. "sounds and words": the contrastive loss between them alone. "as each is": the peer also sets
    sounds against themselves, worn, so it hears twice as many; we set them against frames.
sgvg: walks of six frames of 256 px. "a step": E_a hears at every step (Eq. 1) and CLIP sees every frame, on both sides. "as each is": the
    peer hears once, and CLIP sees the last frame.
"""

import argparse
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import training_updates as updates
from synthesis_speed import load_core

EVERY = {"generator": 1, "path length": 4, "discriminator": 1, "R1": 16}
STAGES = {
    "generator": (updates.our_generator, updates.their_generator, "stylegan2_ada", 8, [32, 64, 128]),
    "joint-space": (updates.our_joint_space, updates.their_joint_space, "manipulation", 16, [128]),
    "sgvg": (updates.our_sgvg, updates.their_sgvg, "video", 1, [64]),
}
"""Our updates, the peer's, the option that names its checkout, batch and sizes."""
CHECKOUTS = {"stylegan2_ada": "STYLEGAN2_ADA_DIR", "manipulation": "SOUND_MANIPULATION_DIR", "video": "SGVG_RELEASED_DIR"}


def _seconds(call: Callable[[], Any]) -> float:
    """Of the processor."""
    began = time.process_time()
    call()
    return time.process_time() - began


def _best(calls: dict[str, updates.Updates], rounds: int) -> dict[str, dict[str, float]]:
    """The smallest time of each update of each side; the sides take turns."""
    best = {side: dict.fromkeys(own, float("inf")) for side, own in calls.items()}
    for _ in range(rounds):
        for update in next(iter(calls.values())):
            for side, own in calls.items():
                best[side][update] = min(best[side][update], _seconds(own[update]))
    return best


def _print_stage(stage: str, options: argparse.Namespace) -> None:
    ours, theirs, checkout, batch, sizes = STAGES[stage]
    folder, batch = getattr(options, checkout), options.batch or batch
    sides: dict[str, Callable[[int], updates.Updates]] = {"ours": lambda size: ours(size, batch)}
    if folder:
        sides["theirs"] = lambda size: theirs(Path(folder), size, batch)
    if options.only:
        sides = {options.only: sides[options.only]}
    print(f"{stage}: batch {batch}, best of {options.rounds}, seconds of the processor")
    for size in options.sizes or sizes:
        torch.manual_seed(0)
        best = _best({side: build(size) for side, build in sides.items()}, options.rounds)
        if stage == "generator":
            for own in best.values():
                own["step"] = sum(own[update] / every for update, every in EVERY.items())
        for update in next(iter(best.values())):
            line = ", ".join(f"{side} {own[update]:.3f} s" for side, own in best.items())
            ratio = f", ours / theirs {best['ours'][update] / best['theirs'][update]:.2f}" if len(best) == 2 else ""
            print(f"{size:5} px {update:16}: {line}{ratio}", flush=True)


def main() -> None:
    """Print a line an update, for each stage and size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stage", choices=(*STAGES, "all"), default="generator")
    for name, variable in CHECKOUTS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", default=os.environ.get(variable), help=f"checkout of the peer (else {variable})")
    parser.add_argument("--sizes", type=int, nargs="+")
    parser.add_argument("--batch", type=int)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", choices=("ours", "theirs"), default=None)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    warnings.filterwarnings("ignore", message=".*(gradfix not supported|enable_nested_tensor).*")
    load_core()
    print(f"torch {torch.__version__}, {options.threads} threads, float32")
    for stage in STAGES if options.stage == "all" else (options.stage,):
        _print_stage(stage, options)


if __name__ == "__main__":
    main()
