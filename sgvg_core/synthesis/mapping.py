"""The mapping network: z (and a label c) to latents w, with truncation ("A Style-Based Generator Architecture", Karras et al. 2019)."""

import torch
from torch import nn

from ..config import CodeFeaturesConfig
from ..errors import ShapeError
from ..shapes import check_shape
from .code_features import CodeFeatures
from .layers import EqualisedLinear, unit_mean_square

W_AVG_DECAY = 0.998
"""Decay a batch of the running mean of w."""


class MappingNetwork(nn.Module):
    """z [N, z_dim] and c [N, c_dim] -> ws [N, num_ws, w_dim].

    c passes an embedding of `embed_features`, then `num_layers` layers of `layer_features` follow; either width is w_dim where it's None.
    `lr_multiplier` scales the layers' weights and so their learning rate. `code_features` is how a code is laid out before the first layer; None
    takes z itself.
    """

    w_avg: torch.Tensor

    def __init__(
        self,
        z_dim: int,
        c_dim: int,
        w_dim: int,
        num_ws: int,
        *,
        num_layers: int = 8,
        lr_multiplier: float = 0.01,
        embed_features: int | None = None,
        layer_features: int | None = None,
        code_features: CodeFeaturesConfig | None = None,
    ) -> None:
        super().__init__()
        self.z_dim, self.c_dim, self.w_dim, self.num_ws, self.num_layers = z_dim, c_dim, w_dim, num_ws, num_layers
        self.features = CodeFeatures(code_features) if code_features is not None else None
        width = self.features.num_features if self.features is not None else z_dim
        if c_dim > 0:
            self.embed = EqualisedLinear(c_dim, embed_features or w_dim)
            width += embed_features or w_dim
        widths = [width, *[layer_features or w_dim] * (num_layers - 1), w_dim]
        for index in range(num_layers):
            setattr(self, f"fc{index}", EqualisedLinear(widths[index], widths[index + 1], lr_multiplier=lr_multiplier, activate=True))
        self.register_buffer("w_avg", torch.zeros(w_dim))

    def forward(
        self,
        z: torch.Tensor,
        c: torch.Tensor | None = None,
        truncation_psi: float = 1.0,
        truncation_cutoff: int | None = None,
        update_w_avg: bool = False,
    ) -> torch.Tensor:
        """Latents ws [N, num_ws, w_dim] of codes z [N, z_dim]; labels c [N, c_dim] if the network was made for labels.

        `truncation_psi` draws the first `truncation_cutoff` latents (None: all) towards `w_avg`. `update_w_avg` makes w_avg
        follow the mean of this batch. Raises ShapeError.
        """
        check_shape("z", z, "N z_dim", z_dim=self.z_dim)
        x = unit_mean_square(z) if self.features is None else self.features(z)
        if self.c_dim > 0:
            if c is None:
                raise ShapeError(f"c: got nothing, expected labels [N={len(z)}, c_dim={self.c_dim}]; this generator is conditional")
            check_shape("c", c, "N c_dim", N=len(z), c_dim=self.c_dim)
            x = torch.cat([x, unit_mean_square(self.embed(c.float()))], 1)
        for index in range(self.num_layers):
            x = getattr(self, f"fc{index}")(x)
        if update_w_avg:
            with torch.no_grad():
                self.w_avg.lerp_(x.mean(0), 1 - W_AVG_DECAY)
        ws = x[:, None].repeat(1, self.num_ws, 1)  # [N, num_ws, w_dim]
        if truncation_psi == 1:
            return ws
        cut = self.num_ws if truncation_cutoff is None else truncation_cutoff
        return torch.cat([self.w_avg.lerp(ws[:, :cut], truncation_psi), ws[:, cut:]], 1)
