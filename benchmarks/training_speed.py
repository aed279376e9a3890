"""Seconds of a training step of a StyleGAN2 beside NVIDIA's own, on the CPU, in one run.

    python benchmarks/training_speed.py --stylegan2-ada FOLDER [--sizes 32 64 128] [--batch 8] [--rounds 5] [--threads 1] [--only ours]

FOLDER is a checkout of https://github.com/NVlabs/stylegan2-ada-pytorch (also taken from STYLEGAN2_ADA_DIR). Both have networks of the
same sizes, the same batch in float32 without augmentation, and the same four updates: the generator's loss, its path length (every 4th
step), the discriminator's loss, R1 (every 16th). The two take turns at each; the smallest of their times counts, so that other work on
the machine weighs little, and it's the processor's time, which other work doesn't lengthen. A step is the sum of the four as often as
they come. Without a checkout only our own times are printed.
"""

import argparse
import os
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import torch
from synthesis_speed import load_core

EVERY = {"generator": 1, "path length": 4, "discriminator": 1, "R1": 16}
BASE, WIDEST = 4096, 256
"""Channel base and maximum: the plan of the bundled model."""


def _ours(size: int, batch: int, real: torch.Tensor) -> dict[str, Callable[[], Any]]:
    from sgvg_core.training.adversarial import AdversarialTraining
    from sgvg_core.training.adversarial_config import AdversarialConfig
    from sgvg_core.training.augment import AugmentConfig

    config = AdversarialConfig(size=size, channel_base=BASE, channel_max=WIDEST, batch=batch, r1_gamma=1.0, augment=AugmentConfig(kinds=()))
    training = AdversarialTraining(config)
    return {
        "generator": lambda: training.teach_generator(0),
        "path length": lambda: training.smooth_paths(0),
        "discriminator": lambda: training.teach_critic(0, real),
        "R1": lambda: training.penalise_critic(0, real),
    }


def _theirs(size: int, batch: int, real: torch.Tensor) -> dict[str, Callable[[], Any]]:
    from training.loss import StyleGAN2Loss
    from training.networks import Discriminator, Generator

    plan = {"channel_base": BASE, "channel_max": WIDEST, "num_fp16_res": 0}
    generator = Generator(256, 0, 256, size, 3, mapping_kwargs={"num_layers": 2}, synthesis_kwargs=plan).train()
    critic = Discriminator(0, size, 3, **plan, epilogue_kwargs={"mbstd_group_size": 4}).train()
    loss = StyleGAN2Loss("cpu", generator.mapping, generator.synthesis, critic, r1_gamma=1.0)
    modules = {"G": (generator, torch.optim.Adam(generator.parameters(), 0.002, (0.0, 0.99))),
               "D": (critic, torch.optim.Adam(critic.parameters(), 0.002, (0.0, 0.99)))}
    generator.requires_grad_(False)
    critic.requires_grad_(False)
    no_label = torch.zeros(batch, 0)

    def update(phase: str, gain: int) -> None:
        module, optimiser = modules[phase[0]]
        optimiser.zero_grad(set_to_none=True)
        module.requires_grad_(True)
        loss.accumulate_gradients(phase, real, no_label, torch.randn(batch, 256), no_label, True, gain)
        module.requires_grad_(False)
        optimiser.step()

    return {
        "generator": lambda: update("Gmain", 1),
        "path length": lambda: update("Greg", 4),
        "discriminator": lambda: update("Dmain", 1),
        "R1": lambda: update("Dreg", 16),
    }


def _seconds(call: Callable[[], Any]) -> float:
    """Of the processor."""
    began = time.process_time()
    call()
    return time.process_time() - began


def main() -> None:
    """Print a line an update and one a step, for each size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stylegan2-ada", default=os.environ.get("STYLEGAN2_ADA_DIR"), help="checkout of NVIDIA's stylegan2-ada-pytorch")
    parser.add_argument("--sizes", type=int, nargs="+", default=[32, 64, 128])
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", choices=("ours", "theirs"), default=None)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    warnings.filterwarnings("ignore", message=".*gradfix not supported.*")
    load_core()
    builders: dict[str, Callable[..., dict[str, Callable[[], Any]]]] = {"ours": _ours}
    if options.stylegan2_ada:
        sys.path.insert(0, options.stylegan2_ada)
        builders["theirs"] = _theirs
    if options.only:
        builders = {options.only: builders[options.only]}
    print(f"torch {torch.__version__}, {options.threads} threads, batch {options.batch}, float32, best of {options.rounds}, seconds of the processor")
    for size in options.sizes:
        torch.manual_seed(0)
        real = torch.randn(options.batch, 3, size, size)
        calls = {name: build(size, options.batch, real) for name, build in builders.items()}
        best = {name: dict.fromkeys(EVERY, float("inf")) for name in calls}
        for _ in range(options.rounds):
            for update in EVERY:
                for name in calls:
                    best[name][update] = min(best[name][update], _seconds(calls[name][update]))
        for name in best:
            best[name]["step"] = sum(best[name][update] / every for update, every in EVERY.items())
        for update in (*EVERY, "step"):
            line = ", ".join(f"{name} {best[name][update]:.3f} s" for name in best)
            ratio = f", ours / theirs {best['ours'][update] / best['theirs'][update]:.2f}" if len(best) == 2 else ""
            print(f"{size:5} px {update:14}: {line}{ratio}", flush=True)


if __name__ == "__main__":
    main()
