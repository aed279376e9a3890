"""``train ablations``: the paper's ablation of its losses in one command, a training without each term and one table of all."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from ..atomic_files import atomic_write
from ..errors import TrainingError
from ..presets import PRESET_NAMES
from ..randomness import MAX_SEED
from .options import MAX_THREADS, number, use_threads, whole
from .progress import ProgressBar
from .stage_options import MAX_READERS, add_settings, run_policy, stage_config
from .terminal import say_json, say_lines

if TYPE_CHECKING:
    from ..assembly import AnyJointSpace, SoundModel
    from ..synthesis import Generator
    from ..training.clips.loss_ablations import Variant

SEEN = "seen"
"""In the work folder: what was seen of each film."""
TABLE = "table"


def add_ablations(stages: argparse._SubParsersAction) -> None:
    """Add ``train ablations``."""
    words = "the paper's losses, each left out in turn: as many trainings from the same start, and one table of their films"
    parser = stages.add_parser("ablations", help=words, description=words[0].upper() + words[1:] + ".")
    parser.add_argument("--work", type=Path, required=True, metavar="DIR", help="a folder for all of them; the same call resumes")
    parser.add_argument("--data", type=Path, required=True, metavar="DATA", help="a prepared data set of clips, with a test split")
    parser.add_argument("--generator", type=Path, required=True, metavar="FILE", help="a generator of any known layout")
    parser.add_argument("--joint-space", default="bundled", metavar="SPACE",
                        help="model that scores images against words and sounds, as for `train sgvg` (default: bundled)")
    parser.add_argument("--preset", choices=PRESET_NAMES, default=None, help="sizes and steps (default: small)")
    parser.add_argument("--steps", type=whole(1), default=None, metavar="N", help="steps of each training (default: the preset's)")
    add_settings(parser)
    parser.add_argument("--clips", type=whole(1), default=180, metavar="N", help="films a row, of the data's test clips (default: 180)")
    parser.add_argument("--seconds", type=number(0.05, 3600), default=4.0, metavar="S", help="length of each film (default: 4)")
    parser.add_argument("--seed", type=whole(0, MAX_SEED), default=0, metavar="N",
                        help="of the clips and start latents that are measured (default: 0)")
    words = "a judge that knows the labels (default: the bundled one, where it does)"
    parser.add_argument("--judge", type=Path, default=None, metavar="FILE", help=words)
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (default: auto)")
    parser.add_argument("--readers", type=whole(0, MAX_READERS), default=2, metavar="N", help="threads that read data ahead (default: 2)")
    parser.add_argument("--save-minutes", type=number(), default=5.0, metavar="M", help="a checkpoint every M minutes (default: 5)")
    parser.add_argument("--threads", type=whole(1, MAX_THREADS), default=None, metavar="N", help="threads (default: torch's own choice)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run_ablations, log_every=20, sheet_every=0, keep_last=1, keep_every=0, tensorboard=False)


def run_ablations(options: argparse.Namespace) -> int:
    """Train every variant, measure them together, print the table and keep it in their folder."""
    from ..assembly import BUNDLED, load_generator, load_judge
    from ..datasets import ClipData
    from ..devices import to_device
    from ..evaluation.paper import Instruments, PreparedSource, format_paper_table, paper_tables
    from ..training.clips.export import inputs_of
    from ..training.clips.joint_space import open_space
    from ..training.clips.loss_ablations import train_loss_ablations
    from ..training.clips.sgvg_config import CLIP_SGVG_PRESETS

    use_threads(options.threads)
    if options.steps is not None:
        options.changes = [f"num_steps={options.steps}", *options.changes]
    config = stage_config(options, CLIP_SGVG_PRESETS, "small")
    policy = run_policy(options, None, config.num_steps)
    data = ClipData.open(options.data)
    source = PreparedSource(data, options.clips, options.seed, options.seconds)  # before hours of training: its errors are known now
    device = to_device(options.device)
    generator, space = load_generator(options.generator, device), open_space(options.joint_space).to(device)
    inputs = inputs_of(options.generator, options.joint_space)
    judge = load_judge(options.judge or BUNDLED / "judge.safetensors", device)
    with ProgressBar() as progress:
        variants = train_loss_ablations(
            options.work, data, generator, space, config, inputs=inputs, policy=policy, workers=options.readers, progress=progress
        )
        first, *others = (_model_of(variant, generator, space) for variant in variants)
        (table,) = paper_tables(
            first, source, Instruments(judge=judge), which="models", ablations={model.name: model for model in others}, seed=options.seed,
            keep=options.work / SEEN, progress=progress,
        )  # fmt: skip
    said = {"seed": options.seed, "steps": config.num_steps, "data": data.hash, "table": table.to_dict()}
    words = format_paper_table(table)
    for ending, text in (("json", json.dumps(said, indent=1, ensure_ascii=False)), ("md", words)):
        with atomic_write(options.work / f"{TABLE}.{ending}", TrainingError) as part:
            part.write_text(text + "\n", encoding="utf-8")
    if options.json:
        say_json(said)
    else:
        say_lines(words)
    return 0


def _model_of(variant: "Variant", generator: "Generator", space: "AnyJointSpace") -> "SoundModel":
    """A variant's sound encoder and walker around the generator and the joint space that all share."""
    from ..assembly import SoundModel, load_sound_encoder, load_walker
    from ..training.clips.loss_ablations import PARTS

    encoder_file, walker_file = (variant.folder / name for name in PARTS)
    encoder, mel = load_sound_encoder(encoder_file)
    walker = load_walker(walker_file)
    return SoundModel(variant.name, generator, encoder, walker=walker, mel=mel, joint_space=space, device=generator.w_avg.device).checked()
