"""The text constraint (paper 4.5): of many latent codes, the walk starts from the one whose picture is nearest to the prompt.

The same choice can be made by the sound itself, so that a film opens on the scene that it's going to show.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from ..config import check_range
from ..errors import ConfigError, ShapeError
from ..media import contact_sheet
from ..pixels import to_uint8
from ..progress import Progress, silent
from ..synthesis import Generator, rgb_images
from .class_labels import Label, drawn_label
from .seeded_start import random_start

_STRIP = 16  # height of the line of text below a candidate, in pixels
_SHOWN = 128  # smallest width at which a candidate is shown


class ImageTextSpace(Protocol):
    """What the text constraint needs of a joint space: `embedding.JointSpace` and `embedding.OpenClipSpace` both fit."""

    def embed_images(self, images: torch.Tensor) -> torch.Tensor:
        """Images [N, 3, H, W] in -1..1 -> [N, E], unit length."""

    def embed_texts(self, texts: Sequence[str]) -> torch.Tensor: ...
    def unknown_words(self, texts: Sequence[str]) -> tuple[str, ...]: ...


Prompt = tuple[str, float]
"""Words, and how much they count relative to other prompts."""


@dataclasses.dataclass(frozen=True)
class RankedStarts:
    """Candidates, best first; the first `keep` of them with latents and pictures."""

    scores: torch.Tensor
    """[N], of every candidate in the order in which they were drawn."""
    order: torch.Tensor
    """int [K], the numbers of the kept candidates, best first."""
    ws: torch.Tensor
    """[K, L, D], their latents."""
    images: torch.Tensor
    """uint8 [K, H, W, 3], what they look like."""
    unknown_words: tuple[str, ...]
    """Words of the prompts that the text tower never learned: they mean nothing to it."""
    drawn_labels: tuple[int, ...] = ()
    """[K], the classes that the kept candidates drew, if the generator knows classes and none was given."""

    @property
    def best(self) -> torch.Tensor:
        """[1, L, D], the best candidate."""
        return self.ws[:1]


def read_prompts(text: str) -> tuple[Prompt, ...]:
    """Prompts from one line: parted by semicolons or new lines, each with its weight after a colon if it isn't 1 ("night: 2; a campfire")."""
    parts = (part.strip() for part in text.replace("\n", ";").split(";"))
    return tuple(_read_prompt(part) for part in parts if part)


def _read_prompt(part: str) -> Prompt:
    words, _, weight = part.rpartition(":")
    try:
        return (words.strip(), float(weight)) if words.strip() else (part, 1.0)
    except ValueError:
        return part, 1.0


def wanted_direction(
    space: ImageTextSpace, prompts: Sequence[Prompt] = (), negatives: Sequence[Prompt] = (), sound_embed: torch.Tensor | None = None
) -> torch.Tensor:
    """The vector [E] whose product with a picture's embedding is that picture's score.

    The score is the weighted mean of the cosines to `prompts`, plus the mean cosine to the sound's embeddings, minus the weighted mean of the
    cosines to the negative prompts (`negatives`); what isn't given is left out.

    `sound_embed` [S, E] are of unit length; None: no sound counts. Raises ConfigError where nothing is given, ShapeError for other embeddings.
    """
    parts = [sign * _mean_embedding(space, some) for sign, some in ((1.0, prompts), (-1.0, negatives)) if some]
    if sound_embed is not None:
        if sound_embed.ndim != 2 or not len(sound_embed):
            raise ShapeError(f"sound_embed: got shape {list(sound_embed.shape)}, expected [S, E] with S of at least 1")
        parts.append(sound_embed.float().mean(0))
    if not parts:
        raise ConfigError("text constraint: got neither a prompt nor a sound, expected one of them to choose by")
    return torch.stack([part.to(parts[0].device) for part in parts]).sum(0)


def _mean_embedding(space: ImageTextSpace, prompts: Sequence[Prompt]) -> torch.Tensor:
    for text, weight in prompts:
        if not text.strip():
            raise ConfigError("prompt: got no words, expected some, such as 'a campfire at night'")
        if not (math.isfinite(weight) and weight > 0):
            raise ConfigError(f"prompt {text!r}: got weight {weight}, expected a number above 0; a negative prompt leads away")
    embedded = space.embed_texts([text for text, _ in prompts])
    weights = torch.tensor([weight for _, weight in prompts], dtype=embedded.dtype, device=embedded.device)
    return (weights / weights.sum()) @ embedded


@torch.no_grad()
def choose_start(
    generator: Generator,
    space: ImageTextSpace,
    *,
    seed: int,
    num_codes: int = 96,
    prompts: Sequence[Prompt] = (),
    negatives: Sequence[Prompt] = (),
    sound_embed: torch.Tensor | None = None,
    keep: int = 8,
    truncation_psi: float = 1.0,
    centres: torch.Tensor | None = None,
    label: Label | None = None,
    batch: int = 8,
    dtype: torch.dtype = torch.float32,
    progress: Progress = silent,
) -> RankedStarts:
    """Draw `num_codes` candidates, look at each with `space`, and rank them by `wanted_direction`: towards `prompts`, away from `negatives`.

    Candidate i is `random_start` number i of `seed`, whatever the batch; equal scores keep the order of drawing. Without a `label` a
    conditional generator's candidates are of all classes, so the words choose the class too. `progress` gets the best picture so far, and
    may raise to stop. The best `keep` are returned. `batch` candidates are drawn at once.

    `sound_embed` [S, E] is that of `wanted_direction`; `truncation_psi` and `centres` [K, L, D] are those of `random_start`; `dtype` is that of
    the generator's features.
    """
    check_range("number of candidates", num_codes, 1, 100_000)
    check_range("keep", keep, 1, 4096)
    check_range("batch", batch, 1, 4096)
    direction = wanted_direction(space, prompts, negatives, sound_embed)
    scores = torch.empty(0)
    order, ws, kept_images = torch.empty(0, dtype=torch.long), torch.empty(0), torch.empty(0, dtype=torch.uint8)
    for first in range(0, num_codes, batch):
        num_new = min(batch, num_codes - first)
        new_ws = random_start(generator, seed, num_codes=num_new, first=first, truncation_psi=truncation_psi, centres=centres, label=label)
        images = rgb_images(generator, new_ws.to(generator.w_avg.device), noise_mode="const", dtype=dtype)
        embedded = space.embed_images(images.float().to(direction.device))
        scores = torch.cat([scores, (embedded @ direction).float().cpu()])
        order, ws, kept_images = (torch.cat([old, new]) if len(old) else new for old, new in
                               ((order, torch.arange(first, first + num_new)), (ws, new_ws), (kept_images, to_uint8(images))))
        best = torch.sort(scores[order], descending=True, stable=True).indices[:keep]
        order, ws, kept_images = order[best], ws[best], kept_images[best]
        progress(first + num_new, num_codes, "choose a start", kept_images[0])
    unknown = space.unknown_words([text for text, _ in (*prompts, *negatives)])
    drawn = [drawn_label(seed, item, generator.c_dim) for item in order.tolist()] if generator.c_dim and label is None else []
    return RankedStarts(scores, order, ws, kept_images, unknown_words=unknown, drawn_labels=tuple(drawn))


def candidates_sheet(ranked: RankedStarts, columns: int = 4) -> torch.Tensor:
    """The kept candidates of `ranked` as one picture, uint8 [H, W, 3], best first, each above its rank, number and score, and the class it drew.

    `columns` are in a row.
    """
    labels = [f"{rank}.  #{number}  {ranked.scores[number]:.3f}" for rank, number in enumerate(ranked.order.tolist(), start=1)]
    if ranked.drawn_labels:
        labels = [f"{label}  class {drawn}" for label, drawn in zip(labels, ranked.drawn_labels, strict=True)]
    tiles = [_labelled(image, label) for image, label in zip(ranked.images, labels, strict=True)]
    return contact_sheet(torch.stack(tiles), min(columns, len(tiles)))


def _labelled(pixels: torch.Tensor, label: str) -> torch.Tensor:
    """A image [H, W, 3], made at least `_SHOWN` pixels wide, with a line of text below it."""
    image = Image.fromarray(pixels.numpy())
    if image.width < _SHOWN:
        image = image.resize((_SHOWN, round(image.height * _SHOWN / image.width)), Image.Resampling.NEAREST)
    tile = Image.new("RGB", (image.width, image.height + _STRIP), (24, 24, 28))
    tile.paste(image)
    ImageDraw.Draw(tile).text((4, image.height + 2), label, fill=(235, 235, 235), font=ImageFont.load_default())
    return torch.from_numpy(np.array(tile))
