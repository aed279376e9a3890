"""The losses by name: one short function an equation, and the table of them.

Eq. 2, 3, 7, 8 and 9 are the paper's; StyleGAN2's are those of "Analyzing and Improving the Image Quality of StyleGAN" (Karras et al. 2020).
Embeddings are unit vectors [N, E]; answers are those of a discriminator's patches, of any shape, whose mean counts; ws [B, T, L, D].
Every function gives what is to be made small, a tensor without dimensions.
"""

import math
from collections.abc import Callable, Mapping

import torch
from torch.nn import functional as F

from ..config import check_choice

GAN_LOSSES = ("lsgan", "logistic", "non_saturating")
"""Least squares as in the released code; the paper's logarithms; the same with the usual generator's side, which never goes flat."""


def sound_image(image_embed: torch.Tensor, sound_embed: torch.Tensor) -> torch.Tensor:
    """Eq. 2, a <-> v: 1 - cos(F_v(G(w_hat_a)), F_a(x_a)), the mean over items. `image_embed` and `sound_embed` are [N, E]."""
    return (1 - F.cosine_similarity(image_embed, sound_embed, dim=-1)).mean()


def sound_text(image_embed: torch.Tensor, text_embed: torch.Tensor, known: torch.Tensor | None = None) -> torch.Tensor:
    """Eq. 2, a <-> t: 1 - cos(F_v(G(w_hat_a)), F_t(label of x_a)), the mean over items. `image_embed` and `text_embed` are [N, E].

    `known` says which items have a label, bool [N]; None: all. The mean is over those alone, and 0 where there are none.
    """
    apart = 1 - F.cosine_similarity(image_embed, text_embed, dim=-1)
    return apart.mean() if known is None else (apart * known).sum() / known.sum().clamp(min=1)


def spread(ws: torch.Tensor) -> torch.Tensor:
    """Eq. 3, third term: || w_hat_a^t - w_bar_a ||_2^2 of `ws` [N, T, L, D], w_bar_a the mean over t (the paper's sum lacks its 1/T).

    The mean over items and frames, and divided by L D, so that lambda_b doesn't depend on the generator.
    """
    return (ws - ws.mean(1, keepdim=True)).square().mean()


def encoder(image_embed: torch.Tensor, sound_embed: torch.Tensor, text_embed: torch.Tensor, ws: torch.Tensor, lambda_b: float) -> torch.Tensor:
    """Eq. 3: L_enc = L_CLIP^{a<->v} + L_CLIP^{a<->t} + lambda_b || w_hat_a - w_bar_a ||_2^2.

    `image_embed`, `sound_embed` and `text_embed` [N, E] are those of `sound_image` and `sound_text`, `ws` [N, T, L, D] those of `spread`.
    """
    return total(encoder_terms(image_embed, sound_embed, text_embed, ws), encoder_weights(lambda_b))


def encoder_terms(
    image_embed: torch.Tensor | None,
    sound_embed: torch.Tensor | None,
    text_embed: torch.Tensor | None,
    ws: torch.Tensor | None,
    known: torch.Tensor | None = None,
) -> dict[str, torch.Tensor]:
    """The terms of Eq. 3 by their names, without weights; those that lack what they compare (None) are left out.

    `image_embed`, `sound_embed` and `text_embed` are [N, E], `ws` those of `spread`, `known` those of `sound_text`.
    """
    terms = {}
    if image_embed is not None and sound_embed is not None:
        terms["sound_image"] = sound_image(image_embed, sound_embed)
    if image_embed is not None and text_embed is not None:
        terms["sound_text"] = sound_text(image_embed, text_embed, known)
    if ws is not None:
        terms["spread"] = spread(ws)
    return terms


def encoder_weights(lambda_b: float) -> dict[str, float]:
    """Eq. 3 as the weights of its terms: `lambda_b` is that of the spread."""
    return {"sound_image": 1.0, "sound_text": 1.0, "spread": lambda_b}


def _critic(real: torch.Tensor, made: torch.Tensor, gan_loss: str) -> torch.Tensor:
    check_choice("gan_loss", gan_loss, GAN_LOSSES)
    if gan_loss == "lsgan":
        return 0.5 * (real - 1).square().mean() + 0.5 * made.square().mean()
    return F.softplus(-real).mean() + F.softplus(made).mean()


def video_critic(real: torch.Tensor, made: torch.Tensor, gan_loss: str = "lsgan") -> torch.Tensor:
    """Eq. 7, what D_V makes small: -E[log D_V(v)] - E[log(1 - D_V(v~))], D the sigmoid of the answer (the paper's "1 - log" is a misprint).

    "lsgan": E[(D_V(v) - 1)^2] / 2 + E[D_V(v~)^2] / 2, D the answer itself.

    `real` and `made` are the answers for either; `gan_loss` is one of `GAN_LOSSES`.
    """
    return _critic(real, made, gan_loss)


def image_critic(real: torch.Tensor, made: torch.Tensor, gan_loss: str = "lsgan") -> torch.Tensor:
    """Eq. 8, what D_I makes small: Eq. 7 with frames x and x~ in the place of clips.

    `real` and `made` are the answers for either, of any shape; `gan_loss` is one of `GAN_LOSSES`.
    """
    return _critic(real, made, gan_loss)


def critic_terms(
    video: tuple[torch.Tensor, torch.Tensor] | None, image: tuple[torch.Tensor, torch.Tensor] | None, gan_loss: str = "lsgan"
) -> dict[str, torch.Tensor]:
    """Eq. 7 and 8 by their names. `video` and `image` are the answers of D_V and D_I for what is real and what was made, of any shape; None:
    without it.

    `gan_loss` is one of `GAN_LOSSES`.
    """
    terms = {} if video is None else {"video_critic": video_critic(*video, gan_loss)}
    return terms if image is None else {**terms, "image_critic": image_critic(*image, gan_loss)}


def adversarial(made: torch.Tensor, gan_loss: str = "lsgan") -> torch.Tensor:
    """Eq. 9, the side of E_a and the walker against one discriminator: E[log(1 - D(v~))].

    "lsgan": E[(D(v~) - 1)^2] / 2. "non_saturating": -E[log D(v~)], of the same fixed point, but steep where D is sure.

    `made` are the answers for what was made; `gan_loss` is one of `GAN_LOSSES`.
    """
    check_choice("gan_loss", gan_loss, GAN_LOSSES)
    if gan_loss == "lsgan":
        return 0.5 * (made - 1).square().mean()
    return -F.softplus(made).mean() if gan_loss == "logistic" else F.softplus(-made).mean()


def walker(
    video_made: torch.Tensor, image_made: torch.Tensor, encoder_loss: torch.Tensor, lambda_enc: float, gan_loss: str = "lsgan"
) -> torch.Tensor:
    """Eq. 9, what E_a and the walker make small: L_{D_V} + L_{D_I} (their side) + lambda_enc L_enc.

    `video_made` and `image_made` are the answers of D_V and D_I for what was made, of any shape; `encoder_loss` is the number that `encoder`
    gives; `gan_loss` is one of `GAN_LOSSES`.
    """
    return adversarial(video_made, gan_loss) + adversarial(image_made, gan_loss) + lambda_enc * encoder_loss


def adversarial_terms(video_made: torch.Tensor | None, image_made: torch.Tensor | None, gan_loss: str = "lsgan") -> dict[str, torch.Tensor]:
    """The terms of Eq. 9 against D_V and D_I, by their names, without weights.

    `video_made` and `image_made` are their answers for what was made, of any shape (None: without it); `gan_loss` is one of `GAN_LOSSES`.
    """
    given = {"video": video_made, "image": image_made}
    return {name: adversarial(made, gan_loss) for name, made in given.items() if made is not None}


def walker_weights(lambda_b: float, lambda_enc: float) -> dict[str, float]:
    """Eq. 9 as the weights of its terms: those of Eq. 3 times `lambda_enc`, and 1 for the side against each discriminator.

    `lambda_b` is that of the spread.
    """
    return {**{name: lambda_enc * weight for name, weight in encoder_weights(lambda_b).items()}, "video": 1.0, "image": 1.0}


def generator_adversarial(made: torch.Tensor) -> torch.Tensor:
    """StyleGAN2's generator, non-saturating (Goodfellow et al. 2014, section 3): -E[log D(x~)], D the sigmoid of the answer."""
    return adversarial(made, "non_saturating")


def critic_adversarial(real: torch.Tensor, made: torch.Tensor) -> torch.Tensor:
    """StyleGAN2's discriminator: -E[log D(x)] - E[log(1 - D(x~))], D the sigmoid of the answer. `real` and `made` are the answers for either."""
    return _critic(real, made, "logistic")


def r1(answers: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    """R1 (Mescheder et al. 2018, Eq. 9, without its gamma): E[ |grad_x D(x)|^2 ] / 2 at real pictures x [N, ...].

    `answers` [N, ...] were made from `images`, which require gradients; an item's answer is the mean of its patches. The result can
    be differentiated again.
    """
    (gradient,) = torch.autograd.grad(answers.flatten(1).mean(1).sum(), images, create_graph=True)
    return gradient.square().flatten(1).sum(1).mean() / 2


def path_lengths(images: torch.Tensor, ws: torch.Tensor, directions: torch.Tensor) -> torch.Tensor:
    """How far images [N, 3, H, W] move with their latents ws [N, L, D]: |J_w^T y| of StyleGAN2's Eq. 4, a number an item [N].

    `directions` y are normal numbers of the pictures' shape; over sqrt(H W), lengths don't depend on the size. The mean over L, as its
    authors take it. The result can be differentiated again.

    `images` are what `ws` show, with their graph.
    """
    weighted = (images * directions).sum() / math.sqrt(images.shape[2] * images.shape[3])
    (gradient,) = torch.autograd.grad(weighted, ws, create_graph=True)
    return gradient.square().sum(2).mean(1).sqrt()


def path_length(lengths: torch.Tensor, mean: torch.Tensor | float) -> torch.Tensor:
    """StyleGAN2's Eq. 4: E[ (|J_w^T y| - a)^2 ], a the running mean of the lengths [N]."""
    return (lengths - mean).square().mean()


def contrastive(embed: torch.Tensor, other_embed: torch.Tensor, scale: torch.Tensor | float) -> torch.Tensor:
    """The symmetric contrastive loss (Radford et al. 2021, figure 3): row i of both [N, E] belongs together, all others don't.

    Half the sum of the cross-entropies of rows and of columns of `scale` cos(a_i, b_j). It needs the whole batch: gathered from all
    ranks, never in slices.

    `embed` and `other_embed` are of unit length.
    """
    scores = scale * embed @ other_embed.t()
    rows = torch.arange(len(scores), device=scores.device)
    return (F.cross_entropy(scores, rows) + F.cross_entropy(scores.t(), rows)) / 2


def contrastive_groups(embed: torch.Tensor, other_embed: torch.Tensor, scale: torch.Tensor | float, groups: torch.Tensor) -> torch.Tensor:
    """`contrastive` where several rows say the same: row i belongs to every row of its group (int [N]), to all of them alike.

    Two clips of rain must not be told that "rain" belongs to one of them alone. With a group for each row it's `contrastive`.

    `embed`, `other_embed` and `scale` are those of `contrastive`; `groups` numbers the groups.
    """
    scores = scale * embed @ other_embed.t()
    same = (groups[:, None] == groups[None]).to(scores.dtype)
    wanted = same / same.sum(1, keepdim=True)
    return (F.cross_entropy(scores, wanted) + F.cross_entropy(scores.t(), wanted)) / 2


def total(terms: Mapping[str, torch.Tensor], weights: Mapping[str, float]) -> torch.Tensor:
    """The weighted sum of terms; both bear the same names. A weight of 0 switches a term off, also where it isn't finite.

    `weights` may hold more names than `terms`.
    """
    return torch.stack(list(weighted(terms, weights).values())).sum()


def weighted(terms: Mapping[str, torch.Tensor], weights: Mapping[str, float]) -> dict[str, torch.Tensor]:
    """`terms` times their `weights`, by name; those of weight 0 are left out."""
    return {name: weights[name] * term for name, term in terms.items() if weights[name] != 0}


LOSSES: Mapping[str, Callable[..., torch.Tensor]] = {
    "sound_image": sound_image,
    "sound_text": sound_text,
    "spread": spread,
    "encoder": encoder,
    "video_critic": video_critic,
    "image_critic": image_critic,
    "adversarial": adversarial,
    "walker": walker,
    "generator_adversarial": generator_adversarial,
    "critic_adversarial": critic_adversarial,
    "r1": r1,
    "path_length": path_length,
    "contrastive": contrastive,
    "contrastive_groups": contrastive_groups,
}
"""All losses by their names; weights and logs bear the same."""
