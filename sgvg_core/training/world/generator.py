"""Stage one: a StyleGAN2 taught by the renderer.

A code z says which picture of the world it means (`world.codes`), so the generator is supervised: small sizes first, absolute
differences at several sizes and of the steps between neighbours. Weights are averaged (EMA); every run can be killed and resumes
from its state file.
"""

import copy
import dataclasses
from collections.abc import Iterator, Mapping
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
from ..runs.jobs import results_in_order
from ..runs.state import read_state, taking_up
from ..runs.timed import FirstLayoutRun

_SCENES_A_JOB = 50
_EMA_IMAGES = 2500.0
"""Half life of the average of weights, in pictures; a fifth of those seen while they're fewer."""


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
            for index, (some_codes, some_images) in enumerate(results_in_order(_render_job, jobs, workers)):
                progress(index, num_jobs, "render pictures")
                rows = slice(index * a_job, (index + 1) * a_job)
                codes[rows], images[rows] = some_codes, some_images
            images.flush()
        with atomic_write(codes_path, TrainingError) as part:
            np.save(part, codes)
        note_kept(note, made_of, TrainingError)
    return RenderedImages(torch.from_numpy(np.load(codes_path)), np.load(images_path, mmap_mode="r"), made_of)


def image_distance(ours: torch.Tensor, wanted: torch.Tensor, square_weight: float = 0.0) -> torch.Tensor:
    """Mean absolute difference at four sizes, and that of the steps between neighbours at the two largest.

    `square_weight` is that of the mean squares, at the largest size, of the differences and of their steps. Absolute differences alone are least
    where a thin thing whose place isn't known yet isn't drawn at all (the median of what may be there); squares are least where it's drawn faintly
    (the mean), and what is drawn can find its place.

    `ours` are [N, 3, H, W] in -1..1, of 8 px and more; `wanted` are of that size, or a multiple of it, averaged down first.
    """
    loss, wanted = ours.new_zeros(()), F.avg_pool2d(wanted, wanted.shape[-1] // ours.shape[-1])
    for halvings in range(4):
        if halvings:
            ours, wanted = F.avg_pool2d(ours, 2), F.avg_pool2d(wanted, 2)
        error = ours - wanted
        loss = loss + error.abs().mean()
        if halvings < 2:
            across, down = error[..., 1:] - error[..., :-1], error[..., 1:, :] - error[..., :-1, :]
            loss = loss + across.abs().mean() + down.abs().mean()
        if halvings == 0 and square_weight:
            loss = loss + square_weight * (error.square().mean() + across.square().mean() + down.square().mean())
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


@dataclasses.dataclass(frozen=True)
class GeneratorTraining:
    """What all sizes of a generator are trained with."""

    config: GeneratorConfig
    """The generator at its last size."""
    images: RenderedImages
    held_out: RenderedImages
    """Pictures that it's measured by."""
    batch: int
    lr: float
    """Adam's rate at its highest."""
    seed: int
    dtype: torch.dtype
    """Of the features."""


class _SizeRun(FirstLayoutRun):
    """The run at one size. Its state counts pictures, and each line of its log measures the averaged generator."""

    def __init__(self, path: Path, parts: Mapping[str, Any], training: GeneratorTraining, size: int, *, minutes: float) -> None:
        settings = [dataclasses.asdict(training.config.up_to(size)), training.batch, training.lr, training.seed, str(training.dtype),
                    training.images.made_of]  # fmt: skip
        super().__init__(path, parts, config=settings, minutes=minutes, save_seconds=90, counted=("seen", training.batch))
        self._training, self._size = training, size

    def _line(self, means: Mapping[str, float]) -> dict[str, Any]:
        training, size = self._training, self._size
        psnr = peak_signal_to_noise(self.parts["mean"], training.held_out, size, training.dtype)
        return {"size": size, "seen": self.count, "seconds": round(self.seconds), "loss": round(means["loss"], 4), "psnr": round(psnr, 2)}


def _shuffled(num_rows: int, batch: int, seed: int, seen: int) -> Iterator[np.ndarray]:
    """Rows of batch after batch, each epoch in its own order; a run that is resumed continues where it was."""
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

    `sizes` are in pixels, smallest first; `lr` is Adam's rate; `batch` pictures make a step; `num_scenes` and `num_held_out` are scenes to learn
    from and to measure by; `dtype` is that of the features (None: what this machine is fast with). Raises ConfigError where sizes and minutes don't
    fit each other or the configuration.
    """
    dtype = dtype or training_dtype()
    if len(sizes) != len(minutes) or sizes[-1] != config.img_resolution:
        raise ConfigError(f"sizes: got {sizes} and minutes {minutes}, expected as many minutes as sizes, the last size {config.img_resolution}")
    size = config.img_resolution
    images = render_images(work / "pictures", seed=seed, num_scenes=num_scenes, size=size, workers=workers, progress=progress)
    held_out = render_images(
        work / "held_out", seed=seed + 1_000_000, num_scenes=num_held_out, frames_a_scene=1, size=size, workers=workers, progress=progress
    )
    training = GeneratorTraining(config, images, held_out, batch=batch, lr=lr, seed=seed, dtype=dtype)
    before: Path | None = None
    for size, limit in zip(sizes, minutes, strict=True):
        before = _train_size(training, work / f"{size}px.state", size, before, minutes=limit, progress=progress)
    net = build_generator(config)
    with taking_up(before):  # type: ignore[arg-type]
        net.load_state_dict(read_state(before)["mean"])  # type: ignore[arg-type]
    set_w_avg(net, seed)
    result = work / "generator.safetensors"
    save_generator(result, net, config)
    return result


@torch.no_grad()
def set_w_avg(net: StyleGAN2Generator, seed: int, num_codes: int = 10_000) -> None:
    """Store in `net` the mean latent of many codes, the point that truncation draws to."""
    net.w_avg.copy_(net.mapping(draw_codes(seed, num_codes))[:, 0].mean(0))


def _train_size(training: GeneratorTraining, state: Path, size: int, before: Path | None, *, minutes: float, progress: Progress) -> Path:
    """Train at one size for `minutes` of computing, counted over all runs, from the state of the size `before`; returns its own, `state`.

    At the last size the mapping stays as the size before left it, and the rate falls to nothing at the end. Pictures of the generator's
    `smaller_sizes` below this one are learned beside it.
    """
    torch.manual_seed(training.seed)
    net = build_generator(training.config.up_to(size)).train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if before is not None:
        _copy_smaller(net, before)
    ema = copy.deepcopy(net).eval()
    optimiser = torch.optim.Adam(net.parameters(), training.lr, betas=(0.9, 0.99), fused=True)
    run = _SizeRun(state, {"net": net, "mean": ema, "optimiser": optimiser}, training, size, minutes=minutes)
    last, batch = size == training.config.img_resolution, training.batch
    if last and before is not None:  # the latent space stays as it is, so that what is learned from sound can be taught meanwhile
        net.mapping.requires_grad_(False)
    rows = _shuffled(len(training.images.codes), batch, training.seed, run.count)
    for _ in run.shown_steps(progress, lambda: f"generator {size} px, loss {run.last('loss'):.3f}"):
        set_lr(optimiser, training.lr * cosine(run.done, 0.5 if last else 0.95) * min(1.0, (run.count + 160) / 1600))
        z, wanted = training.images.batch(next(rows), size)
        pictures = net.synthesis.pictures(net.mapping(z), (*net.smaller_sizes, size), training.dtype)
        loss = torch.stack([image_distance(images, wanted) for images in pictures]).sum()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        ema_update(ema, net, decay_of_half_life(batch, min(_EMA_IMAGES, 0.2 * (run.count + batch))))
        run.note(loss=loss.item())
    return state
