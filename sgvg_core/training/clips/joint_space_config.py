"""Settings of the joint space's training on own clips, and its presets."""

import dataclasses
from collections.abc import Mapping

from ...config import (
    JointSpaceConfig,
    check_range,
    from_dict,
)
from ...presets import CLIP_JOINT_SPACE


@dataclasses.dataclass(frozen=True)
class JointSpaceWeights:
    """The weight of each term, by the losses' names; 0 switches a term off."""

    contrastive_sound_image: float = 1.0
    """Contrastive term between sounds and pictures."""
    contrastive_sound_text: float = 1.0
    """Contrastive term between sounds and captions."""
    contrastive_image_text: float = 1.0
    """Contrastive term between pictures and captions."""
    sound_image: float = 0.0
    """Eq. 2, a <-> v. Alone it would draw towers that are trained together to one point."""
    sound_text: float = 0.0
    """Eq. 2, a <-> t."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            check_range(f"weights {field.name}", getattr(self, field.name), 0, 1e6)


@dataclasses.dataclass(frozen=True)
class ClipJointSpaceConfig:
    """How a joint space is learned from clips."""

    onto: str = ""
    """"": all towers from nothing. "bundled", or a file of a joint space: F_a onto its frozen F_v and F_t. "open_clip:NAME@WEIGHTS": onto
    that model, WEIGHTS a tag or a file; "open_clip:FOLDER": onto the model in a folder."""
    space: JointSpaceConfig = dataclasses.field(
        default_factory=lambda: JointSpaceConfig(sound_texture=128, image_norm="item", sound_norm="item")
    )
    """Sizes of the towers; onto a frozen space those of F_a count. Words, merges and labels are learned from the captions."""
    num_merges: int = 400
    """Most merges of the byte-level BPE that are learned from the captions."""
    batch: int = 64
    """Clips a step, over all processes."""
    num_steps: int = 3000
    lr: float = 1e-3
    """AdamW's rate at its highest."""
    weight_decay: float = 0.02
    """AdamW's decay of weights."""
    warm_up: int = 60
    """Steps over which the rate rises; then it falls along a cosine to nothing at the last step."""
    weights: JointSpaceWeights = dataclasses.field(default_factory=JointSpaceWeights)
    augment: bool = True
    """Whether sounds are heard as other rooms, microphones and codecs would have them, with parts masked, and words drop parts of theirs."""
    mirror: bool = True
    """Whether half of the pictures are mirrored."""
    test_every: int = 200
    """Steps between looks at the test split: retrieval (R@1) and labels."""
    num_test: int = 200
    """Moments of the test split that are looked at."""
    seed: int = 5

    def __post_init__(self) -> None:
        for name, low, high in (("num_merges", 0, 50_000), ("batch", 2, 1_000_000), ("num_steps", 1, 10**9), ("lr", 1e-9, 1),
                                ("weight_decay", 0, 10), ("warm_up", 0, 10**9), ("test_every", 1, 10**9), ("num_test", 1, 100_000),
                                ("seed", 0, 2**63 - 1)):  # fmt: skip
            check_range(name, getattr(self, name), low, high)


CLIP_JOINT_SPACE_PRESETS: Mapping[str, ClipJointSpaceConfig] = {
    name: from_dict(ClipJointSpaceConfig, dict(numbers), f"preset {name}") for name, numbers in CLIP_JOINT_SPACE.items()
}
