"""Networks of the released code and of the image encoders to compare with their authors': sizes, weights and inputs by formula."""

import dataclasses

import torch
from released_files import (
    IMAGE_ENCODERS,
    RELEASED_WIDTHS,
    SMALL_WIDTHS,
    block_shapes,
    filled,
    image_encoder_shapes,
    numbers,
    sound_encoder_shapes,
    sound_tower_shapes,
)


@dataclasses.dataclass(frozen=True)
class Case:
    """One network. `part` is sound, block, walk, tower, image or restyle; `kind` names the variant of its authors."""

    part: str
    kind: str
    full: bool = False
    """At the released size; else narrow, on small pictures."""
    num_ws: int = 8
    num_items: int = 1
    seed: int = 0

    @property
    def widths(self) -> tuple[int, int, int, int]:
        return RELEASED_WIDTHS if self.full else SMALL_WIDTHS

    @property
    def w_dim(self) -> int:
        return self.widths[3]

    @property
    def image_size(self) -> int:
        return 256 if self.full else 32

    @property
    def halvings(self) -> int:
        return 4 if self.full else 1

    @property
    def hidden(self) -> int:
        return 512 if self.full else 8


WALK_STEPS = 4
"""Latents of a recorded walk, the start included."""
PASSES = 3
"""Passes of ReStyle."""

_IMAGES = {f"image {kind}": Case("image", kind) for kind in IMAGE_ENCODERS}
RECORDED = {
    "sound, map heads": Case("sound", "map"),
    "sound, transformer heads": Case("sound", "transformer"),
    "sound, transformer heads, clips together": Case("sound", "transformer", num_items=3),
    "coarse, 2022 training": Case("block", "train 2022"),
    "coarse, generation": Case("block", "generation"),
    "coarse, 2023 training": Case("block", "train 2023"),
    "walk, generation": Case("walk", "generation", num_ws=16),
    "tower": Case("tower", "resnet18"),
    **_IMAGES,
    "restyle": Case("restyle", "BackboneEncoder", num_items=2),
}
"""Narrow ones, whose answers are kept as numbers."""

SEEDS = {f"{name}, seed {seed}": dataclasses.replace(case, seed=seed) for name, case in RECORDED.items() for seed in range(1, 6)}
FULL = {
    f"{name}, released size": dataclasses.replace(case, full=True, num_ws=18 if case.kind in ("GradualStyleEncoder", "Encoder4Editing") else 16)
    for name, case in RECORDED.items()
    if case.part != "tower"
} | {"tower, released size": Case("tower", "resnet18", full=True)}
LIVE = SEEDS | FULL


def weights(case: Case, prefix: str = "") -> dict[str, torch.Tensor]:
    """The state dict of the case's network under its authors' names (for "image": without what stands beside the encoder)."""
    if case.part == "sound":
        inner = 2048 if case.full else 40
        return filled(sound_encoder_shapes(case.kind, case.num_ws, case.widths, halvings=case.halvings, inner=inner, prefix=prefix), case.seed)
    if case.part in ("block", "walk"):
        return block_weights(case, 4, prefix)
    if case.part == "tower":
        return filled(sound_tower_shapes(case.widths if case.full else (64, *SMALL_WIDTHS[1:]), 512 if case.full else 48, prefix=prefix), case.seed)
    return filled(image_encoder_shapes(case.kind, case.num_ws, case.widths, case.halvings), case.seed)


def block_weights(case: Case, num_group: int, prefix: str = "") -> dict[str, torch.Tensor]:
    return filled(block_shapes(num_group, case.hidden, case.kind != "train 2022", prefix=prefix), case.seed + 100 * num_group)


def picture(case: Case, channels: int) -> torch.Tensor:
    """Numbers in 0..1, [N, channels, size, size]."""
    if case.part == "tower":
        return numbers(f"picture {case.seed}", case.num_items, 1, 128, 512) / 4 + 0.5
    return numbers(f"picture {case.seed}", case.num_items, channels, case.image_size, case.image_size) / 4 + 0.5


def start(case: Case) -> torch.Tensor:
    """Latents [1, num_ws, D] from which blocks step."""
    return numbers(f"start {case.seed}", 1, case.num_ws, case.hidden)


def mean_latent(case: Case) -> torch.Tensor:
    return 0.5 * numbers(f"mean {case.seed}", case.num_ws, case.w_dim)


def generate(ws: torch.Tensor) -> torch.Tensor:
    """A stand-in for a generator: pictures [N, 3, 48, 48] of latents."""
    waves = torch.arange(48) / 48 * 6.2832
    first, second, third = ws.mean((1, 2)), ws[:, 0].mean(1), ws[:, -1].mean(1)
    shown = [(a[:, None, None] + torch.sin(waves * (k + 1) + b[:, None])[:, :, None] * torch.cos(waves)[None]).tanh()
             for k, (a, b) in enumerate(((first, second), (second, third), (third, first)))]
    return torch.stack(shown, 1)
