"""Train the judge on rendered pictures, under random gain, gamma and hue (the measuring instrument, not a part of the model)."""

import dataclasses
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from ...assembly import build_judge, save_judge
from ...augmentation.images import augment_for_judge
from ...config import JudgeConfig
from ...progress import Progress, silent
from ...schedules import cosine, set_lr, warm_up
from ...world.codes import read_codes
from ..runs.loop import Stateful
from ..runs.state import NumpyRandom, TorchRandom
from ..runs.timed import Run
from .generator import RenderedImages


def code_targets(codes: torch.Tensor, labels: tuple[str, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    """The kinds (int [N], places in `labels`) and envelopes [N] of codes [N, 64]."""
    read = read_codes(codes)
    return torch.tensor([labels.index(code.kind) for code in read]), torch.tensor([code.envelope for code in read], dtype=torch.float32)


def train_judge(
    path: Path,
    images: RenderedImages,
    held_out: RenderedImages,
    config: JudgeConfig,
    *,
    num_steps: int = 1500,
    batch: int = 48,
    seed: int = 7,
    progress: Progress = silent,
) -> dict[str, float]:
    """Train and save a judge; returns its accuracy and envelope correlation on the renders `held_out` under the same disturbances.

    `batch` images make a step. State and log are next to it: a run that was killed resumes.
    """
    torch.manual_seed(seed)
    judge, generator = build_judge(config).train(), torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(judge.parameters(), 2e-3, weight_decay=1e-2)
    kinds, envelopes = code_targets(images.codes, config.labels)
    rng = np.random.default_rng(seed)
    parts: dict[str, Stateful] = {"net": judge, "optimiser": optimiser, "rng": NumpyRandom(rng), "disturb": TorchRandom(generator)}
    run = Run(path.with_suffix(".state"), parts, config=[dataclasses.asdict(config), num_steps, batch, seed], num_steps=num_steps,
              made_of={"pictures": images.made_of})  # fmt: skip
    for step in run.shown_steps(progress, lambda: f"judge, loss {run.last('loss'):.3f}"):
        set_lr(optimiser, 2e-3 * warm_up(step, 50) * cosine(step / num_steps))
        rows = np.sort(rng.choice(len(images.codes), batch, replace=False))
        _, seen = images.batch(rows, config.image_size)
        verdict = judge(augment_for_judge(seen, generator))
        loss = F.cross_entropy(verdict.logits, kinds[rows]) + 4 * F.smooth_l1_loss(verdict.envelope, envelopes[rows], beta=0.1)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        run.note(loss=loss.item())
    judge.eval()
    save_judge(path, judge, config)
    return check_judge(judge, held_out, config, generator)


@torch.no_grad()
def check_judge(judge: torch.nn.Module, held_out: RenderedImages, config: JudgeConfig, generator: torch.Generator) -> dict[str, float]:
    """How well `judge` reads the renders `held_out`: accuracy, correlation of the read envelope with the true one, and the lowest correlation
    of a kind.

    `generator` draws the disturbances.
    """
    kinds, envelopes = code_targets(held_out.codes, config.labels)
    right, read = [], []
    for first in range(0, len(kinds), 64):
        _, seen = held_out.batch(np.arange(first, min(first + 64, len(kinds))), config.image_size)
        verdict = judge(augment_for_judge(seen, generator))
        right.append(verdict.logits.argmax(1) == kinds[first : first + 64])
        read.append(verdict.envelope)
    strengths = torch.cat(read)
    each = [torch.corrcoef(torch.stack([strengths[kinds == k], envelopes[kinds == k]]))[0, 1].item() for k in range(len(config.labels))]
    overall = torch.corrcoef(torch.stack([strengths, envelopes]))[0, 1].item()
    return {"accuracy": torch.cat(right).float().mean().item(), "envelope_correlation": overall, "lowest_correlation_of_a_kind": min(each)}
