"""Attributes in S space (Wu et al. 2021, StyleSpace, arXiv 2011.12799): only the style channels that speak of them most are changed.

Styles are affine in latents. So the change of a few channels is turned back into a change of each layer's own latent by least squares, and
nothing about synthesis has to know.
"""

import torch
from torch.nn import functional as F

from ..errors import ConfigError
from ..synthesis import Generator
from .joint_map import Attribute, JointMap

STYLE_SHARE = 0.1
"""Share of a layer's channels that are changed."""


def layer_styles(generator: Generator) -> list[torch.Tensor]:
    """The weights [C, D] that turn latent 0, 1, ... into its layer's styles, on the CPU; layers of colours share a latent and aren't counted."""
    found = []
    for name, module in generator.synthesis.named_modules():
        affine = getattr(module, "affine", None)
        if isinstance(affine, torch.nn.Module) and not name.endswith("torgb"):
            weight = affine.get_parameter("weight").detach().float().cpu()
            found.append(weight)
    return [weight for weight in found if weight.ndim == 2 and weight.shape[1] == generator.w_dim][: generator.num_ws]


def style_step(generator: Generator, known: JointMap, attribute: Attribute, share: float = STYLE_SHARE) -> torch.Tensor:
    """One standard deviation along an attribute, [L, D], through the strongest channels of each layer alone; latents without a layer of their
    own aren't moved. Raises ConfigError.

    `known` is the map of codes that the channels are found by; `share`, 0..1, is that of the channels that are kept.
    """
    if not 0 < share <= 1:
        raise ConfigError(f"share of channels: got {share}, expected a number above 0, up to 1")
    centred = known.ws - known.scene_ws[known.scenes]
    step = torch.zeros(generator.num_ws, generator.w_dim)
    for layer, weight in enumerate(layer_styles(generator)):
        styles = centred @ weight.T
        spread = styles.std(0).clamp(min=1e-9)
        correlation = (styles / spread * attribute.scores[:, None]).mean(0)
        kept = correlation.abs().topk(max(1, round(share * len(correlation)))).indices
        change = torch.zeros_like(spread).index_copy_(0, kept, (F.normalize(correlation, dim=0) * spread)[kept])
        wanted = change * float((weight @ attribute.step)[kept].norm() / change.norm().clamp(min=1e-9))
        step[layer] = torch.linalg.lstsq(weight, wanted[:, None], driver="gelsd").solution[:, 0]
    return step
