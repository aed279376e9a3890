"""``evaluate``: the table of how well the picture means the sound."""

import argparse
import json
from pathlib import Path
from typing import Any

from ..assembly import BUNDLED, SoundModel, load_judge, load_model
from ..evaluation import ROWS, evaluate, long_walk, make_sheets
from ..media import save_png
from ..walker import DEFAULT_PULL
from .options import add_model
from .progress import ProgressBar


def add_command(commands: argparse._SubParsersAction) -> None:
    """Add ``evaluate`` to the commands."""
    parser = commands.add_parser("evaluate", help="how well the picture means the sound", description="The judge's table over held-out sounds.")
    parser.add_argument("--clips", type=int, default=180, help="number of held-out sounds (default: 180)")
    parser.add_argument("--seed", type=int, default=0, help="another seed: other sounds and start latents (default: 0)")
    parser.add_argument("--seconds", type=float, default=4.0, help="length of each sound (default: 4)")
    add_model(parser)
    parser.add_argument("--sheets", type=Path, default=None, metavar="FOLDER", help="only write sheets to look at into this folder")
    parser.add_argument("--long", type=int, default=None, metavar="MINUTES", help="only measure one long walk, minute by minute")
    parser.add_argument("--pull", type=float, default=DEFAULT_PULL, metavar="P", help=f"pull of the long walk, per second (default: {DEFAULT_PULL})")
    words = f"only these rows, out of {', '.join(ROWS)} (default: all)"
    parser.add_argument("--rows", type=lambda text: tuple(text.split(",")), default=tuple(ROWS), metavar="ROW[,ROW...]", help=words)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Evaluate and print."""
    model = load_model(options.model, options.device)
    if options.sheets is not None:
        return _write_sheets(model, options.sheets)
    judge = load_judge((options.model or BUNDLED) / "judge.safetensors")
    if options.long is not None:
        with ProgressBar() as progress:
            found = long_walk(model, judge, minutes=options.long, pull=options.pull, progress=progress)
        print(json.dumps(found, indent=None if options.json else 1))
        return 0
    with ProgressBar() as progress:
        table = evaluate(
            model, judge, num_clips=options.clips, seed=options.seed, seconds=options.seconds, rows=options.rows, progress=progress
        )
    print(json.dumps(table, ensure_ascii=False) if options.json else format_table(table))
    return 0


def _write_sheets(model: SoundModel, folder: Path) -> int:
    """Write every sheet as a PNG and print where."""
    folder.mkdir(parents=True, exist_ok=True)
    with ProgressBar() as progress:
        sheets = make_sheets(model, progress)
    for name, sheet in sheets.items():
        save_png(folder / f"{name}.png", sheet)
        print(folder / f"{name}.png")
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
