"""Stage one, its end: the generator learns crisp detail.

Absolute differences alone end in a blur, for a small generator can't know the place of every streak and leaf. So two terms join them
once the colours are right: how much detail there is in each small region (its mean absolute Laplacian), and StyleGAN2's non-saturating
loss with R1 against a discriminator that sees the rendered picture's blur as a hint and so judges detail alone. The mapping stays as
it is, so that everything taught from sound stays valid.
"""

import copy
import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from ...assembly import build_hinted_critic, load_generator, save_generator
from ...config import GeneratorConfig
from ...devices import training_dtype
from ...errors import ConfigError
from ...progress import Progress, silent
from ...schedules import cosine, set_lr, warm_up
from ...synthesis import StyleGAN2Generator
from .. import losses
from ..runs.ema import decay_of_half_life, ema_update
from ..runs.loop import Stateful
from ..runs.muon import Muon
from ..runs.state import NumpyRandom, append_log
from ..runs.timed import Run
from .generator import RenderedImages, image_distance, peak_signal_to_noise
from .growth import first_blocks, grow_generator
from .sliced_synthesis import SlicedSynthesis

_REGION = 8
"""Side in pixels of the regions whose detail is compared."""
_HINT_BLUR = 4
"""Side in pixels of the squares over which the image is averaged for the hint."""


@dataclasses.dataclass(frozen=True)
class DetailConfig:
    """How the detail is learned. A share is the size of a term's gradient at the images, relative to that of the differences."""

    size: int = 0
    """Side in pixels at which pictures are compared: blocks up to it learn alone, several times faster than all. 0: the generator's, all learn."""
    compiled: bool = False
    """Whether torch.compile fuses what a step does: about half as long again without. It takes a C++ compiler, and a minute at first."""
    frozen_size: int = 0
    """Blocks up to this size in pixels stay as they are, and with them the pictures that they paint; 0: all learn."""
    batch: int = 8
    """Images a step."""
    lr: float = 0.003
    """Adam's rate for the generator."""
    muon_lr: float = 0.0
    """Muon's rate for the matrices of the generator's layers, the rest is Adam's; 0: all is. 0.001 keeps what was learned, 0.01 learns anew."""
    critic_lr: float = 0.001
    """Adam's rate for the discriminator."""
    square_weight: float = 0.0
    """Weight of the squares among the differences (`image_distance`): streaks and sparks are drawn by them, 6 for example; 0: there are none."""
    detail_share: float = 2.5
    """Share of the term on detail."""
    critic_share: float = 1.0
    """0 leaves the discriminator out, which halves a step."""
    r1_gamma: float = 20.0
    """Weight of R1."""
    d_reg_interval: int = 16
    """Steps between two R1 steps, which are weighed by this number (lazy regularisation)."""
    critic_alone_steps: int = 150
    """Steps that train only the discriminator before its loss reaches the generator."""
    critic_widths: tuple[int, ...] = (32, 64, 96)
    """Channels of the discriminator's layers."""
    critic_side: int = 128
    """Side in pixels of the squares that the discriminator sees, one a picture at a random place; smaller pictures are seen whole."""
    ema_images: float = 2500.0
    """Half life of the average of weights, in pictures."""
    seed: int = 23


def hint(images: torch.Tensor) -> torch.Tensor:
    """What a picture shows without its detail, [N, 3, H, W] -> same."""
    small = F.avg_pool2d(images, _HINT_BLUR)
    return F.interpolate(small, scale_factor=_HINT_BLUR, mode="bilinear", align_corners=False)


def squares(pictures: Sequence[torch.Tensor], side: int, rng: np.random.Generator) -> list[torch.Tensor]:
    """One square of `side` pixels of each picture, at a place that `rng` draws: [N, C, H, W] -> [N, C, side, side], whole where no larger.

    All of `pictures` are cut at the same places.
    """
    num, _, height, width = pictures[0].shape
    if side >= min(height, width):
        return list(pictures)
    tops, lefts = rng.integers(height - side + 1, size=num), rng.integers(width - side + 1, size=num)
    places = [(i, slice(None), slice(top, top + side), slice(left, left + side)) for i, (top, left) in enumerate(zip(tops, lefts, strict=True))]
    return [torch.stack([images[place] for place in places]) for images in pictures]


def detail_map(images: torch.Tensor) -> torch.Tensor:
    """The mean absolute Laplacian of each region's grey, [N, 3, H, W] -> [N, 1, H / 8, W / 8]."""
    grey = F.pad(images.mean(1, keepdim=True), (1, 1, 1, 1), mode="replicate")
    laplacian = grey[..., 1:-1, :-2] + grey[..., 1:-1, 2:] + grey[..., :-2, 1:-1] + grey[..., 2:, 1:-1] - 4 * grey[..., 1:-1, 1:-1]
    return F.avg_pool2d(laplacian.abs(), _REGION)


def detail_distance(ours: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """How far the regions' amounts of detail are apart, as the mean absolute difference of their square roots (faint detail counts too).

    `ours` and `wanted` are [N, 3, H, W] in -1..1.
    """
    return ((detail_map(ours) + 1e-3).sqrt() - (detail_map(wanted) + 1e-3).sqrt()).abs().mean()


def combined_gradient(images: torch.Tensor, terms: dict[str, torch.Tensor], shares: dict[str, float]) -> torch.Tensor:
    """The gradient at `images` [N, 3, H, W]: that of the first term, and each other one scaled to its share of the first one's size.

    `terms` are by name, each a number made of `images`; `shares` has the same names, and 0 leaves a term out.
    """
    gradients = {name: torch.autograd.grad(term, images, retain_graph=True)[0] for name, term in terms.items() if shares[name] > 0}
    first = next(iter(gradients.values()))
    size = first.square().mean().sqrt()
    total = torch.zeros_like(first)
    for name, gradient in gradients.items():
        total += gradient * (shares[name] * size / (gradient.square().mean().sqrt() + 1e-12))
    return total


def finetune_detail(
    work: Path,
    init_from: Path,
    config: GeneratorConfig,
    images: RenderedImages,
    held_out: RenderedImages,
    *,
    minutes: float,
    settings: DetailConfig | None = None,
    dtype: torch.dtype | None = None,
    progress: Progress = silent,
) -> Path:
    """Train on from the generator in the file `init_from` for `minutes` of computing over all runs; the result lies in `work`.

    Where `config` has more channels or a larger size than that file's generator, it is grown first (`grow_generator`). The pictures of its
    `smaller_sizes` are learned beside the whole ones.

    A run that was killed resumes from `sharpen.state`. Returns the path of the result, generator.safetensors.

    `held_out` are the pictures that it's measured by; `dtype` is that of the features (None: what this machine is fast with). Without
    `settings` the defaults hold. Raises ConfigError for a StyleGAN3.
    """
    settings, dtype = settings or DetailConfig(), dtype or training_dtype()
    torch.manual_seed(settings.seed)
    loaded = load_generator(init_from)
    if not isinstance(loaded, StyleGAN2Generator):
        raise ConfigError(f"{init_from}: got a StyleGAN3 generator, but this stage is for a StyleGAN2")
    whole = grow_generator(loaded, config, settings.seed)
    size = settings.size or config.img_resolution
    net = _what_learns(first_blocks(whole, config, size), settings)
    sizes = [*(own for own in config.up_to(size).smaller_sizes if own > settings.frozen_size), size]
    mean = copy.deepcopy(net).eval()
    critic = build_hinted_critic(settings.critic_widths)
    rng = np.random.default_rng(settings.seed)
    optimisers = _optimisers(net, settings)
    critic_optimiser = torch.optim.Adam(critic.parameters(), settings.critic_lr, betas=(0.0, 0.99), fused=True)
    parts: dict[str, Stateful] = {
        "net": net,
        "mean": mean,
        "critic": critic,
        **optimisers,
        "critic_optimiser": critic_optimiser,
        "rng": NumpyRandom(rng),
    }
    work.mkdir(parents=True, exist_ok=True)
    about = [dataclasses.asdict(config), dataclasses.asdict(settings)]
    run = Run(work / "sharpen.state", parts, config=about, minutes=minutes, save_seconds=120, made_of={"pictures": images.made_of})
    judged = _Judged(critic, critic_optimiser, settings)
    sliced = SlicedSynthesis(net, sizes, dtype, compiled=settings.compiled)

    def text() -> str:
        return f"sharpen, step {run.step}, difference {run.mean('difference'):.4f}, detail {run.mean('detail'):.4f}"

    for step in run.shown_steps(progress, text):
        for name, optimiser in optimisers.items():
            rate = settings.muon_lr if name == "muon" else settings.lr
            set_lr(optimiser, rate * cosine(run.done, flat=0.4) * warm_up(step, 100))
        z, wanted = images.batch(rng.choice(len(images.codes), settings.batch, replace=False), size)
        *smaller, ours = sliced.images(z)
        terms = {"difference": image_distance(ours, wanted, settings.square_weight), "detail": detail_distance(ours, wanted)}
        if settings.critic_share > 0:
            made, real = squares([ours, wanted], settings.critic_side, rng)
            hints = hint(real)
            run.note(**judged.teach(real, made.detach(), hints, step))
            terms["critic"] = losses.adversarial(critic(made, hints), "non_saturating")
        heard = step >= settings.critic_alone_steps
        shares = {"difference": 1.0, "detail": settings.detail_share, "critic": settings.critic_share if heard else 0.0}
        below = {f"difference_{images.shape[-1]}": image_distance(images, wanted, settings.square_weight) for images in smaller}
        gradients = [torch.autograd.grad(term, images)[0] for term, images in zip(below.values(), smaller, strict=True)]
        sliced.backward([*gradients, combined_gradient(ours, terms, shares)])
        for optimiser in optimisers.values():
            optimiser.step()
        seen = (step + 1) * settings.batch
        ema_update(mean, net, decay_of_half_life(settings.batch, min(settings.ema_images, 0.2 * seen + settings.batch)))
        run.note(**{name: term.item() for name, term in {**terms, **below}.items()})
    ratio = peak_signal_to_noise(mean, held_out, size, dtype)
    append_log(work / "sharpen.jsonl", {"step": run.step, "psnr": round(ratio, 2), "detail": round(detail_ratio(mean, held_out, size, dtype), 3)})
    result = work / "generator.safetensors"
    whole.load_state_dict({**whole.state_dict(), **mean.state_dict()})
    save_generator(result, whole.requires_grad_(False), config)
    return result


def _what_learns(net: StyleGAN2Generator, settings: DetailConfig) -> StyleGAN2Generator:
    """`net` with gradients for what isn't to stay as it is."""
    net.to(memory_format=torch.channels_last).train().requires_grad_(False)  # type: ignore[call-overload]
    for block in net.synthesis.blocks:
        block.requires_grad_(block.resolution > settings.frozen_size)
    return net


def _optimisers(net: StyleGAN2Generator, settings: DetailConfig) -> dict[str, torch.optim.Optimizer]:
    """What moves the synthesis network's weights, by the names of the state file."""
    adam: list[torch.nn.Parameter] = []
    muon: list[torch.nn.Parameter] = []
    for name, weight in net.synthesis.named_parameters():
        if not weight.requires_grad:
            continue
        is_matrix = name.endswith("weight") and "torgb" not in name
        (muon if settings.muon_lr and is_matrix else adam).append(weight)
    made: dict[str, torch.optim.Optimizer] = {"optimiser": torch.optim.Adam(adam, settings.lr, betas=(0.0, 0.99), fused=True)}
    if muon:
        made["muon"] = Muon(muon, settings.muon_lr)
    return made


@dataclasses.dataclass(frozen=True)
class _Judged:
    """The discriminator and how it learns."""

    critic: torch.nn.Module
    optimiser: torch.optim.Optimizer
    settings: DetailConfig

    def teach(self, real: torch.Tensor, made: torch.Tensor, hints: torch.Tensor, step: int) -> dict[str, float]:
        """One step: the logistic loss, and R1 on the rendered pictures now and then. Images and `hints` are [N, 3, H, W]."""
        settings = self.settings
        penalise = step % settings.d_reg_interval == 0
        real = real.detach().requires_grad_(penalise)
        real_answers, made_answers = self.critic(real, hints), self.critic(made, hints)
        loss = losses.image_critic(real_answers, made_answers, "logistic")
        said = {"critic_loss": loss.item(), "real_answer": real_answers.mean().item(), "made_answer": made_answers.mean().item()}
        if penalise:
            r1 = losses.r1(real_answers, real)
            loss = loss + settings.r1_gamma * settings.d_reg_interval * r1
            said["r1"] = r1.item()
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        return said


@torch.no_grad()
def detail_ratio(generator: torch.nn.Module, images: RenderedImages, size: int, dtype: torch.dtype) -> float:
    """The mean absolute Laplacian of what `generator` makes of the codes of `images`, divided by that of the rendered pictures themselves.

    `size` is in pixels; `dtype` is that of the features.
    """
    ours = wanted = 0.0
    for first in range(0, len(images.codes), 50):
        z, rendered = images.batch(np.arange(first, min(first + 50, len(images.codes))), size)
        made = generator.synthesis(generator.mapping(z), dtype=dtype).float().clamp(-1, 1)  # type: ignore[operator, union-attr]
        ours, wanted = ours + detail_map(made).sum().item(), wanted + detail_map(rendered).sum().item()
    return ours / wanted
