"""A walk: the latent of step after step, from a start latent and what is heard (paper Eq. 4 and 6)."""

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator

import torch

from ..config import check_range
from ..latents import GROUPS
from ..shapes import check_shape
from .adapted import AnyWalker
from .blocks import Hidden

DEFAULT_PULL = 0.08
"""Pull that films are made with: it holds walks of minutes on course and is too weak to be seen in seconds."""


@dataclasses.dataclass(frozen=True)
class WalkSettings:
    """How a walk follows the sound."""

    coarse: float = 1.0
    """Strength of the coarse block: its steps are multiplied by it (0 holds these latents still)."""
    mid: float = 1.0
    """Strength of the mid block."""
    fine: float = 1.0
    """Strength of the fine block."""
    beta: float = 1.0
    """Share of the new latent that is taken at each step, 0..1 (the released code takes 0.4)."""
    pull: float = 0.0
    """How fast the latent is drawn back to the start latent, per second."""
    step: float = 1.0
    """Size of all steps: multiplies the strengths of all three blocks."""
    sound_once: bool = False
    """The released way: the sound enters once, before the first step, instead of at every step."""

    def __post_init__(self) -> None:
        for name in GROUPS:
            check_range(f"strength of {name}", getattr(self, name), -4, 4)
        check_range("beta", self.beta, 0, 1)
        check_range("pull", self.pull, 0, 100)
        check_range("step", self.step, -4, 4)


RELEASED_WALK = WalkSettings(beta=0.4, sound_once=True)
"""How the released code walks (its generation script): start it at the mean latent, and it's the released film."""


@dataclasses.dataclass
class WalkState:
    """Where a walk is: n steps and then m from here equal n + m at once."""

    ws: torch.Tensor
    start_ws: torch.Tensor
    hidden: Hidden = dataclasses.field(default_factory=dict)
    num_steps: int = 0


def take_step(walker: AnyWalker, state: WalkState, audio_ws: torch.Tensor, settings: WalkSettings) -> WalkState:
    """One step of a batch of walks: `audio_ws` [B, L, D] is what E_a heard at this step.

    A released walker shows its start first (with the sound in it, if that enters once), which is also what `pull` draws it back to.
    """
    ws = state.ws
    if settings.sound_once:
        ws = ws + audio_ws if state.num_steps == 0 else ws
        audio_ws = torch.zeros_like(audio_ws)
    if getattr(walker, "shows_start", False) and state.num_steps == 0:
        return WalkState(ws, ws, state.hidden, 1)
    step, hidden = walker(ws, audio_ws, state.hidden)
    if "clock" in hidden and settings.step != 1 and "clock" in state.hidden:  # larger steps turn it faster too
        hidden["clock"] = torch.lerp(state.hidden["clock"] % 1, hidden["clock"], settings.step)
    strength = torch.ones(walker.num_ws, 1, dtype=ws.dtype, device=ws.device)
    for name, part in walker.slices.items():
        strength[part] = getattr(settings, name) * settings.step
    moved = ws + settings.beta * strength * step
    drawn = 1 - math.exp(-settings.pull / walker.walk_rate)
    return WalkState(torch.lerp(moved, state.start_ws, drawn), state.start_ws, hidden, state.num_steps + 1)


SettingsOfStep = Callable[[int], WalkSettings]
"""The settings of step k, counted from 0."""


@torch.no_grad()
def roll_out(
    walker: AnyWalker,
    start_ws: torch.Tensor,
    offsets: Iterable[torch.Tensor],
    settings: WalkSettings | SettingsOfStep | None = None,
    *,
    anchors: Callable[[int], torch.Tensor] | None = None,
    bound: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] | None = None,
) -> Iterator[torch.Tensor]:
    """The trajectory from `start_ws` [1, L, D], batch after batch: each [n, L, D] of `offsets` gives its n steps. Steps follow lazily.

    `settings` are those of the whole walk (None: the defaults), or a function that gives each step its own. `anchors` gives the start latent
    [1, L, D] of each step where it moves: the walk is carried along, and is drawn back to where its start is now; None: it stays.
    `bound` gets the latents [1, L, D] before and after a step, and gives those that are taken; None takes them as they come.
    """
    check_shape("start_ws", start_ws, "N L D", N=1, L=walker.num_ws, D=walker.w_dim)
    constant = settings if isinstance(settings, WalkSettings) else WalkSettings()
    of_step = settings if callable(settings) else lambda _: constant
    state, anchor = WalkState(start_ws, start_ws), start_ws
    for audio_ws in offsets:
        steps = []
        for segment in audio_ws:
            if anchors is not None:
                before, anchor = anchor, anchors(state.num_steps).to(state.ws)
                state = dataclasses.replace(state, ws=state.ws + (anchor - before), start_ws=state.start_ws + (anchor - before))
            before_step = state.ws
            state = take_step(walker, state, segment[None], of_step(state.num_steps))
            if bound is not None:
                state.ws = bound(before_step, state.ws)
            steps.append(state.ws)
        if steps:
            yield torch.cat(steps)
