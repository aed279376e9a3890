"""The losses of the joint space: what belongs together by class and strength is close, what is no scene is close to nothing."""

import dataclasses
from collections.abc import Sequence

import torch
from torch.nn import functional as F

from ...embedding import JointSpace
from ...world import KINDS

STRENGTH_WIDTH = 0.08
"""Standard deviation of the strength within which a picture and a sound of a class belong together."""
LEVEL_WIDTH = 0.1
"""The same for a thing and the five words of strength."""
LABEL_SMOOTHING = 0.1


def soft_targets(kinds: torch.Tensor, strengths: torch.Tensor, other_kinds: torch.Tensor, other_strengths: torch.Tensor) -> torch.Tensor:
    """How far things belong together by class and strength, [N, M] in 0..1; an unknown strength (NaN) fits any.

    `kinds` [N] and `other_kinds` [M] are indices into `KINDS`; `strengths` [N] and `other_strengths` [M] are in 0..1.
    """
    apart = torch.nan_to_num(strengths[:, None] - other_strengths[None], nan=0.0)
    same = (kinds[:, None] == other_kinds[None]).float()
    return same * (torch.exp(-0.5 * (apart / STRENGTH_WIDTH) ** 2) + 1e-3)


def soft_contrastive_loss(logits: torch.Tensor, belong: torch.Tensor) -> torch.Tensor:
    """Symmetric contrastive loss whose answers are shares: each row's and column's softmax is to match what belongs to it.

    Things to which nothing belongs are left out. With `belong` the identity it's CLIP's loss. The entropy of the answers is taken
    off, so that 0 is the best.

    `logits` and `belong` are [N, M].
    """
    total = logits.new_zeros(())
    for scores, shares in ((logits, belong), (logits.T, belong.T)):
        there = shares.sum(1) > 0
        answer = shares[there] / shares[there].sum(1, keepdim=True)
        total = total + F.kl_div(scores[there].log_softmax(1), answer, reduction="batchmean") / 2
    return total


@dataclasses.dataclass(frozen=True)
class Meanings:
    """Where the pictures and words of a batch lie in the space: `images` and their `texts` [N, E], the `names` of all classes [K, E], and
    five words of strength, from the weakest to the strongest, for the class of each: `levels` [N, 5, E]."""

    images: torch.Tensor
    texts: torch.Tensor
    names: torch.Tensor
    levels: torch.Tensor


def embed_meanings(space: JointSpace, images: torch.Tensor, tokens: torch.Tensor, kinds: torch.Tensor, strength_words: Sequence[str]) -> Meanings:
    """The meanings of `images` and their `tokens` [N] of these `kinds`; `strength_words` are five words from the weakest to the strongest."""
    present = kinds.unique().tolist()
    labels = space.bpe.encode([*KINDS, *(f"{word} {KINDS[kind]}" for kind in present for word in strength_words)])
    images, texts = space.embed_images(images).float(), space.embed_tokens(torch.cat([tokens, labels])).float()
    texts, names, levels = texts.tensor_split([len(tokens), len(tokens) + len(KINDS)])
    rows = torch.tensor([present.index(kind) for kind in kinds.tolist()])
    return Meanings(images, texts, names, levels.unflatten(0, (len(present), -1))[rows])


@dataclasses.dataclass(frozen=True)
class SpaceBatch:
    """What a step learns from. Picture i and sound i share a class, not a strength."""

    meanings: Meanings
    """Of the pictures."""
    log_mel: torch.Tensor
    """The sounds, [N, 1, M, F] in 0..1."""
    kinds: torch.Tensor
    """The classes of both, int [N]."""
    strengths: torch.Tensor
    """Those of the pictures, [N] in 0..1."""
    sound_strengths: torch.Tensor
    """Those of the sounds, [N] in 0..1, or NaN where unknown."""
    others: torch.Tensor
    """Sounds that are no scene, [n, 1, M, F]."""


def joint_losses(space: JointSpace, batch: SpaceBatch) -> dict[str, torch.Tensor]:
    """The losses by name; `space` embeds the sounds, the pictures are embedded already."""
    meanings, kinds, sound_strengths = batch.meanings, batch.kinds, batch.sound_strengths
    heard = space.embed_sounds(torch.cat([batch.log_mel, batch.others])).float()
    sounds, strange = heard.tensor_split([len(batch.log_mel)])
    image_embeds, texts, names, levels = meanings.images, meanings.texts, meanings.names, meanings.levels
    scale = space.logit_scale
    together = soft_targets(kinds, sound_strengths, kinds, batch.strengths)
    return {
        "image_text": soft_contrastive_loss(scale * image_embeds @ texts.T, torch.eye(len(texts))),
        "sound_image": soft_contrastive_loss(scale * sounds @ image_embeds.T, together),
        "sound_text": soft_contrastive_loss(scale * sounds @ texts.T, together),
        "image_label": F.cross_entropy(scale * image_embeds @ names.T, kinds, label_smoothing=LABEL_SMOOTHING),
        "sound_label": F.cross_entropy(scale * sounds @ names.T, kinds, label_smoothing=LABEL_SMOOTHING),
        "image_strength": _level_loss(scale * torch.einsum("ne,nle->nl", image_embeds, levels), batch.strengths),
        "sound_strength": _level_loss(scale * torch.einsum("ne,nle->nl", sounds, levels), sound_strengths),
        "sound_other": _evenness_loss(scale * strange @ names.T),
    }


def _level_loss(logits: torch.Tensor, strengths: torch.Tensor) -> torch.Tensor:
    """How badly the five words of strength [N, 5] are shared out; unknown strengths (NaN) are left out."""
    known = ~strengths.isnan()
    middles = (torch.arange(logits.shape[1]) + 0.5) / logits.shape[1]
    shares = (-0.5 * ((strengths[known][:, None] - middles) / LEVEL_WIDTH) ** 2).softmax(1)
    return F.kl_div(logits[known].log_softmax(1), shares, reduction="sum") / max(1, int(known.sum()))


def _evenness_loss(logits: torch.Tensor) -> torch.Tensor:
    """How far from even the labels of sounds that are no scene are, [N, labels] -> [] (outlier exposure, Hendrycks et al., ICLR 2019)."""
    even = torch.full_like(logits, 1 / logits.shape[1])
    return F.kl_div(logits.log_softmax(1), even, reduction="sum") / max(1, len(logits))
