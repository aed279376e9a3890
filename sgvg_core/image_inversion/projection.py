"""An image of one's own to latents of any generator, by descent from a near start, held to the generator's own ground."""

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch.nn import functional as F

from ..config import check_choice, check_range
from ..errors import Cancelled, ConfigError
from ..pixels import to_uint8
from ..progress import Progress, silent
from ..schedules import cosine, set_lr, warm_up
from ..shapes import check_shape
from ..synthesis import Generator, StyleGAN2Generator, mean_ws, rgb_images
from .ground import Ground, map_codes, measure_ground
from .images import FITS, fit_image
from .linear_encoder import LinearEncoder

SPACES = ("w", "w+", "w+noise")
STARTS = ("best", "nearest", "mean")
OPTIMISERS = ("lbfgs", "adam")
PERCEPTUAL = ("joint-space", "st-lpips")
STEPS = {"w": 80, "w+": 90, "w+noise": 120}
"""Steps by default."""


class Perceptual(Protocol):
    """How unlike images look; `perceptual.distance.PerceptualDistance` is one."""

    def fixed(self, others: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
        """To `others` [N, 3, H, W] in -1..1: what tells for images of that shape how unlike them they look, [N]; differentiable."""



_SMALL = 8
"""Side at which candidates for the start are compared."""
_CANDIDATES = 48
_HALVINGS = 3
_HISTORY = 20
"""Steps from which L-BFGS knows the curvature."""
_NOISE_SHARE = 0.2
"""Share of the steps that change the noise maps alone, at the end."""


@dataclasses.dataclass(frozen=True)
class InversionSettings:
    """How latents of an image are looked for."""

    space: str = "w+"
    """"w": one latent for all layers; "w+": one a layer; "w+noise": that, and then the noise maps (StyleGAN2 alone)."""
    num_steps: int | None = None
    """Steps of Adam; None: those of `STEPS`. It stops earlier when nothing is gained any more."""
    seed: int = 0
    """Of the candidates for the start."""
    fit: str = "crop"
    """How an image of another shape is brought to the generator's: one of `FITS`."""
    start: str = "best"
    """"nearest": the most alike of the candidates' images; "mean": the generator's mean latent; "best": the nearest candidate or the
    encoder's answer, whichever shows the image better."""
    optimiser: str = "lbfgs"
    """"lbfgs": L-BFGS with a line search (Nocedal and Wright, Numerical Optimization, 2006), each look at an image counting as a step;
    "adam": for many short descents, each from a near start."""
    lr: float = 0.12
    """Step size of Adam, in standard deviations of mapped codes."""
    ground_weight: float = 0.002
    """Weight of the squared Mahalanobis distance per number of a latent."""
    perceptual: str = "joint-space"
    """Whose distance is lowered too: "joint-space", the model's own F_v (none without a joint space), or "st-lpips", an installed package's
    (`perceptual.load_st_lpips`). `invert_image` doesn't read it: it's given the distance."""
    perceptual_weight: float = 0.05
    """Weight of the perceptual distance; 0 leaves it out."""
    patience: int = 25
    """Steps without a gain of 0.5 % after which it stops."""
    keep_at_cancel: bool = False
    """Whether a cancel gives back the best so far, instead of nothing."""

    def __post_init__(self) -> None:
        check_choice("space", self.space, SPACES)
        check_choice("start", self.start, STARTS)
        check_choice("optimiser", self.optimiser, OPTIMISERS)
        check_choice("fit", self.fit, FITS)
        check_choice("perceptual", self.perceptual, PERCEPTUAL)
        if self.num_steps is not None:
            check_range("steps", self.num_steps, 0, 100_000)
        check_range("lr", self.lr, 1e-6, 10)
        check_range("ground weight", self.ground_weight, 0, 1e6)
        check_range("perceptual weight", self.perceptual_weight, 0, 1e6)
        check_range("patience", self.patience, 1, 100_000)


@dataclasses.dataclass(frozen=True, eq=False)
class Candidates:
    """Codes among which the start is chosen, with small images of what they show."""

    ws: torch.Tensor
    """[N, D]."""
    small: torch.Tensor
    """[N, 3, 8, 8] in -1..1."""
    encoder: LinearEncoder | None = None
    """What answers a start by itself (None: nothing does)."""


@dataclasses.dataclass(frozen=True, eq=False)
class Inverted:
    """What was found."""

    ws: torch.Tensor
    """[1, L, D], float32 on the CPU."""
    noise: tuple[torch.Tensor, ...] | None
    """One map [H, W] a layer, for `noise_mode` "given"; None: the generator's constant noise."""
    psnr: float
    """dB between the image, as it was fitted, and what the latents show; clipped to -1..1."""
    distance: float
    """Mahalanobis distance of the latents (`Ground.distance`)."""
    limit: float
    """The 99th percentile of the mapped codes' own distance."""
    image: torch.Tensor
    """What the latents show, uint8 [H, W, 3]."""
    num_steps: int
    seconds: float
    """How long it took."""
    cancelled: bool = False
    """Whether it was stopped before its end."""


def invert_image(
    generator: Generator,
    image: torch.Tensor,
    settings: InversionSettings | None = None,
    *,
    start_ws: torch.Tensor | None = None,
    ground: Ground | None = None,
    candidates: Candidates | None = None,
    perceptual: Perceptual | None = None,
    progress: Progress = silent,
) -> Inverted:
    """Latents that show `image` [1, 3, H, W] in -1..1, of any size. Without `settings` the defaults hold.

    Squared differences at four sizes and a `perceptual` distance (None: without it) are lowered over whitened latents, and with them the
    squared Mahalanobis distance to the mapped codes, with a wall at their 99th percentile (`ground`; None: it's measured). `start_ws` [1, L, D] is a
    start of one's own; None: it's chosen among `candidates`, drawn where these are None too, and their encoder's answer. `progress` gets the image
    so far. Raises ConfigError, ShapeError.
    """
    began = time.monotonic()
    settings = settings or InversionSettings()
    if settings.space == "w+noise" and not isinstance(generator, StyleGAN2Generator):
        raise ConfigError("space: got w+noise, but a StyleGAN3 has no noise maps; choose w+")
    check_shape("image", image, "N 3 H W", N=1)
    ground = ground or measure_ground(generator, settings.seed, progress=progress)
    wanted = fit_image(image, generator.img_size, settings.fit).to(generator.w_avg.device)
    if start_ws is None:
        start_ws = find_start(generator, wanted, settings, candidates, progress)
    check_shape("start_ws", start_ws, "N L D", N=1, L=generator.num_ws, D=generator.w_dim)
    descent = _Descent(generator, wanted, settings, ground, perceptual)
    cancelled = descent.run(start_ws, progress)
    return descent.result(time.monotonic() - began, cancelled)


@torch.no_grad()
def draw_candidates(generator: Generator, seed: int, num_codes: int, progress: Progress = silent) -> Candidates:
    """Mapped codes of `seed` and what they show, small."""
    ws, small = map_codes(generator, seed, num_codes, "start"), []
    for done, each in enumerate(ws.split(4)):
        latents = each[:, None].expand(-1, generator.num_ws, -1).to(generator.w_avg.device)
        small.append(_shrunk(rgb_images(generator, latents, noise_mode="const")).cpu())
        progress(min(4 * done + 4, num_codes), num_codes, "look for a start")
    return Candidates(ws, torch.cat(small))


@torch.no_grad()
def find_start(
    generator: Generator, wanted: torch.Tensor, settings: InversionSettings, candidates: Candidates | None, progress: Progress = silent
) -> torch.Tensor:
    """The start [1, L, D] for an image [1, 3, H, W] of the generator's size. `wanted` is the image, in -1..1; `candidates` None: they're drawn."""
    if settings.start == "mean":
        return mean_ws(generator)
    candidates = candidates or draw_candidates(generator, settings.seed, _CANDIDATES, progress)
    nearest = (candidates.small - _shrunk(wanted).cpu()).square().flatten(1).sum(1).argmin()
    starts = [candidates.ws[nearest]]
    if candidates.encoder is not None and settings.start == "best":
        starts.append(candidates.encoder(wanted)[0])
    ready = torch.stack(starts)[:, None].expand(-1, generator.num_ws, -1).clone()
    return ready if len(ready) == 1 else min(ready.split(1), key=lambda ws: _unlike(generator, ws, wanted))


def _unlike(generator: Generator, ws: torch.Tensor, wanted: torch.Tensor) -> float:
    """The mean squared difference between an image and what latents [1, L, D] show."""
    return float((rgb_images(generator, ws.to(wanted.device), noise_mode="const").float() - wanted).square().mean())


def _shrunk(images: torch.Tensor) -> torch.Tensor:
    return F.adaptive_avg_pool2d(images.float(), _SMALL).clamp(-1, 1)


def psnr_of(made: torch.Tensor, wanted: torch.Tensor) -> float:
    """Peak signal-to-noise ratio of images in -1..1, in dB; 100 where they're equal. `made` and `wanted` have the same shape."""
    error = float((made.clamp(-1, 1) - wanted).square().mean())
    return min(100.0, 10 * math.log10(4 / max(error, 4e-10)))


class _Enough(Exception):
    """A descent has come to its end."""


class _Descent:
    """Down over whitened latents, then over noise maps; the best so far is kept."""

    def __init__(
        self, generator: Generator, wanted: torch.Tensor, settings: InversionSettings, ground: Ground, perceptual: Perceptual | None
    ) -> None:
        self.generator, self.wanted, self.settings, self.ground = generator, wanted, settings, ground
        self.unlike = perceptual.fixed(wanted) if perceptual is not None and settings.perceptual_weight else None
        self.num_steps = STEPS[settings.space] if settings.num_steps is None else settings.num_steps
        self.done, self.best, self.best_loss = 0, torch.empty(0), math.inf
        self.noise: list[torch.Tensor] | None = None
        self.best_noise: list[torch.Tensor] | None = None
        self.last_gain, self.mark = 0, math.inf

    def run(self, start_ws: torch.Tensor, progress: Progress) -> bool:
        """Look for the latents from `start_ws` on; whether it was cancelled with something kept."""
        self.best = start_ws.detach().float().to(self.wanted.device)
        noise_steps = round(self.num_steps * _NOISE_SHARE) if self.settings.space == "w+noise" else 0
        try:
            self._lower_latents(self.num_steps - noise_steps, progress)
            if noise_steps:
                self._lower_noise(noise_steps, progress)
        except (Cancelled, KeyboardInterrupt):
            if not self.settings.keep_at_cancel:
                raise
            return True
        return False

    @torch.enable_grad()
    def _lower_latents(self, num_steps: int, progress: Progress) -> None:
        if num_steps == 0:
            return  # the start itself, to the last bit
        units = self.ground.whiten(self.best if self.settings.space != "w" else self.best.mean(1, keepdim=True)).clone().requires_grad_()
        descend = self._by_lbfgs if self.settings.optimiser == "lbfgs" else self._by_adam
        with contextlib.suppress(_Enough):
            descend(units, num_steps, progress)
            with torch.no_grad():
                self._loss_at(units, progress, counts=False)

    def _by_adam(self, units: torch.Tensor, num_steps: int, progress: Progress) -> None:
        adam = torch.optim.Adam([units], lr=self.settings.lr, betas=(0.9, 0.99))
        for step in range(num_steps):
            set_lr(adam, self.settings.lr * _schedule(step, num_steps))
            (units.grad,) = torch.autograd.grad(self._loss_at(units, progress), [units])
            adam.step()

    def _by_lbfgs(self, units: torch.Tensor, num_steps: int, progress: Progress) -> None:
        lbfgs = torch.optim.LBFGS([units], max_iter=num_steps, max_eval=num_steps, tolerance_grad=0, tolerance_change=0,
                                  history_size=_HISTORY, line_search_fn="strong_wolfe")

        def look() -> torch.Tensor:
            last = self.done >= num_steps
            loss = self._loss_at(units, progress, counts=not last)
            if last:  # a line search doesn't count its own looks
                raise _Enough
            (units.grad,) = torch.autograd.grad(loss, [units])
            return loss.detach()

        lbfgs.step(look)  # type: ignore[no-untyped-call]

    def _loss_at(self, units: torch.Tensor, progress: Progress, counts: bool = True) -> torch.Tensor:
        """The loss of whitened latents, judged. Raises _Enough where nothing is gained any more."""
        ws = self.ground.colour(units).expand(-1, self.generator.num_ws, -1)
        made = self._made(ws)
        loss = self._image_loss(made) + self._ground_loss(units)
        if self._judged(loss, made, ws, progress, counts):
            raise _Enough
        return loss

    @torch.enable_grad()
    def _lower_noise(self, num_steps: int, progress: Progress) -> None:
        """The noise maps alone, held to what noise is: neighbours no more alike than in the generator's own maps, of the spread that they had."""
        consts = [conv.noise_const.detach() for conv in self.generator.synthesis.convs]  # type: ignore[union-attr]
        self.noise = [const.clone().requires_grad_() for const in consts]
        by_chance = _noise_likeness(consts)
        self.best_loss, self.mark, self.last_gain = math.inf, math.inf, self.done
        adam = torch.optim.Adam(self.noise, lr=0.05, betas=(0.9, 0.99))
        for step in range(num_steps):
            set_lr(adam, 0.05 * _schedule(step, num_steps))
            made = self._made(self.best)
            loss = self._image_loss(made) + F.relu(_noise_likeness(self.noise) - by_chance)
            if self._judged(loss, made, self.best, progress):
                return
            for each, grad in zip(self.noise, torch.autograd.grad(loss, self.noise, allow_unused=True), strict=True):
                each.grad = grad
            adam.step()
            with torch.no_grad():
                for each in self.noise:
                    each.sub_(each.mean()).mul_(each.square().mean().clamp(min=1e-8).rsqrt()) if each.numel() > 1 else None

    def _made(self, ws: torch.Tensor) -> torch.Tensor:
        noise = {"noise_mode": "const"} if self.noise is None else {"noise_mode": "given", "noise": self.noise}
        return rgb_images(self.generator, ws, **noise).float()

    def _image_loss(self, made: torch.Tensor) -> torch.Tensor:
        """Squared differences at four sizes, and the perceptual distance."""
        apart = made - self.wanted
        loss = apart.square().mean()
        for _ in range(_HALVINGS):
            apart = F.avg_pool2d(apart, 2) if min(apart.shape[2:]) >= 2 else apart
            loss = loss + apart.square().mean()
        if self.unlike is not None:
            loss = loss + self.settings.perceptual_weight * self.unlike(made).mean()
        return loss

    def _ground_loss(self, units: torch.Tensor) -> torch.Tensor:
        """What holds latents to the mapped codes: their squared distance, and a wall just within the limit."""
        squared = units.square().sum(2).mean()
        beyond = F.relu(squared.clamp(min=1e-12).sqrt() / (0.97 * self.ground.limit) - 1)
        return self.settings.ground_weight * squared / units.shape[2] + 10 * beyond.square()

    def _judged(self, loss: torch.Tensor, made: torch.Tensor, ws: torch.Tensor, progress: Progress, counts: bool = True) -> bool:
        """Keep the best, tell how far it is, and say whether it's time to stop."""
        value = float(loss.detach())
        if value < self.best_loss:
            self.best_loss, self.best = value, ws.detach().clone()
            self.best_noise = None if self.noise is None else [each.detach().clone() for each in self.noise]
        if value < 0.995 * self.mark:
            self.mark, self.last_gain = value, self.done
        self.done += counts
        progress(self.done, self.num_steps, "invert the image", to_uint8(made.detach())[0])
        return self.done - self.last_gain > self.settings.patience

    @torch.no_grad()
    def result(self, seconds: float, cancelled: bool) -> Inverted:
        """The best that was found, measured."""
        self.noise = self.best_noise
        made = self._made(self.best)
        ws = self.best.float().cpu()
        noise = None if self.noise is None else tuple(each.float().cpu() for each in self.noise)
        psnr, distance, image = psnr_of(made, self.wanted), float(self.ground.distance(ws)[0]), to_uint8(made.detach())[0]
        return Inverted(
            ws, noise, psnr,
            distance=distance, limit=self.ground.limit, image=image, num_steps=self.done, seconds=seconds, cancelled=cancelled,
        )  # fmt: skip


def _schedule(step: int, num_steps: int) -> float:
    """A short ramp up, then half a cosine down to 2 %."""
    return warm_up(step, 10) * (0.02 + 0.98 * cosine(step / num_steps))


def _noise_likeness(maps: Sequence[torch.Tensor]) -> torch.Tensor:
    """How alike neighbours of noise maps are, at each size down to 8 (Karras et al. 2020, arXiv 1912.04958, appendix D)."""
    loss = maps[0].new_zeros(())
    for noise in maps:
        each = noise
        while min(each.shape) >= 8:
            for axis in (0, 1):
                loss = loss + (each * each.roll(1, axis)).mean().square()
            each = F.avg_pool2d(each[None, None], 2)[0, 0] * 2
    return 10.0 * loss
