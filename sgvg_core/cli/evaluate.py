"""``evaluate``: the table of how well the picture means the sound, the paper's tables, and its user study."""

import argparse
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..assembly import BUNDLED, SoundModel, load_image_encoder, load_judge, load_model
from ..atomic_files import check_folder_name, checked_target
from ..datasets import ClipData
from ..errors import ConfigError
from ..evaluation.judged import (
    ROWS,
    SPACES,
    editing_table,
    evaluate,
    format_editing,
    long_walk,
    make_editing_sheets,
    make_sheets,
)
from ..evaluation.networks import load_i3d
from ..evaluation.paper import (
    TABLES,
    ClipSource,
    Instruments,
    PreparedSource,
    WorldSource,
    format_paper_table,
    paper_tables,
)
from ..evaluation.study import format_study, make_study, study_means
from ..judge import Judge
from ..media import save_png
from ..perceptual import load_lpips
from ..randomness import MAX_SEED
from ..walker import DEFAULT_PULL
from .options import add_model, number, whole
from .progress import ProgressBar
from .terminal import say, say_json, say_lines


def add_command(commands: argparse._SubParsersAction) -> None:
    """Add ``evaluate`` to the commands."""
    parser = commands.add_parser("evaluate", help="how well the picture means the sound", description="The judge's table over held-out sounds.")
    parser.add_argument("--clips", type=whole(1, 1_000_000), default=180, help="number of held-out sounds (default: 180)")
    parser.add_argument("--seed", type=whole(0, MAX_SEED), default=0, help="another seed: other sounds and start latents (default: 0)")
    parser.add_argument("--seconds", type=number(0.05, 3600), default=4.0, help="length of each sound (default: 4)")
    parser.add_argument("--size", type=whole(16, 4096), default=None,
                        help="side in pixels of the pictures that the judge's table and --long look at (default: the generator's own)")
    add_model(parser)
    parser.add_argument("--sheets", type=Path, default=None, metavar="FOLDER", help="only write sheets to look at into this folder")
    parser.add_argument("--long", type=whole(1, 1440), default=None, metavar="MINUTES", help="only measure one long walk, minute by minute")
    parser.add_argument("--pull", type=number(0, 100), default=DEFAULT_PULL, metavar="P",
                        help=f"pull of the long walk, per second (default: {DEFAULT_PULL})")
    words = f"only these rows, out of {', '.join(ROWS)} (default: all)"
    parser.add_argument("--rows", type=lambda text: tuple(text.split(",")), default=tuple(ROWS), metavar="ROW[,ROW...]", help=words)
    parser.add_argument("--json", action="store_true", help="print JSON")
    _add_paper(parser)
    _add_study(parser)
    parser.set_defaults(run=run)


def _add_study(parser: argparse.ArgumentParser) -> None:
    """The user study."""
    study = parser.add_argument_group("the user study", "the paper's Fig. 8: one page that people open in a browser, and what they answered")
    study.add_argument("--study", type=Path, default=None, metavar="FOLDER", help="only write the study's page into this new folder")
    study.add_argument("--study-sounds", type=whole(1, 10_000), default=9, metavar="N", help="sounds that it asks about (default: 9, one a scene)")
    words = "only print means and intervals of the files that people downloaded from the page"
    study.add_argument("--study-answers", type=Path, nargs="+", default=None, metavar="FILE", help=words)


def _add_paper(parser: argparse.ArgumentParser) -> None:
    """The paper's tables."""
    paper = parser.add_argument_group("the paper's tables", "with baselines and intervals; docs/evaluation.md says what each figure is")
    words = ("2: FVD, IS; 3a: cosines, and the judge's; 3b: inversion; 3: both; models: the model and those of --ablation; editing: edits and "
             "inversions, by the judge (not the paper's)")
    paper.add_argument("--table", choices=(*TABLES, "editing"), default=None, help=words)
    paper.add_argument("--starts", type=whole(1, 900), default=9, metavar="N", help="of table editing: pictures that are edited (default: 9)")
    paper.add_argument("--images", type=whole(0, 900), default=9, metavar="N", help="of table editing: images inverted into each space (default: 9)")
    words = f"of table editing: only these spaces, out of {', '.join(SPACES)} (default: all)"
    paper.add_argument("--spaces", type=lambda text: tuple(text.split(",")), default=SPACES, metavar="SPACE[,SPACE]", help=words)
    paper.add_argument("--data", type=Path, default=None, metavar="DATA", help="measure on the test split of a prepared data set, not on the world")
    paper.add_argument("--i3d", type=Path, default=None, metavar="FILE", help="weights of I3D (Kinetics) for FVD and IS, a state dict")
    words = "the published LPIPS for table 3b: torchvision's AlexNet or VGG-16, and the linear weights of the lpips package"
    paper.add_argument("--lpips", type=Path, nargs=2, default=None, metavar=("BACKBONE", "LINEAR"), help=words)
    paper.add_argument("--image-encoder", type=Path, default=None, metavar="FILE", help="a row of table 3b: pSp, e4e or ReStyle for this generator")
    words = "a row of the ablations: a model that was trained without something; may be given again and again"
    paper.add_argument("--ablation", type=_ablation, action="append", default=[], metavar="NAME=FOLDER", help=words)
    words = "keep what was seen of each film here (features, no frames): a run that was stopped resumes, other tables are quick"
    paper.add_argument("--keep", type=Path, default=None, metavar="FOLDER", help=words)


def _ablation(text: str) -> tuple[str, Path]:
    name, _, folder = text.partition("=")
    if not re.fullmatch(r"[\w+.-]{1,40}", name) or not folder:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected NAME=FOLDER with a NAME of letters, digits, dots and dashes")
    return name, Path(folder)


def run(options: argparse.Namespace) -> int:
    """Evaluate and print."""
    if options.study_answers is not None:
        found = study_means(options.study_answers, options.seed)
        _print(options, found, format_study)
        return 0
    _check_outputs(options)
    model = load_model(options.model, options.device)
    if options.study is not None:
        with ProgressBar() as progress:
            page = make_study(model, _source(options), options.study, num_sounds=options.study_sounds, progress=progress)
        say(str(page))
        return 0
    if options.sheets is not None:
        return _write_sheets(model, options)
    if options.table == "editing":
        return _print_editing(options, model)
    if options.table is not None or options.data is not None:
        return _print_paper(options, model)
    judge = load_judge((options.model or BUNDLED) / "judge.safetensors")
    if options.long is not None:
        with ProgressBar() as progress:
            found = long_walk(model, judge, minutes=options.long, pull=options.pull, size=options.size, progress=progress)
        say_json(found, indent=None if options.json else 1)
        return 0
    with ProgressBar() as progress:
        table = evaluate(
            model, judge, num_clips=options.clips, seed=options.seed, seconds=options.seconds, rows=options.rows, size=options.size, progress=progress
        )
    _print(options, table, format_table)
    return 0


def _print_editing(options: argparse.Namespace, model: SoundModel) -> int:
    """Measure and print the editing table."""
    judge = load_judge((options.model or BUNDLED) / "judge.safetensors")
    with ProgressBar() as progress:
        table = editing_table(model, judge, seed=options.seed, num_starts=options.starts, num_images=options.images,
                              spaces=options.spaces if options.images else (), progress=progress)
    _print(options, table, format_editing)
    return 0


def _print(options: argparse.Namespace, found: Any, in_words: Callable[[Any], str]) -> None:
    if options.json:
        say_json(found)
    else:
        say_lines(in_words(found))


def _check_outputs(options: argparse.Namespace) -> None:
    """Raise ConfigError where the folder that is to be written can't be: before any film is made."""
    for folder in filter(None, (options.study, options.sheets, options.keep)):
        checked_target(folder / "x", ConfigError) if folder.is_dir() else check_folder_name(folder, ConfigError)
    if options.study is not None and options.study.is_dir() and any(options.study.iterdir()):
        raise ConfigError(f"{options.study}: there's something in this folder already; choose a new one for the study")


def _print_paper(options: argparse.Namespace, model: SoundModel) -> int:
    """Measure and print the paper's tables."""
    named = dict(options.ablation)
    if len(named) < len(options.ablation):
        raise ConfigError(f"--ablation: got {', '.join(name for name, _ in options.ablation)}, expected every name once")
    ablations = {name: load_model(folder, options.device) for name, folder in named.items()}
    instruments = Instruments(
        judge=_judge_of(options),
        i3d=load_i3d(options.i3d) if options.i3d else None,
        lpips=load_lpips(*options.lpips).to(model.device) if options.lpips else None,
        image_encoder=load_image_encoder(options.image_encoder, options.device, w_avg=model.generator.w_avg) if options.image_encoder else None,
    )
    which = options.table or "all"
    with ProgressBar() as progress:
        tables = paper_tables(
            model, _source(options), instruments, which=which, ablations=ablations, seed=options.seed, keep=options.keep, progress=progress
        )
    if options.json:
        say_json({"model": model.name, "seed": options.seed, "tables": {table.key: table.to_dict() for table in tables}})
    else:
        say_lines("\n\n".join(format_paper_table(table) for table in tables))
    return 0


def _source(options: argparse.Namespace) -> ClipSource:
    """The clips to measure on."""
    if options.data is not None:
        return PreparedSource(ClipData.open(options.data), options.clips, options.seed, options.seconds)
    return WorldSource(options.clips, options.seed, options.seconds, fps=12.0)


def _judge_of(options: argparse.Namespace) -> Judge | None:
    """The model's judge, if it has one; on the world a model without takes the bundled one."""
    path = (options.model or BUNDLED) / "judge.safetensors"
    if not path.exists() and options.data is None:
        path = BUNDLED / "judge.safetensors"
    return load_judge(path, options.device) if path.exists() else None


def _write_sheets(model: SoundModel, options: argparse.Namespace) -> int:
    """Write every sheet as a PNG and print where; with --table editing those of edits."""
    folder = options.sheets
    folder.mkdir(parents=True, exist_ok=True)
    with ProgressBar() as progress:
        if options.table == "editing":
            judge = load_judge((options.model or BUNDLED) / "judge.safetensors")
            sheets = make_editing_sheets(model, judge, options.seed, progress)
        else:
            sheets = make_sheets(model, options.seed, progress)
    for name, sheet in sheets.items():
        save_png(folder / f"{name}.png", sheet)
        say(str(folder / f"{name}.png"))
    return 0


def format_table(table: dict[str, Any]) -> str:
    """The rows as a Markdown table."""
    lines = [
        "| films | clips | class agreement | envelope correlation | lag, s | right after, s | fine detail | Frechet |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in table["rows"]:
        (a, b), (c, d) = row["interval"]["class_agreement"], row["interval"]["envelope_correlation"]
        right_after = "-" if row["seconds_until_right"] is None else f"{row['seconds_until_right']:.2f}"
        lines.append(
            f"| {row['name']} | {row['num_clips']} | {row['class_agreement']:.1%} ({a:.1%} to {b:.1%}) | {row['envelope_correlation']:.2f} "
            f"({c:.2f} to {d:.2f}) | {row['lag_seconds']:.2f} | {right_after} | {row['fine_detail']:.2f} | {row['frechet_distance']:.2f} |"
        )
    lines += ["", "| scene | " + " | ".join(row["name"] for row in table["rows"]) + " |", "|---" * (1 + len(table["rows"])) + "|"]
    for label in table["rows"][0]["per_class"]:
        own = [row["per_class"][label] for row in table["rows"]]
        cells = [f"{one['class_agreement']:.2f} / {one['envelope_correlation']:.2f} / {one['fine_detail']:.2f}" for one in own]
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", "By scene: class agreement / envelope correlation / fine detail."])
