"""Everything that decides how a film is made from a sound."""

import dataclasses
from fractions import Fraction

from ..config import check_choice, check_range
from ..errors import ConfigError
from ..walker import DEFAULT_PULL, WalkSettings
from .centres import MAX_CENTRES
from .class_labels import Label
from .pose import ANCHORS
from .pose_keys import PoseKeys

STARTS = ("sound", "random", "mean")
UNSURE = ("stay", "follow")


@dataclasses.dataclass(frozen=True)
class GenerateSettings:
    """Everything that decides the picture. The same settings and seed give the same film."""

    fps: Fraction = Fraction(25)
    seed: int = 0
    start_from: str = "sound"
    """"sound": the start latent whose picture is nearest to the sound in the joint space; "random": the seed's first code; "mean": the
    generator's mean latent, with which the released code begins."""
    prompts: tuple[tuple[str, float], ...] = ()
    """Text constraint (paper 4.5): wanted texts and their weights."""
    negatives: tuple[tuple[str, float], ...] = ()
    num_candidates: int = 96
    """How many codes are sampled when the start latent is chosen."""
    truncation_psi: float = 1.0
    centres: int | str = 0
    """What truncation draws towards: 0, the mean latent; a number, the nearest of so many centres (see `generation.centres`); else a file
    of latents, its nearest."""
    label: Label | None = None
    """The class of a conditional generator by its number, or a mix {number: weight}; None: each code draws one."""
    pose: PoseKeys | None = None
    """How the picture of a StyleGAN3 is shifted, turned and zoomed over the film (see `generation.read_pose`)."""
    anchor: str = "none"
    """How latent 0 places the picture of a StyleGAN3; see `generation.anchor_placement`."""
    walk: WalkSettings = dataclasses.field(default_factory=lambda: WalkSettings(pull=DEFAULT_PULL))
    causal: bool = False
    unsure: str = "stay"
    """What a sound does that is none of the model's scenes (see `listening.names_a_scene`): "stay", the walk stays where it is, as in
    silence; "follow", it goes where the sound encoder leads."""
    noise_mode: str = "const"
    size: int | None = None
    """Side of the picture; None is the generator's own."""
    dtype: str = "float32"
    batch: int = 4

    def __post_init__(self) -> None:
        check_choice("start", self.start_from, STARTS)
        check_range("psi", self.truncation_psi, -2, 2)
        check_range("number of candidates", self.num_candidates, 1, 100_000)
        check_choice("anchor", self.anchor, ANCHORS)
        check_choice("unsure", self.unsure, UNSURE)
        if isinstance(self.centres, int):
            check_range("number of centres", self.centres, 0, MAX_CENTRES)
        if self.centres and self.truncation_psi == 1:
            raise ConfigError("centres: got some, but psi 1 draws nothing towards them; choose a smaller psi, such as 0.7")
        if self.size is not None:
            check_range("size", self.size, 16, 4096)
