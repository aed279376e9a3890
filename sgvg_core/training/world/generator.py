"""Stage one: a StyleGAN2 taught by the renderer.

A code z says which picture of the world it stands for (`world.codes`), so the generator is supervised: small sizes first, absolute
differences at several sizes and of the steps between neighbours. Weights are averaged (EMA); every run can be killed and goes on
from its state file.
"""

import copy
import dataclasses
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from ...assembly import build_generator, save_generator
from ...atomic_files import atomic_write
from ...config import GeneratorConfig
from ...devices import training_dtype
from ...errors import ConfigError, TrainingError
from ...hashing import MADE_OF, fingerprint, is_kept, note_kept
from ...pixels import from_uint8
from ...progress import Progress, silent
from ...schedules import cosine, set_lr
from ...synthesis import StyleGAN2Generator
from ...world import render
from ...world.codes import Z_DIM, draw_codes, read_codes, write_codes
from ...world.probes import probe_images
from ..runs.ema import decay_of_half_life, ema_update
from ..runs.jobs import each_job
from ..runs.state import (
    append_log,
    check_same,
    read_state,
    taking_up,
    write_state,
)

_SCENES_A_JOB = 50


@dataclasses.dataclass(frozen=True)
class RenderedImages:
    """Codes [N, 64] and their rendered pictures, uint8 [N, size, size, 3], read from disk as they're needed."""

    codes: torch.Tensor
    images: np.ndarray
    made_of: str = ""
    """The fingerprint of what they were made of."""

    def batch(self, rows: np.ndarray, size: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Codes [n, 64] and images [n, 3, size, size] in -1..1 of the given rows."""
        rows = np.sort(rows)
        images = from_uint8(torch.from_numpy(self.images[rows]))
        return self.codes[rows], F.avg_pool2d(images, images.shape[-1] // size)


def _render_job(job: tuple[int, int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Pictures of some scenes: `frames_a_scene` codes that differ in envelope and phase alone."""
    seed, first, frames_a_scene, size = job
    codes = draw_codes(seed, _SCENES_A_JOB, first).repeat_interleave(frames_a_scene, 0)
    rng = np.random.default_rng([seed, first])
    envelope = torch.from_numpy(rng.random(len(codes)))
    codes = write_codes(codes, envelope=envelope, phase=torch.from_numpy(rng.random(len(codes))))
    images = [render(code.kind, code.scene, code.envelope, code.phase, size) for code in read_codes(codes)]
    return codes.numpy(), np.stack(images)


def render_images(
    folder: Path, *, seed: int, num_scenes: int, frames_a_scene: int = 6, size: int = 128, workers: int = 2, progress: Progress = silent
) -> RenderedImages:
    """Render codes and pictures into `folder`, once: what is there of the same seed, numbers and sizes, by the same world, is used as it is.

    `num_scenes` scenes give `frames_a_scene` pictures each, of `size` pixels.
    """
    codes_path, images_path, note = folder / "codes.npy", folder / "pictures.npy", folder / MADE_OF
    made_of = fingerprint(["pictures", seed, num_scenes, frames_a_scene, size, _SCENES_A_JOB, draw_codes(seed, 2).numpy(), probe_images()])
    if not is_kept(note, made_of):
        folder.mkdir(parents=True, exist_ok=True)
        num_jobs = -(-num_scenes // _SCENES_A_JOB)
        a_job = _SCENES_A_JOB * frames_a_scene
        codes = np.empty((num_jobs * a_job, Z_DIM), np.float32)
        jobs = [(seed, index * _SCENES_A_JOB, frames_a_scene, size) for index in range(num_jobs)]
        with atomic_write(images_path, TrainingError) as part:  # under another name: who still reads the old ones keeps them
            images = np.lib.format.open_memmap(part, "w+", np.uint8, (len(codes), size, size, 3))
            for index, (some_codes, some_images) in enumerate(each_job(_render_job, jobs, workers)):
                progress(index, num_jobs, "render pictures")
                rows = slice(index * a_job, (index + 1) * a_job)
                codes[rows], images[rows] = some_codes, some_images
            images.flush()
        with atomic_write(codes_path, TrainingError) as part:
            np.save(part, codes)
        note_kept(note, made_of, TrainingError)
    return RenderedImages(torch.from_numpy(np.load(codes_path)), np.load(images_path, mmap_mode="r"), made_of)


def image_distance(ours: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Mean absolute difference at four sizes, and that of the steps between neighbours at the two largest.

    `ours` and `wanted` are [N, 3, H, W] in -1..1.
    """
    loss = ours.new_zeros(())
    for halvings in range(4):
        error = ours - wanted
        loss = loss + error.abs().mean()
        if halvings < 2:
            loss = loss + (error[..., 1:] - error[..., :-1]).abs().mean() + (error[..., 1:, :] - error[..., :-1, :]).abs().mean()
        ours, wanted = F.avg_pool2d(ours, 2), F.avg_pool2d(wanted, 2)
    return loss


@torch.no_grad()
def peak_signal_to_noise(generator: Any, images: RenderedImages, size: int, dtype: torch.dtype) -> float:
    """Mean PSNR in dB over held-out pictures.

    `size` is in pixels; `dtype` is that of the `generator` features.
    """
    ratios = []
    for first in range(0, len(images.codes), 50):
        z, wanted = images.batch(np.arange(first, min(first + 50, len(images.codes))), size)
        ours = generator.synthesis(generator.mapping(z), dtype=dtype).clamp(-1, 1)
        ratios.append(-10 * ((ours - wanted) / 2).square().mean([1, 2, 3]).log10())
    return torch.cat(ratios).mean().item()


@dataclasses.dataclass
class _Run:
    """What a run needs to go on: networks, optimiser, how many pictures were seen, seconds spent."""

    net: torch.nn.Module
    mean: torch.nn.Module
    optimiser: torch.optim.Optimizer
    settings: Any = None
    """Plain data; a run goes on with the same alone."""
    seen: int = 0
    seconds: float = 0.0

    def save(self, path: Path) -> None:
        state = {"net": self.net.state_dict(), "mean": self.mean.state_dict(), "optimiser": self.optimiser.state_dict()}
        write_state(path, {**state, "seen": self.seen, "seconds": self.seconds, "settings": json.dumps(self.settings, default=str)})

    def load(self, path: Path) -> None:
        with taking_up(path):
            state = read_state(path)
            check_same(path, state.get("settings"), json.dumps(self.settings, default=str))
            self.net.load_state_dict(state["net"])
            self.mean.load_state_dict(state["mean"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.seen, self.seconds = int(state["seen"]), float(state["seconds"])


def _shuffled(num_rows: int, batch: int, seed: int, seen: int) -> Iterator[np.ndarray]:
    """Rows of batch after batch, each epoch in its own order; a run that goes on continues where it stood."""
    position = seen // batch
    per_epoch = num_rows // batch
    while True:
        epoch, start = divmod(position, per_epoch)
        order = np.random.default_rng([seed, epoch]).permutation(num_rows)
        for index in range(start, per_epoch):
            yield order[index * batch : (index + 1) * batch]
        position = (epoch + 1) * per_epoch


def _copy_smaller(net: torch.nn.Module, path: Path) -> None:
    """Take over the weights of a smaller generator's run."""
    own = net.state_dict()
    with taking_up(path):
        smaller = read_state(path)["mean"]
        net.load_state_dict({name: smaller[name] if name in smaller and smaller[name].shape == own[name].shape else own[name] for name in own})


def train_generator(
    work: Path,
    config: GeneratorConfig,
    *,
    sizes: tuple[int, ...] = (32, 64, 128),
    minutes: tuple[float, ...] = (5, 15, 45),
    num_scenes: int = 8000,
    batch: int = 8,
    lr: float = 0.01,
    seed: int = 1,
    dtype: torch.dtype | None = None,
    workers: int = 2,
    num_held_out: int = 450,
    progress: Progress = silent,
) -> Path:
    """Teach a generator of `config`, size after size, `minutes` each; state, log and result lie in `work`. Returns the result's path.

    `sizes` are in pixels, smallest first; `lr` is Adam's rate; `num_scenes` and `num_held_out` are scenes to learn from and to measure
    by; `dtype` is that of the features (None: what this machine is fast with).
    """
    dtype = dtype or training_dtype()
    if len(sizes) != len(minutes) or sizes[-1] != config.img_resolution:
        raise ConfigError(f"sizes: got {sizes} and minutes {minutes}, expected as many minutes as sizes, the last size {config.img_resolution}")
    size = config.img_resolution
    images = render_images(work / "pictures", seed=seed, num_scenes=num_scenes, size=size, workers=workers, progress=progress)
    held_out = render_images(
        work / "held_out", seed=seed + 1_000_000, num_scenes=num_held_out, frames_a_scene=1, size=size, workers=workers, progress=progress
    )
    before: Path | None = None
    for size, limit in zip(sizes, minutes, strict=True):
        state = work / f"{size}px.state"
        last = size == sizes[-1]
        _train_size(state, before, _at_size(config, size), images, held_out, limit, last, batch, lr, seed, dtype, progress)
        before = state
    net = build_generator(config)
    with taking_up(before):  # type: ignore[arg-type]
        net.load_state_dict(read_state(before)["mean"])  # type: ignore[arg-type]
    set_w_avg(net, seed)
    result = work / "generator.safetensors"
    save_generator(result, net, config)
    return result


@torch.no_grad()
def set_w_avg(net: StyleGAN2Generator, seed: int, num_codes: int = 10_000) -> None:
    """Store the mean latent of many codes, the point that truncation draws to."""
    net.w_avg.copy_(net.mapping(draw_codes(seed, num_codes))[:, 0].mean(0))


def _at_size(config: GeneratorConfig, size: int) -> GeneratorConfig:
    return dataclasses.replace(config, img_resolution=size, channels=config.channels[: size.bit_length() - 2])


def _train_size(
    state: Path,
    before: Path | None,
    config: GeneratorConfig,
    images: RenderedImages,
    held_out: RenderedImages,
    minutes: float,
    last: bool,
    batch: int,
    lr: float,
    seed: int,
    dtype: torch.dtype,
    progress: Progress,
) -> None:
    """Train at one size for `minutes` of computing, counted over all runs.

    At the last size the mapping stays as the size before left it, and the rate falls to nothing at the end.
    """
    torch.manual_seed(seed)
    net = build_generator(config).train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if before is not None:
        _copy_smaller(net, before)
    optimiser = torch.optim.Adam(net.parameters(), lr, betas=(0.9, 0.99), fused=True)
    settings = [dataclasses.asdict(config), batch, lr, seed, str(dtype), images.made_of]
    run = _Run(net, copy.deepcopy(net).eval(), optimiser, settings)
    if state.exists():
        run.load(state)
    if last and before is not None:  # the latent space stays as it is, so that what is learned from sound can be taught meanwhile
        run.net.mapping.requires_grad_(False)  # type: ignore[union-attr]
    log = state.with_suffix(".jsonl")
    size, rows, losses, saved = config.img_resolution, _shuffled(len(images.codes), batch, seed, run.seen), [], time.monotonic()
    flat = 0.5 if last else 0.95
    while run.seconds < minutes * 60:
        began = time.monotonic()
        done = run.seconds / (minutes * 60)
        set_lr(run.optimiser, lr * cosine(done, flat) * min(1.0, (run.seen + 160) / 1600))
        z, wanted = images.batch(next(rows), size)
        loss = image_distance(net.synthesis(net.mapping(z), dtype=dtype), wanted)
        run.optimiser.zero_grad()
        loss.backward()
        run.optimiser.step()
        run.seen += batch
        _average(run, batch)
        losses.append(loss.item())
        run.seconds += time.monotonic() - began
        progress(run.seconds, minutes * 60, f"generator {size} px, loss {losses[-1]:.3f}")
        if time.monotonic() - saved > 90 or run.seconds >= minutes * 60:
            run.save(state)
            saved = time.monotonic()
            entry = {
                "size": size,
                "seen": run.seen,
                "seconds": round(run.seconds),
                "loss": round(float(np.mean(losses)), 4),
                "psnr": round(peak_signal_to_noise(run.mean, held_out, size, dtype), 2),
            }
            losses = []
            append_log(log, entry)


def _average(run: _Run, batch: int) -> None:
    """Follow the weights by an average with a half life of 2,500 pictures (fewer at the start)."""
    ema_update(run.mean, run.net, decay_of_half_life(batch, min(2500.0, 0.2 * run.seen)))
