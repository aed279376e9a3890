"""The sound inversion encoder E_a (paper 3.1, Eq. 1): a window of sound to an offset in W+.

An IR-SE backbone reads the log-mel spectrogram, a feature pyramid joins its three coarser maps, and one head a latent turns one of the
maps into a style. The paper's size is the default of `SoundInversionConfig`; a small one is bundled, which hears the sound's texture too.
"""

import torch
from torch import nn
from torch.nn import functional as F

from ..backbones import NUM_LOUDNESSES, SoundTexture, SqueezeExcite, loudness_course, normalise_items
from ..shapes import check_shape

_NUM_GROUPS = 8
_SILENT_SHARE = 0.5
"""Drop probability p of the CNN branch during training, so that the texture branch learns to answer alone; at inference the CNN branch is
scaled by 1 - p, as with any dropout: it's overconfident on sounds unlike its training data."""


def _norm(width: int) -> nn.GroupNorm:
    """Normalisation that doesn't look at the batch, so that a clip alone equals a clip among others."""
    return nn.GroupNorm(min(_NUM_GROUPS, width), width)


class ImprovedResidual(nn.Module):
    """One IR-SE unit: two 3x3 convolutions and squeeze-excite, plus a shortcut. [N, width_in, H, W] -> [N, width_out, H/stride, W/stride]."""

    def __init__(self, width_in: int, width_out: int, stride: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            _norm(width_in),
            nn.Conv2d(width_in, width_out, 3, 1, 1, bias=False),
            nn.PReLU(width_out),
            nn.Conv2d(width_out, width_out, 3, stride, 1, bias=False),
            _norm(width_out),
            SqueezeExcite(width_out, max(width_out // 16, 4), bias=True),
        )
        self.stride = stride
        self.shortcut = nn.Conv2d(width_in, width_out, 1, stride, bias=False) if width_in != width_out else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        skipped = self.shortcut(x) if self.shortcut is not None else x[:, :, :: self.stride, :: self.stride]
        return self.residual(x) + skipped


class StyleHead(nn.Module):
    """One latent from a map: halved by convolutions down to one point, then a linear layer. [N, width, map_size, map_size] -> [N, w_dim]."""

    def __init__(self, width: int, map_size: int, w_dim: int) -> None:
        super().__init__()
        halvings = max(1, (map_size - 1).bit_length())
        self.convs = nn.ModuleList(nn.Conv2d(width, width, 3, 2, 1) for _ in range(halvings))
        self.linear = nn.Linear(width, w_dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for conv in self.convs:
            x = F.leaky_relu(conv(x), 0.2)
        return self.linear(x.mean((2, 3)))


class TextureBias(nn.Module):
    """What texture and loudness of windows [S, 1, num_mels, F] add to each of the pyramid's three maps: [3, S, pyramid_width, 1, 1]; nothing
    at first.

    The texture says what sounds, the course of the loudness how strongly. Two layers of `width` units read them.
    """

    def __init__(self, num_mels: int, width: int, pyramid_width: int) -> None:
        super().__init__()
        texture = SoundTexture(num_mels)
        self.texture = normalise_items(texture)
        self.layers = nn.Sequential(
            nn.Dropout(0.1),
            nn.Linear(texture.num_features + NUM_LOUDNESSES, width),
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.Linear(width, width),
            nn.ReLU(),
        )
        self.project = nn.Linear(width, 3 * pyramid_width)
        nn.init.zeros_(self.project.weight)
        nn.init.zeros_(self.project.bias)

    def forward(self, log_mel: torch.Tensor, texture: torch.Tensor | None = None) -> torch.Tensor:
        """`texture` [S, T] replaces the windows' own."""
        features = torch.cat([self.texture(log_mel) if texture is None else texture, loudness_course(log_mel)], 1)
        return self.project(self.layers(features)).unflatten(1, (3, -1)).transpose(0, 1)[..., None, None]


class SoundInversionEncoder(nn.Module):
    """E_a: log-mel spectrograms [S, 1, M, F] in 0..1 -> offsets in W+ [S, L, D] (`audio_ws`). Arguments as in `SoundInversionConfig`."""

    def __init__(
        self,
        num_ws: int = 16,
        w_dim: int = 512,
        log_mel_size: int = 256,
        depths: tuple[int, int, int, int] = (3, 4, 14, 3),
        widths: tuple[int, int, int, int] = (64, 128, 256, 512),
        pyramid_width: int = 512,
        bounds: tuple[int, int] = (3, 6),
        segment_rate: float = 10.0,
        stem_stride: int = 1,
        texture: int = 0,
        texture_reach: float = 0.0,
        smoothing_seconds: float = 0.0,
        smoothing_range: float = 0.06,
    ) -> None:
        super().__init__()
        self.num_ws, self.w_dim, self.log_mel_size, self.segment_rate = num_ws, w_dim, log_mel_size, segment_rate
        self.texture_reach, self.silent_share = texture_reach, _SILENT_SHARE
        self.smoothing_seconds, self.smoothing_range = smoothing_seconds, smoothing_range
        self.stem = nn.Sequential(nn.Conv2d(1, widths[0], 3, stem_stride, 1, bias=False), _norm(widths[0]), nn.PReLU(widths[0]))
        self.stages = nn.ModuleList()
        width_in = widths[0]
        for depth, width in zip(depths, widths, strict=True):
            units = [ImprovedResidual(width_in if unit == 0 else width, width, 2 if unit == 0 else 1) for unit in range(depth)]
            self.stages.append(nn.Sequential(*units))
            width_in = width
        self.laterals = nn.ModuleList(nn.Conv2d(width, pyramid_width, 1) for width in widths[1:])
        self.texture = TextureBias(log_mel_size, texture, pyramid_width) if texture else None
        coarse_size = log_mel_size // (16 * stem_stride)
        sizes = [coarse_size if latent < bounds[0] else 2 * coarse_size if latent < bounds[1] else 4 * coarse_size for latent in range(num_ws)]
        self.map_of_latent = [(size // coarse_size).bit_length() - 1 for size in sizes]
        self.heads = nn.ModuleList(StyleHead(pyramid_width, size, w_dim) for size in sizes)

    def train_without_dropout(self) -> "SoundInversionEncoder":
        """Training mode for runs that draw every random number themselves: nothing of the texture is left out by chance."""
        self.train()
        if self.texture is not None:
            self.texture.eval()
        return self

    @property
    def reach(self) -> int:
        """Windows before and after one from which its texture is averaged (`encode_stream`)."""
        return round(self.texture_reach * self.segment_rate) if self.texture is not None else 0

    @property
    def smoothing(self) -> float:
        """Standard deviation in windows of the filter over consecutive offsets (`encode_stream`); 0: none."""
        return self.smoothing_seconds * self.segment_rate

    def textures(self, log_mel: torch.Tensor) -> torch.Tensor:
        """The texture of each window, [S, T]. Only of an encoder that hears any."""
        return self.texture.texture(log_mel)  # type: ignore[no-any-return,union-attr]

    def measure_textures(self, log_mel: torch.Tensor) -> torch.Tensor:
        """The numbers behind `textures`, [S, T], which no weight changes. Only of an encoder that hears any."""
        return self.texture.texture.measure(log_mel)  # type: ignore[union-attr]

    def told_textures(self, numbers: torch.Tensor) -> torch.Tensor:
        """The textures of windows whose numbers these are, [S, T]."""
        return self.texture.texture.told(numbers)  # type: ignore[union-attr]

    def forward(self, log_mel: torch.Tensor, texture: torch.Tensor | None = None) -> torch.Tensor:
        """Windows by themselves; `texture` [S, T] replaces their own, as `encode_stream` averages it over those around."""
        check_shape("log_mel", log_mel, "S 1 M F", M=self.log_mel_size, F=self.log_mel_size)
        x = self.stem(log_mel * 2 - 1)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        pyramid = [self.laterals[2](maps[3])]
        for lateral, features in ((self.laterals[1], maps[2]), (self.laterals[0], maps[1])):
            above = F.interpolate(pyramid[-1], scale_factor=2, mode="bilinear", align_corners=False)
            pyramid.append(lateral(features) + above)
        if self.texture is not None:
            keep_mask = torch.rand(len(x), 1, 1, 1, device=x.device) >= self.silent_share if self.texture.training else 1 - _SILENT_SHARE
            pyramid = [level * keep_mask + bias.to(level) for level, bias in zip(pyramid, self.texture(log_mel, texture), strict=True)]
        return torch.stack([head(pyramid[which]) for head, which in zip(self.heads, self.map_of_latent, strict=True)], 1)
