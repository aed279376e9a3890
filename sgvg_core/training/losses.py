"""The paper's losses by name: one short function an equation, and the table of them.

Embeddings are unit vectors [N, E]; answers are those of a discriminator's patches, of any shape, whose mean counts; ws [B, T, L, D].
Every function gives what is to be made small, a tensor without dimensions.
"""

from collections.abc import Callable, Mapping

import torch
from torch.nn import functional as F

from ..config import check_choice

GAN_LOSSES = ("lsgan", "logistic", "non_saturating")
"""Least squares as in the released code; the paper's logarithms; the same with the usual generator's side, which never goes flat."""


def sound_picture(image_embed: torch.Tensor, sound_embed: torch.Tensor) -> torch.Tensor:
    """Eq. 2, a <-> v: 1 - cos(F_v(G(w_hat_a)), F_a(x_a)), the mean over items."""
    return (1 - F.cosine_similarity(image_embed, sound_embed, dim=-1)).mean()


def sound_text(image_embed: torch.Tensor, text_embed: torch.Tensor) -> torch.Tensor:
    """Eq. 2, a <-> t: 1 - cos(F_v(G(w_hat_a)), F_t(label of x_a)), the mean over items."""
    return (1 - F.cosine_similarity(image_embed, text_embed, dim=-1)).mean()


def spread(ws: torch.Tensor) -> torch.Tensor:
    """Eq. 3, third term: || w_hat_a^t - w_bar_a ||_2^2, w_bar_a the mean over t (the paper's sum lacks its 1/T).

    The mean over items and frames, and divided by L D, so that lambda_b doesn't depend on the generator.
    """
    return (ws - ws.mean(1, keepdim=True)).square().mean()


def encoder(image_embed: torch.Tensor, sound_embed: torch.Tensor, text_embed: torch.Tensor, ws: torch.Tensor, lambda_b: float) -> torch.Tensor:
    """Eq. 3: L_enc = L_CLIP^{a<->v} + L_CLIP^{a<->t} + lambda_b || w_hat_a - w_bar_a ||_2^2."""
    return sound_picture(image_embed, sound_embed) + sound_text(image_embed, text_embed) + lambda_b * spread(ws)


def _critic(real: torch.Tensor, made: torch.Tensor, gan_loss: str) -> torch.Tensor:
    check_choice("gan_loss", gan_loss, GAN_LOSSES)
    if gan_loss == "lsgan":
        return 0.5 * (real - 1).square().mean() + 0.5 * made.square().mean()
    return F.softplus(-real).mean() + F.softplus(made).mean()


def video_critic(real: torch.Tensor, made: torch.Tensor, gan_loss: str = "lsgan") -> torch.Tensor:
    """Eq. 7, what D_V makes small: -E[log D_V(v)] - E[log(1 - D_V(v~))], D the sigmoid of the answer (the paper's "1 - log" is a misprint).

    "lsgan": E[(D_V(v) - 1)^2] / 2 + E[D_V(v~)^2] / 2, D the answer itself.
    """
    return _critic(real, made, gan_loss)


def image_critic(real: torch.Tensor, made: torch.Tensor, gan_loss: str = "lsgan") -> torch.Tensor:
    """Eq. 8, what D_I makes small: Eq. 7 with frames x and x~ in the place of clips."""
    return _critic(real, made, gan_loss)


def adversarial(made: torch.Tensor, gan_loss: str = "lsgan") -> torch.Tensor:
    """Eq. 9, the side of E_a and the walker against one discriminator: E[log(1 - D(v~))].

    "lsgan": E[(D(v~) - 1)^2] / 2. "non_saturating": -E[log D(v~)], of the same fixed point, but steep where D is sure.
    """
    check_choice("gan_loss", gan_loss, GAN_LOSSES)
    if gan_loss == "lsgan":
        return 0.5 * (made - 1).square().mean()
    return -F.softplus(made).mean() if gan_loss == "logistic" else F.softplus(-made).mean()


def walker(
    video_made: torch.Tensor, image_made: torch.Tensor, encoder_loss: torch.Tensor, lambda_enc: float, gan_loss: str = "lsgan"
) -> torch.Tensor:
    """Eq. 9, what E_a and the walker make small: L_{D_V} + L_{D_I} (their side) + lambda_enc L_enc."""
    return adversarial(video_made, gan_loss) + adversarial(image_made, gan_loss) + lambda_enc * encoder_loss


LOSSES: Mapping[str, Callable[..., torch.Tensor]] = {
    "sound_picture": sound_picture,
    "sound_text": sound_text,
    "spread": spread,
    "encoder": encoder,
    "video_critic": video_critic,
    "image_critic": image_critic,
    "adversarial": adversarial,
    "walker": walker,
}
"""All losses by their names; weights and logs bear the same."""
