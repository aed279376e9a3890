"""For each label the offset in W+ that the text constraint favours: where the sounds of that label should lead (Eq. 1, 2 and 4.5).

Many codes are drawn and looked at. A label's offset begins as the mean latent of the codes whose pictures are nearest to its words, less
the mean of all; then it's refined through the generator, so that it leads other starts there too. No video and no sound is needed.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence

import torch
from torch.nn import functional as F

from ..config import check_range
from ..embedding.prompts import TEMPLATES
from ..errors import ConfigError
from ..generation.seeded_start import random_start
from ..generation.text_constraint import ImageTextSpace
from ..latents import latent_scale
from ..pixels import to_uint8
from ..progress import Progress, silent
from ..randomness import generator_for
from ..schedules import cosine, set_lr
from ..synthesis import Generator, rgb_images

_SHARPNESS = 20.0
"""What cosines are multiplied with before the choice among labels."""
_CHOICE_WEIGHT = 0.2


@dataclasses.dataclass(frozen=True)
class LabelSearch:
    """How offsets are looked for."""

    num_codes: int = 256
    """Codes that are drawn and looked at."""
    nearest_share: float = 0.08
    """Share of the codes whose mean latent a label's offset begins with (three codes at least)."""
    num_steps: int = 60
    """Steps of refinement through the generator; 0: none."""
    batch: int = 4
    """Starts that a step looks at, for one label."""
    lr: float = 0.04
    """Step size, in standard deviations of mapped latents."""
    keep_near: float = 0.05
    """Weight of the offset's mean square, in variances of mapped latents, relative to Eq. 2's terms: what keeps pictures real."""
    seed: int = 0

    def __post_init__(self) -> None:
        check_range("num_codes", self.num_codes, 8, 100_000)
        check_range("nearest_share", self.nearest_share, 0.001, 1)
        check_range("num_steps", self.num_steps, 0, 100_000)
        check_range("batch", self.batch, 1, 4096)
        check_range("rate", self.lr, 1e-6, 10)
        check_range("keep_near", self.keep_near, 0, 1e6)


@dataclasses.dataclass(frozen=True)
class LabelDirections:
    """What was found."""

    labels: tuple[str, ...]
    """In the order of all that follows."""
    offsets: torch.Tensor
    """[K, L, D], float32 on the CPU."""
    w_scale: float
    """Standard deviation of mapped latents around their mean."""
    before: torch.Tensor
    """[K], the share of starts whose picture is nearest to the label's words among all labels, without an offset."""
    after: torch.Tensor
    """[K], the same with the label's offset."""
    images: torch.Tensor
    """uint8 [K, H, W, 3], one start with each label's offset."""


def label_texts(space: ImageTextSpace, label: str) -> tuple[str, ...]:
    """A label in the templates whose words the space knows."""
    return tuple(template.format(label) for template in TEMPLATES if not space.unknown_words([template.format("")]))


@torch.no_grad()
def embed_labels(space: ImageTextSpace, labels: Sequence[str]) -> torch.Tensor:
    """The mean direction of the texts of each of `labels`, [K, E], unit length."""
    return torch.stack([F.normalize(space.embed_texts(list(label_texts(space, label))).float().mean(0), dim=0) for label in labels])


@torch.no_grad()
def look_at_codes(
    generator: Generator, space: ImageTextSpace, search: LabelSearch, progress: Progress = silent
) -> tuple[torch.Tensor, torch.Tensor]:
    """Latents [N, L, D] of drawn codes, on the CPU, and their pictures' embeddings [N, E]."""
    ws, embedded = [], []
    for first in range(0, search.num_codes, search.batch):
        num_new = min(search.batch, search.num_codes - first)
        ws.append(random_start(generator, search.seed, num_codes=num_new, first=first))
        images = rgb_images(generator, ws[-1].to(generator.w_avg.device), noise_mode="const")
        embedded.append(space.embed_images(images).float())
        progress(first + num_new, search.num_codes, "look at pictures", to_uint8(images[:1])[0])
    return torch.cat(ws), torch.cat(embedded)


def nearest_means(ws: torch.Tensor, scores: torch.Tensor, num_nearest: int) -> torch.Tensor:
    """For each label the mean latent of its `num_nearest` best codes, less the mean of all: [K, L, D]. `scores` is [N, K].

    `ws` are the codes' latents [N, L, D].
    """
    best = scores.topk(num_nearest, 0).indices
    return torch.stack([ws[rows].mean(0) for rows in best.T]) - ws.mean(0)


def zscore(cosines: torch.Tensor) -> torch.Tensor:
    """Cosines [N, K] as scores: how much nearer a picture is to a label than pictures usually are, and than it is to the other labels."""
    usual = (cosines - cosines.mean(0)) / cosines.std(0).clamp(min=1e-6)
    return usual - usual.mean(1, keepdim=True) if cosines.shape[1] > 1 else usual


def offset_loss(embedded: torch.Tensor, texts: torch.Tensor, label: int, offset: torch.Tensor, keep_near: float) -> torch.Tensor:
    """Eq. 2's a <-> t for images [B, E] of one label, the choice among all labels [K, E], and the mean square of the offset [L, D].

    The offset is in standard deviations of mapped latents.

    `embedded` are the pictures' and `texts` the labels' embeddings, of unit length; `label` is an index into `texts`. `keep_near` weighs
    the mean square.
    """
    cosines = embedded @ texts.T
    wanted = torch.full((len(cosines),), label, device=cosines.device)
    chosen = F.cross_entropy(cosines * _SHARPNESS, wanted) if len(texts) > 1 else cosines.new_zeros(())
    return (1 - cosines[:, label]).mean() + _CHOICE_WEIGHT * chosen + keep_near * offset.square().mean()


def find_label_directions(
    generator: Generator,
    space: ImageTextSpace,
    labels: Sequence[str],
    search: LabelSearch | None = None,
    progress: Progress = silent,
    directions: torch.Tensor | None = None,
) -> LabelDirections:
    """The offset of each label for this generator, through any space of pictures and words. Raises ConfigError without labels.

    `directions` [K, E] say where the labels lie in the space (None: where their words do). `generator` and `space` may lie on any device;
    neither is changed. `progress` gets pictures as they come and may raise to stop.
    """
    labels, search = tuple(labels), search or LabelSearch()
    if not labels or len(set(labels)) < len(labels) or not all(label.strip() for label in labels):
        raise ConfigError(f"labels: got {list(labels)}, expected one or more different names, such as raining and fire crackling")
    texts = embed_labels(space, labels) if directions is None else directions
    ws, embedded = look_at_codes(generator, space, search, progress)
    scale = latent_scale(ws)
    num_nearest = min(len(ws), max(3, round(search.nearest_share * len(ws))))
    offsets = nearest_means(ws, zscore(embedded @ texts.T).cpu(), num_nearest)
    through = _Refinement(generator, space, texts, ws=ws, scale=scale, search=search)
    for label, name in enumerate(labels):
        report = functools.partial(_report, progress, label * search.num_steps, len(labels) * search.num_steps, name)
        offsets[label] = through.refine(label, offsets[label], report)
    starts = ws[: max(8, search.batch)]
    before, _ = through.shares(starts, None)
    after, images = through.shares(starts, offsets)
    return LabelDirections(labels, offsets, scale, before=before, after=after, images=images)


def _report(progress: Progress, before: int, total: int, label: str, step: int, image: torch.Tensor) -> None:
    progress(before + step, total, f"offset of each label, {label}", image)


@dataclasses.dataclass(frozen=True)
class _Refinement:
    """Offsets seen through the generator: latents `ws` [N, L, D] of starts, embedded labels `texts` [K, E]."""

    generator: Generator
    space: ImageTextSpace
    texts: torch.Tensor
    ws: torch.Tensor
    scale: float
    search: LabelSearch

    def images(self, ws: torch.Tensor) -> torch.Tensor:
        """What latents [N, L, D] look like, [N, 3, H, W]."""
        return rgb_images(self.generator, ws.to(self.generator.w_avg.device), noise_mode="const")

    def refine(self, label: int, begin: torch.Tensor, seen: Callable[[int, torch.Tensor], None]) -> torch.Tensor:
        """The offset [L, D] that `begin` becomes when it's drawn from many starts towards its label."""
        search, device = self.search, self.generator.w_avg.device
        offset = (begin / self.scale).to(device).requires_grad_(True)
        optimiser = torch.optim.Adam([offset], search.lr)
        for step in range(search.num_steps):
            rows = torch.randint(len(self.ws), (search.batch,), generator=generator_for(search.seed, f"label {label}", step))
            images = self.images(self.ws[rows].to(device) + self.scale * offset)
            loss = offset_loss(self.space.embed_images(images).float(), self.texts, label, offset, search.keep_near)
            (offset.grad,) = torch.autograd.grad(loss, [offset])
            set_lr(optimiser, search.lr * cosine(step / search.num_steps))
            optimiser.step()
            seen(step + 1, to_uint8(images[:1].detach())[0])
        return (self.scale * offset).detach().float().cpu()

    @torch.no_grad()
    def shares(self, starts: torch.Tensor, offsets: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        """For each label the share [K] of starts whose picture is nearest to it, with its offset if there are any; and a picture of each."""
        shares, shown = [], []
        for label in range(len(self.texts)):
            images = self.images(starts if offsets is None else starts + offsets[label])
            nearest = (self.space.embed_images(images).float() @ self.texts.T).argmax(1)
            shares.append((nearest == label).float().mean().cpu())
            shown.append(to_uint8(images[:1])[0])
        return torch.stack(shares), torch.stack(shown)
