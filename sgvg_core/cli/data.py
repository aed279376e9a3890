"""``data``: clips of one's own made ready for training, and looked at."""

import argparse
import os
from pathlib import Path

from ..datasets.options import FITS, LABELS_FROM, LAYOUTS, PrepareOptions
from .progress import ProgressBar


def add_command(commands: argparse._SubParsersAction) -> None:
    """Add ``data`` with ``prepare`` to the commands."""
    parser = commands.add_parser("data", help="clips of your own, made ready for training", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    _add_prepare(actions)


def _add_prepare(actions: argparse._SubParsersAction) -> None:
    usual = PrepareOptions()
    about = "Cut a folder of videos or sounds into shards that trainers read. Run it again after an interruption: it goes on."
    parser = actions.add_parser("prepare", help="a folder of clips into shards", description=about)
    parser.add_argument("source", metavar="SOURCE", help="a folder of videos or sounds, or world: for the procedural world")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DATA", help="the folder of the prepared data")
    parser.add_argument("--layout", choices=("auto", *LAYOUTS), default=usual.layout, help="how SOURCE is laid out (default: auto, found and said)")
    parser.add_argument("--labels", default=None, metavar="FILE.csv", help="a table of files and labels (default: the one in SOURCE, if it's clear)")
    words = "read labels from folders, from names before their number, or not at all (default: auto, by the layout)"
    parser.add_argument("--label-from", choices=LABELS_FROM, default=usual.label_from, help=words)
    words = "what in a file's name says the recording, such as '(?P<source>.+)_part'; clips of one recording stay on one side"
    parser.add_argument("--source-pattern", default=None, metavar="REGEX", help=words)
    parser.add_argument("--size", type=int, default=usual.size, metavar="PX", help=f"side of the frames (default: {usual.size})")
    parser.add_argument("--fit", choices=FITS, default=usual.fit, help="crop: the middle square; pad: all of it, black beside it (default: crop)")
    parser.add_argument("--fps", default=usual.fps, help=f"frames a second: 12, 29.97, 24000/1001 (default: {usual.fps})")
    parser.add_argument("--sample-rate", type=int, default=usual.sample_rate, metavar="HZ", help=f"of the sound (default: {usual.sample_rate})")
    parser.add_argument("--seconds", type=float, default=usual.seconds, metavar="S",
                        help=f"longest clip; longer recordings are cut (default: {usual.seconds:g})")
    parser.add_argument("--shortest", type=float, default=None, metavar="S",
                        help=f"leave out shorter ones (default: {usual.shortest:g}, or half of --seconds if that's less)")
    parser.add_argument("--quality", type=int, default=usual.quality, metavar="Q", help=f"of the frames' JPEGs (default: {usual.quality})")
    parser.add_argument("--test-share", type=float, default=usual.test_share, metavar="X", help=f"share of the test (default: {usual.test_share:g})")
    parser.add_argument("--seed", type=int, default=usual.seed, help="of the split, and of the procedural world (default: 0)")
    parser.add_argument("--clips", type=int, default=usual.num_clips, metavar="N", help=f"of the procedural world (default: {usual.num_clips})")
    parser.add_argument("--workers", type=int, default=None, metavar="N", help="processes (default: one a core); the result is the same")
    parser.set_defaults(run=run_prepare)


def run_prepare(options: argparse.Namespace) -> int:
    """Prepare and say what came of it."""
    from ..datasets import prepare  # here, so that other commands start at once

    shortest = min(PrepareOptions().shortest, options.seconds / 2) if options.shortest is None else options.shortest
    wanted = PrepareOptions(
        layout=options.layout, size=options.size, fit=options.fit, fps=options.fps, sample_rate=options.sample_rate, seconds=options.seconds,
        shortest=shortest, quality=options.quality, test_share=options.test_share, seed=options.seed, source_pattern=options.source_pattern,
        labels_csv=options.labels, label_from=options.label_from, num_clips=options.clips)
    with ProgressBar() as progress:
        data = prepare(options.source, options.output, wanted, workers=options.workers or os.cpu_count() or 1, progress=progress, said=print)
    train, test = data.clips("train"), data.clips("test")
    print(f"{options.output}: {len(train)} clips to train, {len(test)} to test, {sum(clip.seconds for clip in data.clips()) / 60:.1f} min, "
          f"{len(data.labels)} labels")
    left_out = int(data.about.get("num_left_out", 0))
    if left_out:
        print(f"{left_out} left out, each with its reason in {options.output / 'report.json'}")
    return 0
