"""``data``: clips of one's own made ready for training, and looked at."""

import argparse
import os
from pathlib import Path
from typing import Any

from ..datasets.options import FITS, LABELS_FROM, LAYOUTS, PrepareOptions
from .options import add_reading, number, whole
from .progress import ProgressBar
from .terminal import say, say_json, say_lines

_MOST_WORKERS = 16
"""Each needs about 300 MB of memory."""


def add_command(commands: argparse._SubParsersAction) -> None:
    """Add ``data`` with ``prepare`` and ``inspect`` to the commands."""
    parser = commands.add_parser("data", help="clips of your own, made ready for training", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    _add_prepare(actions)
    _add_inspect(actions)


def _add_prepare(actions: argparse._SubParsersAction) -> None:
    usual = PrepareOptions()
    about = "Cut a folder of videos or sounds into shards that trainers read. Run it again after an interruption: it resumes."
    parser = actions.add_parser("prepare", help="a folder of clips into shards", description=about)
    parser.add_argument("source", metavar="SOURCE", help="a folder of videos or sounds, or world: for the procedural world")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DATA", help="the folder of the prepared data")
    parser.add_argument("--layout", choices=("auto", *LAYOUTS), default=usual.layout, help="how SOURCE is laid out (default: auto, found and said)")
    parser.add_argument("--labels", default=None, metavar="FILE.csv", help="a table of files and labels (default: the one in SOURCE, if it's clear)")
    words = "read labels from folders, from names before their number, or not at all (default: auto, by the layout)"
    parser.add_argument("--label-from", choices=LABELS_FROM, default=usual.label_from, help=words)
    words = "what in a file's name says the recording, such as '(?P<source>.+)_part'; clips of one recording stay on one side"
    parser.add_argument("--source-pattern", default=None, metavar="REGEX", help=words)
    parser.add_argument("--size", type=whole(), default=usual.size, metavar="PX", help=f"side of the frames (default: {usual.size})")
    parser.add_argument("--fit", choices=FITS, default=usual.fit, help="crop: the middle square; pad: all of it, with black bars (default: crop)")
    parser.add_argument("--fps", default=usual.fps, help=f"frames a second: 12, 29.97, 24000/1001 (default: {usual.fps})")
    parser.add_argument("--sample-rate", type=whole(), default=usual.sample_rate, metavar="HZ", help=f"of the sound (default: {usual.sample_rate})")
    parser.add_argument("--seconds", type=number(), default=usual.seconds, metavar="S",
                        help=f"longest clip; longer recordings are cut (default: {usual.seconds:g})")
    parser.add_argument("--shortest", type=number(), default=None, metavar="S",
                        help=f"leave out shorter ones (default: {usual.shortest:g}, or half of --seconds if that's less)")
    parser.add_argument("--quality", type=whole(), default=usual.quality, metavar="Q", help=f"of the frames' JPEGs (default: {usual.quality})")
    parser.add_argument("--test-share", type=number(), default=usual.test_share, metavar="X",
                        help=f"share of the test (default: {usual.test_share:g})")
    parser.add_argument("--seed", type=whole(0, 2**63 - 1), default=usual.seed, help="of the split, and of the procedural world (default: 0)")
    parser.add_argument("--clips", type=whole(), default=usual.num_clips, metavar="N", help=f"of the procedural world (default: {usual.num_clips})")
    add_reading(parser)
    words = f"processes (default: one a core, up to {_MOST_WORKERS}); the result is the same"
    parser.add_argument("--workers", type=whole(), default=None, metavar="N", help=words)
    parser.set_defaults(run=run_prepare)


def _add_inspect(actions: argparse._SubParsersAction) -> None:
    about = "What is in prepared data: counts, lengths, loudness, what was left out; and a sheet of frames and mel pictures to look at."
    parser = actions.add_parser("inspect", help="what is in prepared data", description=about)
    parser.add_argument("data", metavar="DATA", type=Path, help="a folder that `data prepare` made")
    parser.add_argument("-o", "--output", type=Path, default=None, metavar="PICTURE",
                        help="write a sheet to look at, a row a label: .png, .jpg or .webp")
    parser.add_argument("--verify", action="store_true", help="read every clip and hold it against its hash")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run_inspect)


def run_prepare(options: argparse.Namespace) -> int:
    """Prepare and say what came of it."""
    from ..datasets import prepare  # here, so that other commands start at once

    shortest = min(PrepareOptions().shortest, options.seconds / 2) if options.shortest is None else options.shortest
    wanted = PrepareOptions(
        layout=options.layout, size=options.size, fit=options.fit, fps=options.fps, sample_rate=options.sample_rate, seconds=options.seconds,
        shortest=shortest, quality=options.quality, test_share=options.test_share, seed=options.seed, source_pattern=options.source_pattern,
        labels_csv=options.labels, label_from=options.label_from, num_clips=options.clips, track=options.track, strict=options.strict or None)
    workers = options.workers or min(_MOST_WORKERS, os.cpu_count() or 1)
    with ProgressBar() as progress:
        data = prepare(options.source, options.output, wanted, workers=workers, progress=progress, said=say)
    train, test = data.clips("train"), data.clips("test")
    say(f"{options.output}: {len(train)} clips to train, {len(test)} to test, {sum(clip.seconds for clip in data.clips()) / 60:.1f} min, "
        f"{len(data.labels)} labels")
    left_out = int(data.about.get("num_left_out", 0))
    if left_out:
        say(f"{left_out} left out, each with its reason in {options.output / 'report.json'}")
    return 0


def run_inspect(options: argparse.Namespace) -> int:
    """Print what is there, and write the sheet."""
    from ..datasets import ClipData, data_sheet, inspect_data, verify_data
    from ..media import checked_image, save_image

    if options.output is not None:
        checked_image(options.output)
    data = ClipData.open(options.data)
    found = inspect_data(data)
    with ProgressBar() as progress:
        if options.verify:
            found["verified"] = verify_data(data, progress)
        sheet = None if options.output is None else data_sheet(data, progress)
    if sheet is not None:
        save_image(options.output, sheet)
    if options.json:
        say_json(found)
        return 0
    say_lines(format_found(found))
    if sheet is not None:
        say(f"sheet: {options.output}")
    return 0


def format_found(found: dict[str, Any]) -> str:
    """The numbers of a data set as text: a head, a row a label, and what was left out."""
    frames = f"{found['size']} px at {found['fps']} frames a second" if found["size"] else "sounds alone"
    about = found["made_from"]
    lines = [f"{found['folder']}: {found['clips']} clips, {frames}, sound at {found['sample_rate']} Hz",
             f"layout {about.get('layout')}; labels: {about.get('labels')}; recordings by "
             + ", ".join(f"{rule} ({count})" for rule, count in about.get("recordings", {}).items()), f"hash {found['hash']}", ""]
    width = max(5, *(len(label) for label in found["labels"])) if found["labels"] else 5
    lines.append(f"{'label':<{width}}  {'train':>6} {'of':>5}  {'test':>6} {'of':>5}   {'seconds':<18} dB RMS")
    rows = {label or "(none)": numbers for label, numbers in found["labels"].items()}
    if len(rows) > 1:
        rows["all"] = found["all"]
    for label, numbers in rows.items():
        train, test, seconds, loudness = (numbers[name] for name in ("train", "test", "seconds", "rms_db"))
        long = f"{seconds['median']:.1f} ({seconds['least']:.1f} to {seconds['most']:.1f})"
        loud = f"{loudness['median']:.0f} ({loudness['least']:.0f} to {loudness['most']:.0f})"
        sides = f"{train['clips']:>6} {train['recordings']:>5}  {test['clips']:>6} {test['recordings']:>5}"
        lines.append(f"{label:<{width}}  {sides}   {long:<18} {loud}")
    lines += ["", "clips and recordings; length and loudness (root mean square below full scale): median (least to most)"]
    if found["left_out"]["number"]:
        lines.append(f"left out: {found['left_out']['number']}: " + ", ".join(f"{why} ({n})" for why, n in found["left_out"]["reasons"].items()))
    lines += [f"the same file under two names, so one recording: {', '.join(names)}" for names in found["same_file_twice"][:5]]
    if "verified" in found:
        lines.append(f"verified: all {found['verified']} clips are what was prepared")
    return "\n".join(lines)
