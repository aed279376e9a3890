"""The latents that keyframes stand for: drawn by a seed or a label, read from a file, chosen by words, or looked for that show a picture."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ..assembly import SoundModel, load_latents
from ..errors import ConfigError
from ..image_inversion import InversionSettings, invert_image, read_image
from ..motion import BeatGrid, Keyframe, Keyframes, read_moment
from ..perceptual.distance import by_joint_space
from ..progress import Progress, silent
from .class_labels import read_label
from .keyframe_plan import SNAPS, KeyframePlan
from .seeded_start import random_start
from .settings import StartSettings
from .start import truncation_centres
from .text_constraint import choose_start, read_prompts


@dataclasses.dataclass(frozen=True)
class KeySource:
    """What turns keyframes into latents."""

    model: SoundModel
    start: StartSettings
    """Seed of the candidates among which words choose, their number, truncation."""
    progress: Progress = silent
    given: Mapping[str, torch.Tensor] = dataclasses.field(default_factory=dict)
    """Latents [1, L, D] that take the place of files of these names."""
    pictures: Mapping[str, torch.Tensor] = dataclasses.field(default_factory=dict)
    """Pictures [1, 3, H, W] in -1..1, as `given`."""

    def latents(self, key: Mapping[str, Any], folder: Path) -> torch.Tensor:
        """The latent [1, L, D] of one keyframe: of a `key` of a `KeyframePlan`, whose files lie in `folder`.

        Raises ConfigError and what reading its file raises.
        """
        generator = self.model.generator
        if key.get("latents") in self.given:
            return self.given[key["latents"]].float().cpu()
        if "latents" in key:
            ws = load_latents(folder / key["latents"], generator.num_ws, generator.w_dim)
            if not 0 <= key.get("item", 0) < len(ws):
                raise ConfigError(f"{key['latents']}: item {key['item']} of {len(ws)}, counted from 0")
            return ws[key.get("item", 0)][None]
        if "seed" in key:
            return self._drawn(key["seed"])
        if "label" in key and generator.c_dim:
            label = key["label"] if isinstance(key["label"], int) else read_label(key["label"])
            return self._drawn(self.start.seed, label)
        if "picture" in key:
            image = self.pictures.get(key["picture"])
            return self._shown_by(read_image(folder / key["picture"]) if image is None else image)
        return self._chosen(prompts=read_prompts(str(key["prompt"] if "prompt" in key else key["label"])))

    def _drawn(self, seed: int, label: Any = None) -> torch.Tensor:
        start = self.start
        centres = truncation_centres(self.model, start, self.progress)
        label = start.label if label is None else label
        return random_start(self.model.generator, seed, truncation_psi=start.truncation_psi, centres=centres, label=label)

    def _shown_by(self, image: torch.Tensor) -> torch.Tensor:
        """Latents that show a picture [1, 3, H, W], by descent (`image_inversion.invert_image`) from candidates that the seed draws."""
        space = self.model.joint_space
        perceptual = None if space is None else by_joint_space(space)
        settings = InversionSettings(seed=self.start.seed)
        return invert_image(self.model.generator, image, settings, perceptual=perceptual, progress=self.progress).ws

    def _space(self) -> Any:
        if self.model.joint_space is None:
            raise ConfigError(f"model {self.model.name}: has no joint space, which choosing by words needs; use seeds, pictures or latents")
        return self.model.joint_space

    @torch.no_grad()
    def _chosen(self, **wanted: Any) -> torch.Tensor:
        start = self.start
        centres = truncation_centres(self.model, start, self.progress)
        ranked = choose_start(
            self.model.generator, self._space(), seed=start.seed, num_codes=start.num_candidates, keep=1, truncation_psi=start.truncation_psi,
            centres=centres, label=start.label, progress=self.progress, **wanted,
        )
        return ranked.best


def resolve_keyframes(plan: KeyframePlan, source: KeySource, grid: BeatGrid | None, period: float | None = None) -> Keyframes:
    """The latents of a plan, which `source` makes, at their moments. Raises ConfigError.

    `grid` are the beats that moments snap to (None: a sound without any). `period` is the seconds after which the way is back at its start
    (None: it never is).
    """
    found: dict[float, Keyframe] = {}
    for number, key in enumerate(plan.keys, start=1):
        try:
            seconds = _snapped(read_moment(key["at"], grid), plan.snap, grid)
            if seconds in found:
                raise ConfigError(f"at {seconds:.3f} s there's another one" + (" after both were moved to the grid" if plan.snap else ""))
            if period is not None and not 0 <= seconds < period:
                raise ConfigError(f"at {seconds:.3f} s, but the loop goes from 0 to {period:.3f} s")
            found[seconds] = Keyframe(seconds, source.latents(key, plan.folder), key.get("ease", "linear"))
        except ConfigError as error:
            raise ConfigError(f"keyframe {number}: {error}") from error
    keys = tuple(found[seconds] for seconds in sorted(found))
    return Keyframes(keys, plan.interpolation, source.model.generator.w_avg.detach().float().cpu(), period)


def _snapped(seconds: float, snap: str, grid: BeatGrid | None) -> float:
    if not snap:
        return seconds
    if grid is None:
        raise ConfigError(f"snap: got {snap!r}, but no beats were found in the sound; leave snap out")
    return grid.nearest(seconds, grid.beats_a_bar if snap == "bar" else SNAPS[snap])
