"""The paper's ablation of its losses: E_a and the walker trained once with every term and once without each, all from the same start.

Every variant makes the same steps on the same moments of the same clips; only the term is missing. A folder a variant, each a run of its own
(`clip_sgvg`): stopped at any moment, the same call resumes.
"""

import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ...assembly import (
    AnyJointSpace,
    load_sound_encoder,
    load_walker,
    save_sound_encoder,
    save_walker,
)
from ...atomic_files import atomic_write
from ...config.aliases import CHOICES, same_settings
from ...datasets import ClipData
from ...errors import ConfigError, TrainingError
from ...progress import Progress, silent
from ...synthesis import Generator
from ..runs.steps import RunPolicy
from .sgvg import train_clip_sgvg, warm_start
from .sgvg_config import ClipSgvgConfig
from .sgvg_step import ClipSgvgTraining
from .windows import ClipWindows

ALL_TERMS, START = "all_terms", "start"
"""The folders of the training with every term, and of what all begin with."""
TERMS: Mapping[str, str] = {
    "sound_image": "without a<->v (Eq. 2)",
    "sound_text": "without a<->t (Eq. 2)",
    "spread": "without the spread, lambda_b = 0 (Eq. 3)",
    "video": "without D_V (Eq. 7)",
    "image": "without D_I (Eq. 8)",
}
"""The terms that are left out in turn, and the names of their rows."""
PARTS = "sound_encoder.safetensors", "walker.safetensors"
"""What each training leaves in its folder."""
START_NAME = "the start of all (warm start, no loss of the paper)"


@dataclasses.dataclass(frozen=True)
class Variant:
    """A training, and what's left of it."""

    key: str
    """Its folder in the work folder."""
    name: str
    """Its row in the table."""
    folder: Path
    """Where sound_encoder.safetensors and walker.safetensors lie."""


def variants_of(config: ClipSgvgConfig) -> dict[str, ClipSgvgConfig]:
    """The settings of each training by its folder: every term, then each left out that counts in `config`."""
    without = {f"without_{term}": dataclasses.replace(config, terms=dataclasses.replace(config.terms, **{term: False}))
               for term in TERMS if term in config.weights}  # fmt: skip
    return {ALL_TERMS: config, **without}


def train_loss_ablations(
    work: Path,
    data: ClipData,
    generator: Generator,
    space: AnyJointSpace,
    config: ClipSgvgConfig,
    *,
    inputs: Mapping[str, Any] | None = None,
    policy: RunPolicy | None = None,
    workers: int = 2,
    progress: Progress = silent,
) -> list[Variant]:
    """Train every variant, or resume; returns them with every term first, then without each, then the start that all have in common.

    `inputs` are hashes of generator and joint space: nothing is resumed with others. Raises ConfigError, DataError, TrainingError.
    """
    start = work / START
    about = {"config": dataclasses.asdict(config), "data": data.hash, "inputs": dict(inputs or {})}
    _make_start(start, about, data, lambda: ClipSgvgTraining(config, generator, space, data.labels), progress)
    settings = variants_of(config)
    _rename_older_folders(work)
    for place, (key, changed) in enumerate(settings.items()):
        if all((work / key / name).exists() for name in PARTS):
            continue  # written at the end only
        encoder, walker = load_sound_encoder(start / PARTS[0])[0], load_walker(start / PARTS[1])
        watched = _Together(progress, place, len(settings), config.num_steps, key.replace("_", " "))
        train_clip_sgvg(
            work / key, data, generator, space, changed, inputs=inputs, policy=policy, init_from=(encoder, walker), workers=workers,
            progress=watched,
        )  # fmt: skip
    names = {ALL_TERMS: "all terms", **{f"without_{term}": name for term, name in TERMS.items()}}
    return [*(Variant(key, names[key], work / key) for key in settings), Variant(START, START_NAME, start)]


def _rename_older_folders(work: Path) -> None:
    """Folders of variants that were begun under an older name of their term are resumed under its present one."""
    for older, name in CHOICES.items():
        before, now = work / f"without_{older}", work / f"without_{name}"
        if before.is_dir() and not now.exists():
            before.rename(now)


def _make_start(folder: Path, about: Mapping[str, Any], data: ClipData, new_training: Callable[[], ClipSgvgTraining], progress: Progress) -> None:
    """E_a and the walker after the warm start, once; raise ConfigError where the folder holds that of other settings."""
    said, note = json.dumps(about), folder / "made_of.json"
    if note.exists():
        if not same_settings(note.read_text(encoding="utf-8"), said):
            raise ConfigError(f"{folder}: was made with other settings, data, generator or joint space; resume with those, or choose another folder")
        return
    training = new_training()
    mel = training.config.mel
    warm_start(training, ClipWindows(data, mel), progress)
    folder.mkdir(parents=True, exist_ok=True)
    save_sound_encoder(folder / PARTS[0], training.encoder_ema, training.encoder_config, mel, half=False)
    save_walker(folder / PARTS[1], training.walker_ema, training.walker_config, half=False)
    with atomic_write(note, TrainingError) as part:  # last: without it the start is made again
        part.write_text(json.dumps(json.loads(said), indent=1) + "\n", encoding="utf-8")


@dataclasses.dataclass(frozen=True)
class _Together:
    """The steps of one training among those of all, so that the time left is that of all of them."""

    progress: Progress
    place: int
    count: int
    num_steps: int
    name: str

    def __call__(self, done: float, total: float | None, note: str = "", preview: Any = None) -> None:
        self.progress(self.place * self.num_steps + done, self.count * self.num_steps, f"train each variant, {self.name}", preview)
