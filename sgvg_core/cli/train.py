"""``train``: a model from nothing, one command a stage; each can be killed at any time and resumes when it's called again."""

import argparse
import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ..atomic_files import check_no_input
from ..config import check_choice
from ..config.aliases import flag_names
from ..errors import ConfigError, shown
from ..presets import PRESET_NAMES, WORLD_MODELS
from ..progress import Progress
from . import train_ablations, train_clips, train_generator
from .options import MAX_THREADS, number, use_threads, whole
from .progress import ProgressBar
from .stage_options import add_world_settings
from .terminal import say, say_lines

if TYPE_CHECKING:
    from ..training.world.stages import TrainSettings

Stage = Callable[[argparse.Namespace, "TrainSettings", Progress], str]
Minutes = tuple[float, ...]

_MINUTES = {"generator": 176.0, "sharpen": 75.0, "joint-space": 12.0, "walk": 90.0, "finetune": 30.0}
"""Minutes of computing of each stage, when nobody says otherwise."""


def add_command(commands: argparse._SubParsersAction) -> None:
    """Add ``train`` and its stages to the commands."""
    parser = commands.add_parser("train", help="make a model from nothing", description=__doc__)
    stages = parser.add_subparsers(dest="stage", required=True, metavar="STAGE")
    words = "a StyleGAN2 taught by the renderer (minutes: all, or one number for each of 32, 64, 128, 256 px), or with --data from your own pictures"
    train_generator.add_own_data(_add_stage(stages, "generator", _generator, words, own_data=True))
    add_world_settings(_add_stage(stages, "sharpen", _sharpen, "the generator's detail, against a discriminator"))
    judge = _add_stage(stages, "judge", _judge, "the judge of pictures, which only measures")
    judge.add_argument("--steps", type=whole(1), default=None, metavar="N", help="steps of training (default: 1500)")
    add_world_settings(judge)
    words = "the joint space of pictures, words and sounds: of the procedural world, or with --data of your own clips"
    space = _add_stage(stages, "joint-space", _joint_space, words, own_data=True)
    train_clips.add_joint_space_data(space)
    space.add_argument("--only-sound", action="store_true", help="train F_a alone (with --init-from)")
    space.add_argument("--only-heads", action="store_true", help="train only the layers behind F_a's convolutions (with --init-from)")
    space.add_argument("--temperature", type=float, default=None, metavar="T", help="what scores of labels are divided by (default: 1); "
                       "benchmarks/real_recordings.py measures it on held-out sources")
    space.add_argument("--sure-from", type=float, default=None, metavar="P", help="the probability under which a sound is \"not sure\" (default: 0)")
    add_world_settings(_add_stage(stages, "walk", _walk, "sound encoder and walker, warmed up by the world's own answers"))
    for name, stage, words in (
        ("finetune", _finetune, "the paper's losses through the frozen generator: L_enc, then D_V and D_I"),
        ("all", _all, "every stage in order (minutes: all of them together)"),
    ):
        parser = _add_stage(stages, name, stage, words)
        _add_losses(parser)
        add_world_settings(parser)
    train_clips.add_sgvg(stages)
    train_ablations.add_ablations(stages)
    _add_export(stages)
    _add_card(stages)


def _add_stage(stages: argparse._SubParsersAction, name: str, stage: Stage, what: str, *, own_data: bool = False) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = stages.add_parser(name, help=what, description=what[0].upper() + what[1:] + ".")
    parser.add_argument("--work", type=Path, required=True, metavar="DIR", help="the folder of states, logs and results")
    presets = {*WORLD_MODELS, *(PRESET_NAMES if own_data else ())}
    words = f"sizes of all parts (default: landscapes{'; with --data: small' if own_data else ''})"
    parser.add_argument("--preset", choices=sorted(presets), default=None, help=words)
    parser.add_argument("--recordings", type=Path, default=None, metavar="DIR", help="real recordings to learn from too: DIR/<scene>/<file>")
    words = "a model folder whose weights the stage starts from"
    if name == "generator":
        words = "with --data: a StyleGAN2 to start from, in a file of any known layout, with its discriminator where it holds one"
    parser.add_argument(*flag_names("--init-from"), type=Path, default=None, metavar="FILE" if name == "generator" else "MODEL", help=words)
    if name != "judge":
        default = _MINUTES.get(name, sum(_MINUTES.values()))
        with_data = "; with --data: this call stops after M minutes" if own_data else ""
        words = f"minutes of computing, counted over all runs (default: {default:g}{with_data})"
        parser.add_argument("--minutes", type=_minutes, default=None, metavar="M[,M...]", help=words)
    parser.add_argument("--threads", type=whole(1, MAX_THREADS), default=None, metavar="N",
                        help="threads and processes (default: torch's own choice)")
    parser.add_argument("--scenes", type=whole(1), default=None, metavar="N", help="scenes to render, six pictures each (default: 4200)")
    parser.add_argument("--clips", type=whole(1), default=None, metavar="N", help="sounds to synthesise for the walk (default: 1080)")
    parser.set_defaults(run=run, stage_function=stage)
    return parser


def _add_losses(parser: argparse.ArgumentParser) -> None:
    """The settings of the paper's losses."""
    parser.add_argument("--gan-loss", choices=("lsgan", "logistic", "non_saturating"), default=None, help="Eq. 9's form (default: lsgan)")
    parser.add_argument("--lambda-b", type=number(), default=None, metavar="X", help="weight of the spread in Eq. 3 (default: 0.1)")
    parser.add_argument("--lambda-enc", type=number(), default=None, metavar="X", help="weight of L_enc in Eq. 9 (default: 2)")


def _add_export(stages: argparse._SubParsersAction) -> None:
    parser = stages.add_parser("export", help="the model folder with its card", description="Put a trained model into a folder, with MODEL_CARD.md.")
    parser.add_argument("--work", type=Path, required=True, metavar="DIR", help="the folder that the stages left")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER", help="the model folder")
    words = "take sound encoder and walker of this stage: warm-up, encoder-loss or critics (default: the last that is there)"
    parser.add_argument("--after", choices=("warm-up", "encoder-loss", "critics"), default=None, help=words)
    words = "a table of `evaluate` (Markdown) for the card"
    parser.add_argument("--table", type=Path, default=None, metavar="FILE", help=words)
    parser.add_argument("--licence", default=None, metavar="TEXT", help="what the card says about the licence")
    parser.set_defaults(run=run_export)


def _add_card(stages: argparse._SubParsersAction) -> None:
    words = "write MODEL_CARD.md of a model folder anew, from its files and recipe.json"
    parser = stages.add_parser("card", help=words, description=words[0].upper() + words[1:] + ".")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the model folder, such as models/landscapes")
    words = "recordings that it was taught with too: their credits (CREDITS.md in DIR) go into recipe.json and the card"
    parser.add_argument("--recordings", type=Path, default=None, metavar="DIR", help=words)
    words = "a table of `evaluate` (Markdown) that goes into recipe.json and the card"
    parser.add_argument("--table", type=Path, default=None, metavar="FILE", help=words)
    parser.set_defaults(run=run_card)


def _minutes(text: str) -> Minutes:
    """``"56"`` or ``"4,10,42"``."""
    minutes = tuple(float(part) for part in text.split(","))
    if not all(0 < part < 1e6 for part in minutes):
        raise argparse.ArgumentTypeError(f"got '{shown(text, 40)}', expected minutes above 0")
    return minutes


def run(options: argparse.Namespace) -> int:
    """Run a stage, from where it stopped."""
    from ..training.runs.history import note_command  # here, so that other commands start at once

    if options.stage == "generator" and train_generator.learns_from_data(options):
        return train_generator.run_own_data(options)
    if options.stage == "joint-space" and options.data is not None:
        return train_clips.run_joint_space(options)
    options.preset = options.preset or "landscapes"
    check_choice("--preset", options.preset, tuple(WORLD_MODELS))
    if "minutes" in options and options.minutes is None:
        options.minutes = (_MINUTES.get(options.stage, sum(_MINUTES.values())),)
    use_threads(options.threads)
    options.work.mkdir(parents=True, exist_ok=True)
    settings = _settings(options)
    note_command(options.work, options.stage, _said(options))
    with ProgressBar() as progress:
        result = options.stage_function(options, settings, progress)
    say_lines(str(result))
    return 0


def _said(options: argparse.Namespace) -> dict[str, object]:
    """The options of a command as its line on the model card has them: without folders and threads."""
    said: dict[str, object] = {"preset": None if options.preset == "landscapes" else options.preset, "recordings": options.recordings is not None}
    if options.changes:
        said["set"] = list(options.changes)
    if options.init_from is not None:
        said["init-from"] = options.init_from.name
    said.update({name: True for name in ("only-sound", "only-heads") if getattr(options, name.replace("-", "_"), False)})
    if "minutes" in options:
        said["minutes"] = ",".join(f"{part:g}" for part in options.minutes)
    names = ("scenes", "clips", "steps", "temperature", "sure_from", "gan_loss", "lambda_b", "lambda_enc")
    return {**said, **{name.replace("_", "-"): getattr(options, name, None) for name in names}}


def _settings(options: argparse.Namespace) -> "TrainSettings":
    """The options as settings; what isn't given keeps its default."""
    from ..training.runs.settings import with_changes
    from ..training.world.stages import TrainSettings

    given = {"num_scenes": options.scenes, "num_clips": options.clips, "judge_steps": getattr(options, "steps", None)}
    settings = TrainSettings(
        work=options.work,
        config=WORLD_MODELS[options.preset or "landscapes"],
        recordings=options.recordings,
        init_from=options.init_from,
        workers=options.threads or torch.get_num_threads(),
        **{name: value for name, value in given.items() if value is not None},
    )
    settings = _of_joint_space(options, settings)
    losses: dict[str, Any] = {name: getattr(options, name, None) for name in ("gan_loss", "lambda_b", "lambda_enc")}
    losses = {name: value for name, value in losses.items() if value is not None}
    settings = dataclasses.replace(settings, finetune=dataclasses.replace(settings.finetune, **losses))
    return with_changes(settings, options.changes, fixed=("work", "init_from", "recordings"))


def _of_joint_space(options: argparse.Namespace, settings: "TrainSettings") -> "TrainSettings":
    """The settings with what the options say of the joint space."""
    parts = {name: True for name in ("only_sound", "only_heads") if getattr(options, name, False)}
    doubts = {name: value for name in ("temperature", "sure_from") if (value := getattr(options, name, None)) is not None}
    config = dataclasses.replace(settings.config, joint_space=dataclasses.replace(settings.config.joint_space, **doubts))
    return dataclasses.replace(settings, config=config, joint_space=dataclasses.replace(settings.joint_space, **parts))


def _generator(options: argparse.Namespace, settings: "TrainSettings", progress: Progress) -> str:
    from ..training.world.stages import generator_stage

    return str(generator_stage(settings, options.minutes, progress))


def _sharpen(options: argparse.Namespace, settings: "TrainSettings", progress: Progress) -> str:
    from ..training.world.stages import detail_stage

    return str(detail_stage(settings, sum(options.minutes), progress))


def _judge(options: argparse.Namespace, settings: "TrainSettings", progress: Progress) -> str:
    from ..training.world.stages import judge_stage

    return json.dumps(judge_stage(settings, progress))


def _joint_space(options: argparse.Namespace, settings: "TrainSettings", progress: Progress) -> str:
    from ..training.world.stages import joint_space_stage

    return str(joint_space_stage(settings, sum(options.minutes), progress))


def _walk(options: argparse.Namespace, settings: "TrainSettings", progress: Progress) -> str:
    from ..training.world.stages import walk_stage

    walk_stage(settings, sum(options.minutes), progress)
    return f"{settings.work / 'sound_encoder.safetensors'}\n{settings.work / 'walker.safetensors'}"


def _finetune(options: argparse.Namespace, settings: "TrainSettings", progress: Progress) -> str:
    from ..training.world.stages import finetune_stage

    return str(finetune_stage(settings, options.minutes, progress))


def _all(options: argparse.Namespace, settings: "TrainSettings", progress: Progress) -> str:
    """Every stage with its share of the minutes."""
    whole = sum(options.minutes)
    stages = {"generator": _generator, "sharpen": _sharpen, "joint-space": _joint_space, "walk": _walk, "finetune": _finetune}
    said = []
    for name, stage in stages.items():
        options.minutes = (whole * _MINUTES[name] / sum(_MINUTES.values()),)
        said.append(stage(options, settings, progress))
        if name == "generator":
            said.append(_judge(options, settings, progress))
    return "\n".join(said)


def run_export(options: argparse.Namespace) -> int:
    """Write the model folder."""
    from ..training.clips.export import export_clip_model, made_of_clips
    from ..training.world.export import export_model, too_large

    if options.output.exists():
        check_no_input(options.output, [options.work, *(path for path in options.work.iterdir() if path.is_dir())], ConfigError)
    if made_of_clips(options.work):
        export_clip_model(options.work, options.output, table=options.table, licence=options.licence)
        say(str(options.output.resolve()))
        return 0
    export_model(options.work, options.output, options.after, table=options.table, licence=options.licence)
    for words in too_large(options.output):
        say(f"note: {words} where a model is to come with the pack")
    say(str(options.output.resolve()))
    return 0


def run_card(options: argparse.Namespace) -> int:
    """Write the card of a model folder; prints its path."""
    from ..training.runs.credits import learned_from, read_credits
    from ..training.runs.model_card import write_card

    more = None if options.recordings is None else read_credits(options.recordings, learned_from(options.recordings))
    tables = [] if options.table is None else [options.table.read_text(encoding="utf-8").strip()]
    say(str(write_card(options.folder, more=more, tables=tables)))
    return 0
