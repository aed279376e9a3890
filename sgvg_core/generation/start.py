"""The start latent that the settings ask for: drawn, the mean, or chosen by text and sound (paper 3.1, 4.5)."""

import torch

from ..assembly import SoundModel, load_latents
from ..errors import ConfigError
from ..progress import Progress, silent
from ..synthesis import mean_ws
from .centres import compute_centres
from .seeded_start import random_start
from .settings import StartSettings
from .sound import AnalysedSound
from .sound_embedding import embed_sound
from .text_constraint import choose_start


def start_latent(model: SoundModel, analysed: AnalysedSound, settings: StartSettings, progress: Progress = silent) -> torch.Tensor:
    """The start latent [1, L, D]: the mean, drawn at random, or chosen among candidates by the sound and the texts (paper 4.5).

    Raises ConfigError for prompts with a mean start, and for a choice by a model without a joint space.
    """
    if settings.start_from == "mean":
        if settings.prompts or settings.negatives:
            raise ConfigError('start_from="mean" can\'t be combined with prompts; use "sound" or "random", or drop the prompts')
        return mean_start(model, settings, progress)
    by_sound = settings.start_from == "sound"
    centres = truncation_centres(model, settings, progress)
    if not by_sound and not settings.prompts and not settings.negatives:
        return random_start(model.generator, settings.seed, truncation_psi=settings.truncation_psi, centres=centres, label=settings.label)
    if model.joint_space is None:
        raise ConfigError(f"model {model.name}: has no joint space, which choosing a start needs; use a random start and no prompt")
    chosen = choose_start(
        model.generator,
        model.joint_space,
        seed=settings.seed,
        num_codes=settings.num_candidates,
        prompts=settings.prompts,
        negatives=settings.negatives,
        sound_embed=embed_sound(model, analysed, progress) if by_sound else None,
        truncation_psi=settings.truncation_psi,
        centres=centres,
        label=settings.label,
        progress=progress,
    )
    return chosen.best


def mean_start(model: SoundModel, settings: StartSettings, progress: Progress = silent) -> torch.Tensor:
    """The generator's mean latent [1, L, D]; with a label, the mean of that class."""
    if settings.label is not None:
        return compute_centres(model.generator, 1, label=settings.label, progress=progress)
    return mean_ws(model.generator)


def truncation_centres(model: SoundModel, settings: StartSettings, progress: Progress = silent) -> torch.Tensor | None:
    """What the start latent is drawn towards [K, L, D]; None is the mean latent."""
    if not settings.centres:
        return None
    if isinstance(settings.centres, int):
        return compute_centres(model.generator, settings.centres, label=settings.label, progress=progress)
    return load_latents(settings.centres, model.generator.num_ws, model.generator.w_dim)
