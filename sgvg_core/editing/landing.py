"""A change of scene that lands on the generator's own ground: a mapped code that shows the target, in the fine latents of the start.

A straight line between scenes leaves what the generator knows. So the nearest of its own codes that show the target is looked up, and
what it gives are layout and things; colours and light stay the start's (style mixing, Karras et al. 2019, arXiv 1812.04948).
"""

import torch

from .joint_map import JointMap

_FITTING_SHARE = 0.2
"""Share of the target's best codes that's left to choose from where the target also says something that differs within scenes."""


def landing_code(
    known: JointMap, wanted: torch.Tensor, changes: torch.Tensor | None, start_ws: torch.Tensor, layers: torch.Tensor
) -> torch.Tensor:
    """The mapped code [D] that a start [1, L, D] lands on: of the best for the target, the nearest in `layers` (bool [L]).

    `known` is the map of codes; `wanted` [E] and `changes` [E] (None: nothing else is asked) are those of `Understood`; `start_ws` is the start.
    """
    best = known.best_codes(wanted)
    if changes is not None:
        scores = known.attribute(changes).scores[best]
        best = best[scores.topk(max(3, round(_FITTING_SHARE * len(best)))).indices]
    codes = known.ws[best]
    apart = (codes - start_ws[0, layers].mean(0)).square().sum(1)
    return codes[apart.argmin()]
