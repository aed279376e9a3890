"""The input's own detail, kept where an edit leaves the structure of the picture as it was.

A generator draws an inverted picture a little softer than it was. Where the edited drawing has the same structure as the unedited one (light and
hour change, the scene doesn't), what the drawing misses of the input is put back, scaled as the contrast changed; where the structure is new
nothing is. An edit of nothing so gives the input itself.
"""

import torch
from torch.nn import functional as F

from ..generation.render import resize

_FINE_RADIUS = 0.02
"""Structure finer than this counts, in picture widths."""
_WINDOW_RADIUS = 0.05
"""Over how much of the picture structures are compared, in picture widths."""
_FLAT = 2e-3
"""Variance of fine structure (images in -1..1) below which a place counts as flat, and so as the same."""
_SURE = (0.35, 0.8)
"""Correlation of structures from which on detail is put back, and from which on all of it."""


def with_own_detail(source: torch.Tensor, drawn: torch.Tensor, edited: torch.Tensor, amount: float = 1.0) -> torch.Tensor:
    """`edited` [N, 3, H, W] in -1..1 with what `drawn`, the drawing of `source`, misses of it; `amount` 0..1 of that.

    `source` may be larger than the two drawings: the answer has its size. Where `edited` is the same tensor as `drawn` and `amount` is 1,
    it's `source` bit by bit.
    """
    if edited is drawn and amount == 1:
        return source
    size = (source.shape[-2], source.shape[-1])
    if amount == 0:
        return resize(edited, size)
    share, contrast = structure_kept(drawn, edited)
    missing = (source - resize(drawn, size)) * resize(contrast, size).clamp(0, 2)
    return (resize(edited, size) + amount * resize(share, size).clamp(0, 1) * missing).clamp(-1, 1)


def structure_kept(drawn: torch.Tensor, edited: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """How much of its structure each place kept, [N, 1, H, W] in 0..1, and by what factor its contrast changed, [N, 1, H, W].

    The first is the structure term of SSIM (Wang et al. 2004) of the fine parts of both.

    `drawn` and `edited` are images [N, 3, H, W] in -1..1.
    """
    fine = [(each - _mean(each, _FINE_RADIUS)).mean(1, keepdim=True) for each in (drawn.float(), edited.float())]
    first, second, both = (_mean(one * other, _WINDOW_RADIUS) for one, other in ((fine[0], fine[0]), (fine[1], fine[1]), (fine[0], fine[1])))
    similar = (both + _FLAT) / ((first + _FLAT) * (second + _FLAT)).sqrt()
    share = ((similar - _SURE[0]) / (_SURE[1] - _SURE[0])).clamp(0, 1)
    usual = (second.mean((1, 2, 3), keepdim=True) + 1e-9) / (first.mean((1, 2, 3), keepdim=True) + 1e-9)  # what flat places go by
    return share, ((second + _FLAT * usual) / (first + _FLAT)).sqrt()


def _mean(images: torch.Tensor, radius: float) -> torch.Tensor:
    """The mean of a window around each place, twice, so that it has no corners."""
    reach = max(1, round(radius * images.shape[-1]))
    for _ in range(2):
        images = F.avg_pool2d(F.pad(images, (reach,) * 4, mode="reflect"), 2 * reach + 1, stride=1)
    return images
