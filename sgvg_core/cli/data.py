"""``data``: clips of one's own made ready for training, and looked at."""

import argparse
import os
from pathlib import Path

from .progress import ProgressBar


def add_command(commands: argparse._SubParsersAction) -> None:
    """Add ``data`` with ``prepare`` to the commands."""
    parser = commands.add_parser("data", help="clips of your own, made ready for training", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    _add_prepare(actions)


def _add_prepare(actions: argparse._SubParsersAction) -> None:
    from ..datasets.options import FITS, LAYOUTS, PrepareOptions  # here, so that other commands start at once

    usual = PrepareOptions()
    parser = actions.add_parser("prepare", help="a folder of clips into shards", description="Cut a folder of clips into shards that trainers read.")
    parser.add_argument("source", metavar="SOURCE", help="a folder of videos or sounds, or world: for the procedural world")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DATA", help="the folder of the prepared data")
    parser.add_argument("--layout", choices=("auto", *LAYOUTS), default=usual.layout, help="how SOURCE is laid out (default: auto, found and said)")
    parser.add_argument("--size", type=int, default=usual.size, metavar="PX", help=f"side of the frames (default: {usual.size})")
    parser.add_argument("--fit", choices=FITS, default=usual.fit, help="crop: the middle square; pad: all of it, black beside it (default: crop)")
    parser.add_argument("--fps", default=usual.fps, help=f"frames a second: 12, 29.97, 24000/1001 (default: {usual.fps})")
    parser.add_argument("--sample-rate", type=int, default=usual.sample_rate, metavar="HZ", help=f"of the sound (default: {usual.sample_rate})")
    parser.add_argument("--seconds", type=float, default=usual.seconds, metavar="S", help=f"longest clip (default: {usual.seconds:g})")
    parser.add_argument("--shortest", type=float, default=usual.shortest, metavar="S", help=f"leave out shorter ones (default: {usual.shortest:g})")
    parser.add_argument("--quality", type=int, default=usual.quality, metavar="Q", help=f"of the frames' JPEGs (default: {usual.quality})")
    parser.add_argument("--test-share", type=float, default=usual.test_share, metavar="X", help=f"share of the test (default: {usual.test_share:g})")
    parser.add_argument("--seed", type=int, default=usual.seed, help="of the split, and of the procedural world (default: 0)")
    parser.add_argument("--clips", type=int, default=usual.num_clips, metavar="N", help=f"of the procedural world (default: {usual.num_clips})")
    parser.add_argument("--workers", type=int, default=None, metavar="N", help="processes (default: one a core)")
    parser.set_defaults(run=run_prepare)


def run_prepare(options: argparse.Namespace) -> int:
    """Prepare and say what came of it."""
    from ..datasets import PrepareOptions, prepare

    wanted = PrepareOptions(
        layout=options.layout, size=options.size, fit=options.fit, fps=options.fps, sample_rate=options.sample_rate, seconds=options.seconds,
        shortest=options.shortest, quality=options.quality, test_share=options.test_share, seed=options.seed, num_clips=options.clips)
    with ProgressBar() as progress:
        data = prepare(options.source, options.output, wanted, workers=options.workers or os.cpu_count() or 1, progress=progress)
    print(f"{options.output}: {len(data.clips('train'))} clips to train, {len(data.clips('test'))} to test")
    return 0
