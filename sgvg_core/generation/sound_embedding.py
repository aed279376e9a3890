"""A sound in the joint space (paper Eq. 2)."""

import torch

from ..assembly import SoundModel
from ..errors import ConfigError
from ..progress import Progress, silent
from .sound import AnalysedSound, analyse_sound
from .windows import embed_windows, label_windows


@torch.no_grad()
def embed_sound(model: SoundModel, analysed: AnalysedSound, progress: Progress = silent) -> torch.Tensor:
    """What the joint space hears in a whole sound (`analysed`): the mean of its windows' embeddings, [1, E], unit length.

    A joint space that hears other spectrograms than the model's sound encoder listens to the sound once more. Raises ConfigError for a
    model without a joint space.
    """
    space = model.joint_space
    if space is None:
        raise ConfigError(f"model {model.name}: has no joint space")
    analysed = analysed if analysed.mel == space.mel else analyse_sound(analysed.sound, space.mel, progress)
    total = torch.zeros((), device=model.device)
    for embeds in embed_windows(model, label_windows(analysed, space.mel), progress):
        total = total + embeds.sum(0, keepdim=True)
    return torch.nn.functional.normalize(total, dim=1)
