"""One edit as a value: what it leads to, how strongly, at which latents, when and where."""

import dataclasses
import math
from typing import Any

import torch

from ..config import check_choice, check_range
from ..curves.curve import Curve
from ..errors import ConfigError
from ..latents import GROUPS
from .directions import Direction
from .targets import Target

MAX_STRENGTH = 20.0
WAYS = ("auto", "scene", "attribute", "style", "optimise")
StrengthCurve = float | tuple[float, ...] | str | Curve | None


@dataclasses.dataclass(frozen=True)
class Edit:
    """A target or a direction x strength x layers x curve x region."""

    target: Target | None = None
    direction: Direction | str | None = None
    """A direction, the name of a file of one, or "pca:N" or "sefa:N" (N from 0; "pca N" too), which the generator gives by itself."""
    strength: float = 1.0
    """0 changes nothing, 1 is what looks right, below 0 leads away. For a direction: 1 is two standard deviations of mapped latents."""
    layers: tuple[int | str, ...] = ()
    """Groups of latents (coarse, mid, fine) or their numbers from 0; empty: those that this kind of edit is best at."""
    curve: StrengthCurve = None
    """What multiplies the strength over time. None: 1 throughout; a number: that throughout; several: spread evenly from the first frame to
    the last, with straight lines between; a curve of any rate; a name or an expression: those of the sound (`editing.curves`)."""
    region: Any = None
    """Where: a mask (the name of a picture, or a tensor [H, W] in 0..1); None: everywhere."""
    way: str = "auto"
    """"scene": land on the generator's own ground, as a change of scene needs; "attribute": a direction within the scene; "style": the
    same through few style channels, which is more local; "optimise": by descent through the generator (Lee et al. 2022), which takes
    minutes; "auto": a scene or an attribute, by what the target asks for."""

    def __post_init__(self) -> None:
        if (self.target is None) == (self.direction is None):
            raise ConfigError("edit: expected a target (text, sound, picture, embedding) or a direction, and not both")
        if not math.isfinite(self.strength):
            raise ConfigError(f"strength: got {self.strength}, expected a number from {-MAX_STRENGTH:g} to {MAX_STRENGTH:g}")
        check_range("strength", self.strength, -MAX_STRENGTH, MAX_STRENGTH)
        check_choice("way", self.way, WAYS)
        for layer in self.layers:
            if layer not in GROUPS and not (isinstance(layer, int) and 0 <= layer < 64):
                raise ConfigError(f"layers: got {layer!r}, expected {', '.join(GROUPS)} or numbers of latents from 0")
        if isinstance(self.curve, tuple) and not (self.curve and all(map(math.isfinite, self.curve))):
            raise ConfigError(f"curve: got {list(self.curve)[:6]}, expected one or more finite numbers")

    @property
    def name(self) -> str:
        """The edit in one line, for reports and sheets."""
        told = self.target.name if self.target is not None else getattr(self.direction, "name", self.direction)
        return str(told) if self.strength == 1 else f"{told} ({self.strength:g})"


def layer_mask(layers: tuple[int | str, ...], slices: dict[str, slice], num_ws: int) -> torch.Tensor:
    """Which latents an edit changes, [L] of 0 and 1; `slices` are the groups (`latents.group_slices`). Raises ConfigError.

    `layers` are numbers, or names of groups; `num_ws` is L.
    """
    mask = torch.zeros(num_ws)
    for layer in layers:
        if isinstance(layer, str):
            mask[slices[layer]] = 1
        elif layer < num_ws:
            mask[layer] = 1
        else:
            raise ConfigError(f"layers: got {layer}, expected 0 to {num_ws - 1}, the generator's latents")
    return mask if layers else torch.ones(num_ws)
