"""``train``: the model from nothing, one command a stage; each can be killed at any time and goes on when it's called again."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from ..errors import ConfigError
from ..presets import LANDSCAPES, ModelConfig
from ..progress import Progress
from .progress import ProgressBar

if TYPE_CHECKING:
    from ..training.stages import TrainSettings

Stage = Callable[[argparse.Namespace, "TrainSettings", Progress], str]
_PRESETS: dict[str, ModelConfig] = {"landscapes": LANDSCAPES}


def add_command(commands: argparse._SubParsersAction) -> None:
    """Add ``train`` and its stages to the commands."""
    parser = commands.add_parser("train", help="make a model from nothing", description=__doc__)
    stages = parser.add_subparsers(dest="stage", required=True, metavar="STAGE")
    _add_stage(stages, "generator", _generator, "a StyleGAN2 taught by the renderer", "56")
    _add_stage(stages, "judge", _judge, "the judge of pictures, which only measures", None)
    _add_stage(stages, "joint-space", _joint_space, "the joint space of pictures, words and sounds", "12")
    _add_stage(stages, "walk", _walk, "sound encoder and walker, warmed up by the world's own answers", "20")


def _add_stage(stages: argparse._SubParsersAction, name: str, stage: "Stage", what: str, minutes: str | None) -> None:
    parser = stages.add_parser(name, help=what, description=what[0].upper() + what[1:] + ".")
    parser.add_argument("--work", type=Path, required=True, metavar="DIR", help="the folder of states, logs and results")
    parser.add_argument("--preset", choices=sorted(_PRESETS), default="landscapes", help="sizes of all parts (default: landscapes)")
    parser.add_argument("--recordings", type=Path, default=None, metavar="DIR", help="real recordings to learn from too: DIR/<scene>/<file>")
    if minutes is not None:
        words = f"minutes of computing over all runs (default: {minutes})"
        parser.add_argument("--minutes", type=_minutes, default=_minutes(minutes), metavar="M[,M...]", help=words)
    parser.add_argument("--threads", type=int, default=None, metavar="N", help="threads and processes (default: torch's own choice)")
    parser.add_argument("--scenes", type=int, default=4200, metavar="N", help="scenes to render for the generator (default: 4200)")
    parser.add_argument("--clips", type=int, default=1080, metavar="N", help="sounds to synthesise for the walk (default: 1080)")
    parser.set_defaults(run=run, stage_function=stage)


def _minutes(text: str) -> tuple[float, ...]:
    """``"56"`` or ``"4,10,42"``."""
    return tuple(float(part) for part in text.split(","))


def run(options: argparse.Namespace) -> int:
    """Run one stage, from where it stood."""
    from ..training.stages import TrainSettings  # here, so that other commands start at once

    if options.threads is not None:
        if options.threads < 1:
            raise ConfigError(f"--threads: got {options.threads}, expected 1 or more")
        torch.set_num_threads(options.threads)
    options.work.mkdir(parents=True, exist_ok=True)
    settings = TrainSettings(
        work=options.work,
        config=_PRESETS[options.preset],
        recordings=options.recordings,
        num_scenes=options.scenes,
        num_clips=options.clips,
        workers=options.threads or torch.get_num_threads(),
    )
    with ProgressBar() as progress:
        said = options.stage_function(options, settings, progress)
    print(said)
    return 0


def _generator(options: argparse.Namespace, settings: "TrainSettings", progress: Progress) -> str:
    from ..training.stages import generator_stage

    return str(generator_stage(settings, options.minutes, progress))


def _judge(options: argparse.Namespace, settings: "TrainSettings", progress: Progress) -> str:
    from ..training.stages import judge_stage

    return json.dumps(judge_stage(settings, progress))


def _joint_space(options: argparse.Namespace, settings: "TrainSettings", progress: Progress) -> str:
    from ..training.stages import joint_space_stage

    return str(joint_space_stage(settings, sum(options.minutes), progress=progress))


def _walk(options: argparse.Namespace, settings: "TrainSettings", progress: Progress) -> str:
    from ..training.stages import walk_stage

    walk_stage(settings, sum(options.minutes), progress)
    return f"{settings.work / 'sound_encoder.safetensors'}\n{settings.work / 'walker.safetensors'}"
