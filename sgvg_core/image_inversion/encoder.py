"""One network for the encoders of pSp (Richardson et al., arXiv 2008.00951), e4e (Tov et al., arXiv 2102.02766) and ReStyle (Alaluf et
al., arXiv 2104.02699; for StyleGAN3 arXiv 2201.13433).

They share a backbone and heads and differ in three ways: which map a head reads (a pyramid, or the last map), whether latents are offsets
from the first one, and whether the network also sees what it made of the picture so far (six channels).
"""

import torch
from torch import nn
from torch.nn import functional as F

from ..backbones import FeaturePyramid, MapToStyle, WeightScaledLinear
from ..errors import ShapeError
from ..shapes import check_shape

_POOLED = 7
"""Side to which the encoder with one linear layer for all latents averages its last map."""


class ImageEncoder(nn.Module):
    """Images [N, in_channels, H, W] in -1..1 -> `ws` [N, L, D]. Arguments as in `ImageEncoderConfig`.

    `latent_avg` [L, D] is the mean latent that answers are offsets from (zeros where they aren't).
    """

    latent_avg: torch.Tensor

    def __init__(
        self,
        unit: str = "irse",
        heads: str = "styles",
        pyramid: bool = True,
        deltas: bool = False,
        in_channels: int = 3,
        num_ws: int = 18,
        w_dim: int = 512,
        image_size: int = 256,
        depths: tuple[int, int, int, int] = (3, 4, 14, 3),
        widths: tuple[int, int, int, int] = (64, 128, 256, 512),
        squeeze: int = 16,
        bounds: tuple[int, int] = (3, 7),
        adds_mean: bool = True,
    ) -> None:
        super().__init__()
        self.num_ws, self.w_dim, self.image_size, self.in_channels = num_ws, w_dim, image_size, in_channels
        self.kind, self.deltas, self.adds_mean = heads, deltas, adds_mean
        self.backbone = FeaturePyramid(unit, in_channels, depths, widths, pyramid=pyramid, pyramid_width=w_dim, squeeze=squeeze)
        self.register_buffer("latent_avg", torch.zeros(num_ws, w_dim))
        halvings = (image_size // 16).bit_length() - 1
        if heads == "styles":
            self.map_of_latent = [0 if not pyramid or latent < bounds[0] else 1 if latent < bounds[1] else 2 for latent in range(num_ws)]
            self.heads = nn.ModuleList(MapToStyle(w_dim, halvings + which, scaled=True, activated=False) for which in self.map_of_latent)
        else:
            self.linear = WeightScaledLinear(w_dim, w_dim * (num_ws if heads == "w_plus" else 1))
        if heads == "w_plus":
            self.output_layer_2 = nn.ModuleDict({"0": nn.BatchNorm2d(w_dim), "3": nn.Linear(w_dim * _POOLED**2, w_dim)})

    @property
    def refines(self) -> bool:
        """Whether it takes the picture together with what was made of it so far (ReStyle), so that it can be asked again and again."""
        return self.in_channels == 6

    def forward(self, image: torch.Tensor, so_far: torch.Tensor | None = None) -> torch.Tensor:
        """`so_far` [N, L, D]: latents that the answer refines (ReStyle's second and later passes); None starts at the mean latent."""
        check_shape("picture", image, "N C H W", C=self.in_channels)
        if min(image.shape[2:]) < 16:
            raise ShapeError(f"picture: got {image.shape[3]} x {image.shape[2]} points, expected {self.image_size} x {self.image_size}")
        answered = self._answer(self.backbone(image))
        if so_far is not None:
            check_shape("so_far", so_far, "N L D", N=len(image), L=self.num_ws, D=self.w_dim)
            return answered + so_far
        return answered + self.latent_avg if self.adds_mean else answered

    def _answer(self, maps: list[torch.Tensor]) -> torch.Tensor:
        if self.kind == "w":
            return self.linear(maps[0].mean((2, 3)))[:, None].expand(-1, self.num_ws, -1)
        if self.kind == "w_plus":
            pooled = F.adaptive_avg_pool2d(self.output_layer_2["0"](maps[0]), _POOLED).flatten(1)
            return self.linear(self.output_layer_2["3"](pooled)).unflatten(1, (self.num_ws, self.w_dim))
        ws = torch.stack([head(maps[which]) for head, which in zip(self.heads, self.map_of_latent, strict=True)], 1)
        if self.deltas:
            ws = torch.cat([ws[:, :1], ws[:, :1] + ws[:, 1:]], 1)
        return ws
