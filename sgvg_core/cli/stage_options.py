"""Options that the stages on data of one's own share: which data, which settings, how long, what is kept and watched."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import ConfigError
from .options import number, whole

if TYPE_CHECKING:
    from ..training.runs.steps import RunPolicy

T = TypeVar("T")

_WITH_DATA: Mapping[str, Any] = {
    "config": None, "changes": [], "steps": None, "device": "auto", "readers": 2, "log_every": 20, "sheet_every": 500, "save_minutes": 5.0,
    "keep_last": 2, "keep_every": 0, "tensorboard": False,
}
"""The options of stages on data, with their defaults."""
_OF_THE_WORLD = ("recordings", "init_from", "scenes", "clips")
"""The options of stages that the procedural world teaches."""
MAX_READERS = 256
"""Threads that read data ahead."""


def add_settings(parser: argparse.ArgumentParser) -> None:
    """The settings of the stage: a file, and single changes over it."""
    words = "settings of the stage, JSON or TOML; what it leaves out keeps the preset's value"
    parser.add_argument("--config", type=Path, default=None, metavar="FILE", help=words)
    words = "change one setting (augment.target=0.5); may be given again"
    parser.add_argument("--set", action="append", default=[], dest="changes", metavar="NAME=VALUE", help=words)


def add_run(parser: argparse.ArgumentParser, steps: int) -> None:
    """How long a run lasts (`steps`, where the user names no number), what is kept and what is watched; all of it may differ when a run is resumed.
    """
    parser.add_argument("--steps", type=whole(), default=None, metavar="N", help=f"the run ends with this step (default: {steps})")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (default: auto)")
    parser.add_argument("--readers", type=whole(0, MAX_READERS), default=2, metavar="N", help="threads that read data ahead (default: 2)")
    parser.add_argument("--log-every", type=whole(1), default=20, metavar="N", help="a line of metrics.jsonl every N steps (default: 20)")
    parser.add_argument("--sheet-every", type=whole(), default=500, metavar="N", help="samples to look at every N steps; 0: none (default: 500)")
    parser.add_argument("--save-minutes", type=number(), default=5.0, metavar="M", help="a checkpoint every M minutes, and at the end (default: 5)")
    parser.add_argument("--keep-last", type=whole(), default=2, metavar="N", help="keep the newest N checkpoints (default: 2)")
    parser.add_argument("--keep-every", type=whole(), default=0, metavar="N",
                        help="keep those at multiples of N steps for good; 0: none (default: 0)")
    parser.add_argument("--tensorboard", action="store_true", help="write the numbers for TensorBoard too (pip install tensorboard)")


def add_world_settings(parser: argparse.ArgumentParser) -> None:
    """Single settings of a stage that the procedural world teaches."""
    words = "change one setting of the stage (walk.encoder_lr=0.001, sharpen.detail_share=1.5); may be given again"
    parser.add_argument("--set", action="append", default=[], dest="changes", metavar="NAME=VALUE", help=words)


def check_fitting(options: argparse.Namespace, also: Sequence[str] = ()) -> None:
    """Raise ConfigError for one of `options` that says nothing where it was given: the world's with --data (but `also`), those of data without it."""
    given = getattr(options, "data", None) is not None
    for name in _OF_THE_WORLD:
        if given and name not in also and getattr(options, name, None) is not None:
            raise ConfigError(f"--{name.replace('_', '-')}: is for stages that the procedural world teaches; leave it out, or leave out --data")
    for name, default in _WITH_DATA.items():
        if name == "changes":
            continue  # both ways have settings
        if not given and getattr(options, name, default) != default:
            raise ConfigError(f"--{name.replace('_', '-')}: is for training on data of your own; give --data DATA too, or leave it out")


def stage_config(options: argparse.Namespace, presets: Mapping[str, T], default: str) -> T:
    """The settings that the options tell: one of `presets` (by default that called `default`), a file and changes. Raises ConfigError."""
    from ..training.runs.settings import read_stage_config

    return read_stage_config(presets, preset=options.preset, default=default, file=options.config, changes=options.changes)


def said_changes(options: argparse.Namespace) -> dict[str, str]:
    """What --set changed, for the command's line on the model card; steps and the space that is built onto have options of their own there."""
    changed = " --set ".join(change for change in options.changes if not change.startswith(("num_steps=", "onto=")))
    return {"set": changed} if changed else {}


def run_policy(options: argparse.Namespace, max_minutes: float | None, steps: int = 1000) -> "RunPolicy":
    """The policy that the options tell; `steps` where they name no number; `max_minutes` of computing end it (None: steps alone do). Raises
    ConfigError.
    """
    from ..training.runs.steps import RunPolicy

    return RunPolicy(
        num_steps=steps if options.steps is None else options.steps,
        max_minutes=max_minutes,
        save_seconds=options.save_minutes * 60,
        keep_last=options.keep_last,
        keep_every=options.keep_every,
        log_every=options.log_every,
        sheet_every=options.sheet_every,
        tensorboard=options.tensorboard,
    )
