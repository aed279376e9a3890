"""A sound encoder made for another generator, fitted to the one at hand: its latents by what they draw, its answers as offsets."""

import torch
from torch import nn

from ..latents import map_latents
from ..shapes import check_shape
from .encoder import SoundInversionEncoder
from .released import ReleasedSoundEncoder


class AdaptedSoundEncoder(nn.Module):
    """Log-mel spectrograms [S, 1, M, F] -> offsets from the start latent [S, L_target, D], whatever `encoder` answers.

    `matrix` [L_target, L_source] is a `layer_map`. An encoder that answers latents instead of offsets (released map heads) is taken
    relative to the generator's mean latent `w_avg` [D]: so a walk that starts at the mean latent begins exactly at what it answered,
    which is the released way, and one that starts elsewhere stays among latents that the generator knows.
    """

    matrix: torch.Tensor
    w_avg: torch.Tensor

    def __init__(self, encoder: SoundInversionEncoder | ReleasedSoundEncoder, matrix: torch.Tensor, w_avg: torch.Tensor) -> None:
        super().__init__()
        check_shape("matrix", matrix, "T S", S=encoder.num_ws)
        check_shape("w_avg", w_avg, "D", D=encoder.w_dim)
        self.encoder = encoder
        self.num_ws, self.w_dim, self.log_mel_size, self.segment_rate = matrix.shape[0], encoder.w_dim, encoder.log_mel_size, encoder.segment_rate
        self.reach, self.smoothing, self.smoothing_range = encoder.reach, encoder.smoothing, encoder.smoothing_range
        self.clip_frames: int | None = getattr(encoder, "clip_frames", None)
        self.register_buffer("matrix", matrix.clone())
        self.register_buffer("w_avg", w_avg.detach().float().cpu().clone())

    def textures(self, log_mel: torch.Tensor) -> torch.Tensor:
        """The texture of each window, [S, T]. Only of an encoder of ours that hears any."""
        return self.encoder.textures(log_mel)  # type: ignore[operator,no-any-return]

    def forward(self, log_mel: torch.Tensor, texture: torch.Tensor | None = None) -> torch.Tensor:
        """`texture` [S, T] replaces the windows' own."""
        answered = self.encoder(log_mel) if texture is None else self.encoder(log_mel, texture)
        if getattr(self.encoder, "absolute", False):
            answered = answered - self.w_avg
        return map_latents(answered, self.matrix)


AnySoundEncoder = SoundInversionEncoder | ReleasedSoundEncoder | AdaptedSoundEncoder
"""What can be E_a of a model."""
