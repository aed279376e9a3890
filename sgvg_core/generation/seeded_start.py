"""The start latent w (paper 3.1): content comes from it, style from the sound."""

import torch

from ..randomness import normal
from ..synthesis import Generator
from .centres import truncate
from .class_labels import Label, labels_of_codes

_TRIES = 200


def draw_z(generator: Generator, seed: int, num_codes: int, first: int = 0) -> torch.Tensor:
    """Codes `first` .. `first + num_codes - 1` of `seed`, [N, z_dim]: the same alone or among others.

    A generator whose codes say which scene they show (`code_features`) draws codes between two scenes again.
    """
    return torch.stack([_draw_one(generator, seed, index) for index in range(first, first + num_codes)])


def _draw_one(generator: Generator, seed: int, index: int) -> torch.Tensor:
    tries = normal(seed, "start", index, _TRIES, generator.z_dim)
    features = generator.mapping.features
    if features is None:
        return tries[0]
    clear = features.is_clear(tries).nonzero()
    return tries[clear[0, 0]] if len(clear) else tries[0]


@torch.no_grad()
def random_start(
    generator: Generator,
    seed: int,
    *,
    num_codes: int = 1,
    first: int = 0,
    truncation_psi: float = 1.0,
    truncation_cutoff: int | None = None,
    centres: torch.Tensor | None = None,
    label: Label | None = None,
) -> torch.Tensor:
    """Start latents [N, L, D], float32 on the CPU. Truncation draws towards the mean latent, or the nearest of `centres` [K, L, D].

    All codes of a conditional generator get `label`; without one each draws its own (`generation.drawn_label`). Raises ConfigError for the
    label of a generator without any.

    `seed` and a code's number decide its z alone: code 7 is the same whether `num_codes` N is 8 or 1 and `first` 7. `first` is the number of
    the first code. `truncation_psi` and `truncation_cutoff` are those of `truncate`.
    """
    c = labels_of_codes(generator, label, seed, range(first, first + num_codes))
    z = draw_z(generator, seed, num_codes, first).to(generator.w_avg.device)
    if centres is not None:
        return truncate(generator.mapping(z, c).float().cpu(), centres, truncation_psi, truncation_cutoff)
    return generator.mapping(z, c, truncation_psi=truncation_psi, truncation_cutoff=truncation_cutoff).float().cpu()
