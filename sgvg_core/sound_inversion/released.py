"""The sound inversion encoder as the paper's authors released it, for their weights and those of people who trained with their code.

Two kinds of files exist. With map heads (593 tensors) it answers latents; with transformer heads (839 tensors) offsets from the
generator's mean latent, `w_avg`, which isn't in the file. Its quirks are kept, because the weights were made with them:

- A transformer head takes a map [C, h, w] of a clip as if its memory held [h * w, C], and keeps the first of these: it reads the first
  C numbers of the map, row by row of its first channels, and nothing else.
- Its table of positions and its attention run over the clips of a batch, so a clip's latents change with the clips around it. Here each
  clip is heard alone, as in the released generation; `across_batch` is the other way, which training with more than one clip has.
- The pyramid's corners lie on corners, and its coarse map enters without a convolution of its own.
"""

import torch
from torch import nn
from torch.nn import functional as F

from ..backbones import FeaturePyramid, MapToStyle
from ..shapes import check_shape

NUM_ATTENTION_HEADS = 8
"""Attention heads of torch's transformer, which the released code takes as they come; no file says it."""
NUM_POSITIONS = 32
"""Rows of each head's table of positions that are kept; the table is indexed by clip, and one clip needs the first."""
CLIP_FRAMES = 864
"""Frames of the log-mel spectrogram that the released code hears: 10.03 s, the middle of a longer clip."""


class TransformerToStyle(nn.Module):
    """A map [N, width, H, W] -> [N, width], see the quirks above: `num_convs` halving convolutions, then `num_layers` layers of a transformer whose
    linear layers have `inner` units.
    """

    positions: torch.Tensor

    def __init__(self, width: int, num_convs: int, num_layers: int, inner: int) -> None:
        super().__init__()
        self.width = width
        self.convs = nn.ModuleList(nn.Conv2d(width, width, 3, 2, 1) for _ in range(num_convs))
        self.register_buffer("positions", torch.zeros(NUM_POSITIONS, width))
        layer = nn.TransformerEncoderLayer(width, NUM_ATTENTION_HEADS, inner)
        self.encoder = nn.TransformerEncoder(layer, num_layers, nn.LayerNorm(width), enable_nested_tensor=False)

    def forward(self, x: torch.Tensor, across_batch: bool = False) -> torch.Tensor:
        for conv in self.convs:
            x = F.leaky_relu(conv(x))
        first = x.flatten(1)[:, : self.width]
        if across_batch:  # attention's axis 0 is the sequence: here the clips
            return self.encoder((first + self.positions[: len(first)])[:, None])[:, 0]
        return self.encoder((first + self.positions[0])[None])[0]


class ReleasedSoundEncoder(nn.Module):
    """Log-mel spectrograms [S, 1, M, F] in 0..1 -> latents or offsets in W+ [S, L, D]. Arguments as in `ReleasedSoundConfig`."""

    clip_frames = CLIP_FRAMES

    def __init__(
        self,
        heads: str = "map",
        num_ws: int = 16,
        w_dim: int = 512,
        log_mel_size: int = 256,
        depths: tuple[int, int, int, int] = (3, 4, 14, 3),
        widths: tuple[int, int, int, int] = (64, 128, 256, 512),
        squeeze: int = 16,
        bounds: tuple[int, int] = (3, 7),
        transformer_layers: int = 2,
        transformer_width: int = 2048,
        segment_rate: float = 1.0,
        family: str = "stylegan3",
        img_resolution: int = 256,
    ) -> None:
        super().__init__()
        self.num_ws, self.w_dim, self.log_mel_size, self.segment_rate = num_ws, w_dim, log_mel_size, segment_rate
        self.family, self.img_resolution = family, img_resolution
        self.reach, self.smoothing, self.smoothing_range = 0, 0.0, 1.0
        self.absolute = heads == "map"
        self.backbone = FeaturePyramid("irse", 3, depths, widths, pyramid_width=w_dim, squeeze=squeeze)
        self.map_of_latent = [0 if latent < bounds[0] else 1 if latent < bounds[1] else 2 for latent in range(num_ws)]
        halvings = (log_mel_size // 16).bit_length() - 1
        self.heads = nn.ModuleList(
            MapToStyle(w_dim, halvings + which, scaled=False, activated=True)
            if heads == "map"
            else TransformerToStyle(w_dim, max(which - 1, 0), transformer_layers, transformer_width)
            for which in self.map_of_latent
        )

    def forward(self, log_mel: torch.Tensor, *, across_batch: bool = False) -> torch.Tensor:
        """A clip at a time, which also bounds the memory; `across_batch` only matters for transformer heads. Raises ShapeError."""
        check_shape("log_mel", log_mel, "S 1 M F", M=self.log_mel_size, F=self.log_mel_size)
        together = across_batch and not self.absolute
        check_batch = len(log_mel) if together else 1
        if check_batch > NUM_POSITIONS:
            check_shape("log_mel across the batch", log_mel, "S 1 M F", S=NUM_POSITIONS)
        parts = [log_mel] if together else log_mel.split(1)
        return torch.cat([self._latents(part, together) for part in parts])

    def _latents(self, log_mel: torch.Tensor, together: bool) -> torch.Tensor:
        maps = self.backbone(log_mel.expand(-1, 3, -1, -1))
        pairs = list(zip(self.heads, self.map_of_latent, strict=True))
        if self.absolute:
            return torch.stack([head(maps[which]) for head, which in pairs], 1)
        return torch.stack([head(maps[which], together) for head, which in pairs], 1)
