"""The settings of E_a and the walker on clips of one's own. The paper's ablations (Fig. 7 and its terms) are switches here."""

import dataclasses
from collections.abc import Mapping

from ...config import (
    CriticConfig,
    MelConfig,
    SoundInversionConfig,
    WalkerConfig,
    check_choice,
    check_range,
    from_dict,
)
from ...guidance.label_directions import LabelSearch
from ...latents import GROUPS
from ...presets import CLIP_SGVG, LANDSCAPES
from ...walker import DEFAULT_PULL, WalkSettings
from .. import losses

_WALKER = dataclasses.replace(LANDSCAPES.walker, clock=False)
"""Clips don't say how fast a clock should turn."""


@dataclasses.dataclass(frozen=True)
class SgvgTerms:
    """Which terms of Eq. 3 and 9 count. A term that is switched off isn't computed."""

    sound_image: bool = True
    """Eq. 2, a <-> v; needs a joint space that hears."""
    sound_text: bool = True
    """Eq. 2, a <-> t, for clips that have a label."""
    spread: bool = True
    """Eq. 3, third term."""
    video: bool = True
    """Eq. 7, D_V."""
    image: bool = True
    """Eq. 8, D_I."""


@dataclasses.dataclass(frozen=True)
class WarmStart:
    """What training begins with, so that it isn't noise: E_a knows where each label leads, the walker follows it."""

    search: LabelSearch = dataclasses.field(default_factory=LabelSearch)
    num_steps: int = 400
    """Steps in which E_a learns the labels' offsets; 0: begin with random weights."""
    batch: int = 48
    """Windows a step."""
    lr: float = 1e-3
    """AdamW's rate."""
    quiet: float = 0.35
    """Share of its label's offset that the quietest moment of a clip has."""

    def __post_init__(self) -> None:
        check_range("warm_start num_steps", self.num_steps, 0, 10**9)
        check_range("warm_start batch", self.batch, 1, 4096)
        check_range("warm_start rate", self.lr, 1e-9, 1)
        check_range("warm_start quiet", self.quiet, 0, 1)


@dataclasses.dataclass(frozen=True)
class ClipSgvgConfig:
    """How E_a and the walker learn from clips, with G frozen. lambda_b and lambda_enc have no published values: these are ours."""

    encoder: SoundInversionConfig = dataclasses.field(default_factory=lambda: dataclasses.replace(LANDSCAPES.sound_encoder, texture_reach=0.0))
    """E_a; latents and their size are the generator's. A `texture_reach` above 0 averages textures over the seconds around, as films do: what is
    learned from then comes with the clip's sound before and after it."""
    walker: WalkerConfig = _WALKER
    """The walker; latents and their size are the generator's. Its `walk_rate` is also the rate at which clips are seen and heard."""
    mel: MelConfig = LANDSCAPES.mel
    """The spectrograms that E_a hears; where the joint space hears too, they must be its own."""
    terms: SgvgTerms = dataclasses.field(default_factory=SgvgTerms)
    blocks: tuple[str, ...] = GROUPS
    """The blocks that move their latents (Eq. 5); the others hold still."""
    recurrence: bool = True
    """Whether blocks remember (Eq. 4); otherwise each step begins with an empty state."""
    lambda_b: float = 0.1
    """Weight of the spread in Eq. 3."""
    lambda_enc: float = 2.0
    """Weight of L_enc in Eq. 9."""
    gan_loss: str = "lsgan"
    """How D_V and D_I are asked: one of `losses.GAN_LOSSES`."""
    critics: CriticConfig = dataclasses.field(default_factory=CriticConfig)
    warm_start: WarmStart = dataclasses.field(default_factory=WarmStart)
    pull: float = DEFAULT_PULL
    """The pull of films, so that a walk learns under it."""
    encoder_lr: float = 1e-4
    """AdamW's rate for E_a."""
    walker_lr: float = 1e-4
    """AdamW's rate for the walker."""
    critic_lr: float = 2e-4
    """Adam's rate for D_V and D_I."""
    batch: int = 4
    """Walks a step, over all processes."""
    accumulate: int = 1
    """Slices a process computes one after another, for less memory."""
    num_steps: int = 5000
    burn_in_steps: tuple[int, ...] = (0, 12, 24)
    """Choices for the number of burn-in steps on the walk's own clip, without gradients, before the frames that count; drawn once a step."""
    burn_in_steps_other_clips: tuple[int, ...] = (0,)
    """Choices for the number of burn-in steps on other clips before those, drawn once a step. 0: none. After any, at least one second of the
    walk's own clip follows."""
    reset_distance: float | None = None
    """A walk further than this from the mean latent, in standard deviations, is set back to its start before its frames count: images mean
    nothing there. None: never."""
    average_steps: float = 200.0
    """The averaged weights, which are kept, average over about this number of steps."""
    share_every: int = 50
    """Steps between two logs of each term's own gradient."""
    dtype: str = "float32"
    """Of the generator's features."""
    seed: int = 17

    def __post_init__(self) -> None:
        check_choice("gan_loss", self.gan_loss, losses.GAN_LOSSES)
        check_choice("dtype", self.dtype, ("float32", "bfloat16"))
        for block in self.blocks:
            check_choice("blocks", block, GROUPS)
        for name in ("lambda_b", "lambda_enc", "pull"):
            check_range(name, getattr(self, name), 0, 1e6)
        for name in ("encoder_lr", "walker_lr", "critic_lr"):
            check_range(name, getattr(self, name), 1e-9, 1)
        for name in ("batch", "accumulate", "num_steps", "share_every"):
            check_range(name, getattr(self, name), 1, 10**9)
        for name in ("burn_in_steps", "burn_in_steps_other_clips"):
            check_range(f"number of {name}", len(getattr(self, name)), 1, 1000)
            for steps in getattr(self, name):
                check_range(name, steps, 0, 10_000)
        if self.reset_distance is not None:
            check_range("reset_distance", self.reset_distance, 0.1, 1e6)
        check_range("average_steps", self.average_steps, 1, 1e9)
        check_range("seed", self.seed, 0, 2**63 - 1)

    @property
    def walk(self) -> WalkSettings:
        """How walks step while they're trained: blocks that are switched off have no strength."""
        coarse, mid, fine = (float(name in self.blocks) for name in GROUPS)
        return WalkSettings(coarse, mid, fine, pull=self.pull)

    @property
    def weights(self) -> dict[str, float]:
        """The weight of every term that counts, in Eq. 9 (without discriminators: in Eq. 3)."""
        adversarial = self.terms.video or self.terms.image
        every = losses.walker_weights(self.lambda_b, self.lambda_enc) if adversarial else losses.encoder_weights(self.lambda_b)
        return {name: weight for name, weight in every.items() if getattr(self.terms, name) and weight > 0}


CLIP_SGVG_PRESETS: Mapping[str, ClipSgvgConfig] = {
    name: from_dict(ClipSgvgConfig, dict(numbers), f"preset {name}") for name, numbers in CLIP_SGVG.items()
}
