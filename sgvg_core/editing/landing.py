"""A change of scene that lands on the generator's own ground: a mapped code that shows the target, in the fine latents of the start.

A straight line between scenes leaves what the generator knows. So the nearest of its own codes that show the target is looked up, and
what it gives are layout and things; colours and light stay the start's (style mixing, Karras et al. 2019, arXiv 1812.04948).
"""

from collections.abc import Mapping

import torch

from .joint_map import JointMap

_FITTING_SHARE = 0.2
"""Share of the target's best codes that's left to choose from where the target also says something that differs within scenes."""


def fitting_scores(known: JointMap, changes: torch.Tensor | None, named: Mapping[str, float]) -> torch.Tensor | None:
    """How well each code shows what a target says besides its scene, in standard deviations, [N]; None where it says no more.

    `known` is the map of codes; `changes` [N, E] (None: nothing) and `named` are those of `Understood`.
    """
    scores = [] if changes is None else [known.attribute(changes).scores]
    if named and known.named is not None:
        values = known.named.values
        scores += [-(values[name] - wanted).abs() / values[name].std().clamp(min=1e-6) for name, wanted in named.items()]
    return torch.stack(scores).sum(0) if scores else None


def landing_code(
    known: JointMap, wanted: torch.Tensor, fitting: torch.Tensor | None, start_ws: torch.Tensor, layers: torch.Tensor
) -> torch.Tensor:
    """The mapped code [D] that a start [1, L, D] lands on: of the best for the target, the nearest in `layers` (bool [L]).

    `known` is the map of codes; `wanted` [E] is that of `Understood`; `fitting` [N] are `fitting_scores` (None: all fit); `start_ws` is the start.
    """
    best = known.best_codes(wanted)
    if fitting is not None:
        best = best[fitting[best].topk(max(3, round(_FITTING_SHARE * len(best)))).indices]
    codes = known.ws[best]
    apart = (codes - start_ws[0, layers].mean(0)).square().sum(1)
    return codes[apart.argmin()]
