"""``train joint-space --data`` and ``train sgvg``: the joint space, the sound encoder and the walker from clips or sounds of one's own."""

import argparse
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config import check_choice
from ..config.aliases import current_choice
from ..presets import PRESET_NAMES
from .options import MAX_THREADS, number, use_threads, whole
from .progress import ProgressBar
from .stage_options import add_run, add_settings, run_policy, said_changes, stage_config
from .terminal import say, say_lines

if TYPE_CHECKING:
    from ..datasets import ClipData

_JOINT_SPACE_STEPS, _SGVG_STEPS = 3000, 5000
_ONTO = "bundled, a file of a joint space, open_clip:NAME@WEIGHTS (a tag in the cache, or a file) or open_clip:FOLDER"


def add_joint_space_data(parser: argparse.ArgumentParser) -> None:
    """The options that make ``train joint-space`` learn from clips."""
    group = parser.add_argument_group("with --data", "From clips of your own. The run is exact: killed and started again it ends with the same bits.")
    group.add_argument("--data", type=Path, default=None, metavar="DATA", help="learn from a prepared data set instead of the procedural world")
    group.add_argument("--onto", default=None, metavar="SPACE", help=f"teach F_a alone into a frozen space: {_ONTO}")
    add_settings(group)  # type: ignore[arg-type]
    add_run(group, _JOINT_SPACE_STEPS)  # type: ignore[arg-type]
    parser.set_defaults(steps=None)


def add_sgvg(stages: argparse._SubParsersAction) -> None:
    """Add ``train sgvg``."""
    words = "sound encoder and walker from clips, or the sound encoder from labelled sounds alone; the generator stays as it is"
    parser = stages.add_parser("sgvg", help=words, description=words[0].upper() + words[1:] + ".")
    parser.add_argument("--work", type=Path, required=True, metavar="DIR", help="the folder of states, logs and results")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, metavar="DATA", help="a prepared data set of clips")
    source.add_argument("--labelled-sounds", type=Path, metavar="DATA", help="a prepared data set of labelled sounds: through text, without video")
    parser.add_argument("--generator", type=Path, required=True, metavar="FILE", help="a generator of any known layout")
    parser.add_argument("--joint-space", default="bundled", metavar="SPACE",
                        help=f"model that scores images against words and sounds: {_ONTO} (default: bundled)")
    parser.add_argument("--preset", choices=PRESET_NAMES, default=None, help="sizes and steps (default: small)")
    _add_losses(parser)
    add_settings(parser)
    add_run(parser, _SGVG_STEPS)
    parser.add_argument("--minutes", type=number(above=True), default=None, metavar="M",
                        help="this call stops after M minutes; the same call resumes")
    parser.add_argument("--threads", type=whole(1, MAX_THREADS), default=None, metavar="N", help="threads (default: torch's own choice)")
    parser.set_defaults(run=run_sgvg, steps=None)


def _add_losses(parser: argparse.ArgumentParser) -> None:
    """The losses and the paper's ablations, as changes of settings."""
    group = parser.add_argument_group("losses and ablations (with --data)")
    group.add_argument("--gan-loss", choices=("lsgan", "logistic", "non_saturating"), default=None, help="Eq. 9's form (default: lsgan)")
    group.add_argument("--lambda-b", type=number(), default=None, metavar="X", help="weight of the spread in Eq. 3 (default: 0.1)")
    group.add_argument("--lambda-enc", type=number(), default=None, metavar="X", help="weight of L_enc in Eq. 9 (default: 2)")
    terms = ("sound_image", "sound_text", "spread", "video", "image")
    group.add_argument("--without", type=current_choice, choices=terms, action="append", default=[], help="switch a term off; may be given again")
    group.add_argument("--still", choices=("coarse", "mid", "fine"), action="append", default=[], help="a block that holds still; may be given again")
    group.add_argument("--no-recurrence", action="store_true", help="blocks remember nothing from step to step")


def _changes(options: argparse.Namespace) -> list[str]:
    """The options that are short for settings, before those of --set."""
    told = [f"{name}={getattr(options, name)}" for name in ("gan_loss", "lambda_b", "lambda_enc") if getattr(options, name, None) is not None]
    told += [f"terms.{term}=false" for term in getattr(options, "without", [])]
    still = getattr(options, "still", [])
    if still:
        told.append("blocks=[" + ",".join(f'"{name}"' for name in ("coarse", "mid", "fine") if name not in still) + "]")
    if getattr(options, "no_recurrence", False):
        told.append("recurrence=false")
    if options.steps is not None:
        told.append(f"num_steps={options.steps}")
    if getattr(options, "onto", None):
        told.append(f"onto={options.onto}")
    return [*told, *options.changes]


def _prepare(options: argparse.Namespace) -> None:
    """Check and set what all these commands share."""
    if options.preset is not None:
        check_choice("--preset", options.preset, PRESET_NAMES)
    use_threads(options.threads)
    options.changes = _changes(options)
    options.steps = options.steps or 1  # the settings say how many


def _minutes(options: argparse.Namespace) -> float | None:
    said = options.minutes
    return sum(said) if isinstance(said, tuple) else said


def run_joint_space(options: argparse.Namespace) -> int:
    """Train a joint space on clips, or resume; prints its path."""
    from ..datasets import ClipData  # here, so that other commands start at once
    from ..training.clips.joint_space import train_clip_joint_space
    from ..training.clips.joint_space_config import CLIP_JOINT_SPACE_PRESETS, JointSpaceWeights
    from ..training.runs.history import note_command
    from ..training.runs.ranks import joined_ranks

    _prepare(options)
    config = stage_config(options, CLIP_JOINT_SPACE_PRESETS, "small")
    if config.onto and config.weights == JointSpaceWeights():
        config = dataclasses.replace(config, weights=CLIP_JOINT_SPACE_PRESETS["paper"].weights)  # those of a sound tower alone
    with joined_ranks(options.device) as ranks, ProgressBar() as progress:
        data = ClipData.open(options.data)
        if ranks.is_first:
            options.work.mkdir(parents=True, exist_ok=True)
            said = {"data": "DATA", "onto": _public(config.onto), "preset": options.preset, "steps": config.num_steps}
            note_command(options.work, "joint-space", {**said, **said_changes(options)})
        policy = run_policy(options, _minutes(options))
        result = train_clip_joint_space(options.work, data, config, policy=policy, ranks=ranks, workers=options.readers, progress=progress)
        if ranks.is_first:
            say(str(result))
    return 0


def _public(space: str) -> str:
    """A space as the model card names it: without folders."""
    kind, sign, rest = space.partition(":")
    if not sign or kind != "open_clip":
        return Path(space).name
    name, at, weights = rest.partition("@")
    return f"open_clip:{Path(name).name}{at}{Path(weights).name if weights else ''}"


def run_sgvg(options: argparse.Namespace) -> int:
    """Train sound encoder and walker, or resume; prints where they lie."""
    from ..datasets import ClipData
    from ..training.runs.ranks import joined_ranks

    _prepare(options)
    if options.labelled_sounds is not None:
        return _fit(options, ClipData.open(options.labelled_sounds))
    with joined_ranks(options.device) as ranks, ProgressBar() as progress:
        _train(options, ClipData.open(options.data), ranks, progress)
    return 0


def _train(options: argparse.Namespace, data: "ClipData", ranks: Any, progress: ProgressBar) -> None:
    from ..assembly import load_generator
    from ..training.clips.export import inputs_of
    from ..training.clips.joint_space import open_space
    from ..training.clips.sgvg import train_clip_sgvg
    from ..training.clips.sgvg_config import CLIP_SGVG_PRESETS

    config = stage_config(options, CLIP_SGVG_PRESETS, "small")
    generator, space = load_generator(options.generator, ranks.device), open_space(options.joint_space)
    inputs = inputs_of(options.generator, options.joint_space)
    if ranks.is_first:
        _note(options, data, config.num_steps)
    policy = run_policy(options, _minutes(options))
    result = train_clip_sgvg(options.work, data, generator, space, config, inputs=inputs, policy=policy, ranks=ranks, workers=options.readers,
                             progress=progress)  # fmt: skip
    if ranks.is_first:
        say(str(result))


def _fit(options: argparse.Namespace, data: "ClipData") -> int:
    """From labelled sounds alone."""
    from ..assembly import load_generator
    from ..training.clips.joint_space import open_space
    from ..training.clips.labelled_sounds import LABELLED_SOUNDS_PRESETS, train_labelled_sounds

    settings = stage_config(options, LABELLED_SOUNDS_PRESETS, "small")
    generator, space = load_generator(options.generator, options.device), open_space(options.joint_space)
    _note(options, data, settings.num_steps)
    with ProgressBar() as progress:
        fit = train_labelled_sounds(options.work, data, generator, space.to(generator.w_avg.device), settings, progress=progress)
    for label, before, after in zip(fit.found.labels, fit.found.before.tolist(), fit.found.after.tolist(), strict=True):
        say(f"{label}: {after:.0%} of starts show it (without the offset {before:.0%})")
    say_lines(f"sounds told apart: {fit.agreement:.0%}\n{options.work}")
    return 0


def _note(options: argparse.Namespace, data: "ClipData", num_steps: int) -> None:
    """Remember, for the model card, what the run is made with and the command."""
    from ..training.clips.export import note_inputs
    from ..training.runs.history import note_command

    about = {"hash": data.hash, "labels": list(data.labels), "train": len(data.clips("train")), "test": len(data.clips("test"))}
    note_inputs(options.work, about, options.generator, options.joint_space, _public(options.joint_space))
    source = "labelled-sounds" if options.labelled_sounds is not None else "data"
    said = {source: "DATA", "generator": "FILE", "joint-space": _public(options.joint_space), "preset": options.preset, "steps": num_steps}
    note_command(options.work, "sgvg", {**said, **said_changes(options)})
