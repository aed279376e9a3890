"""``sync``: how well a video moves with its sound."""

import argparse

from ..curves.sync_score import score_sync
from ..media import local_file
from .options import number
from .progress import ProgressBar
from .terminal import say, say_json


def add_command(commands: argparse._SubParsersAction) -> None:
    """Add ``sync`` to the commands."""
    parser = commands.add_parser("sync", help="how well a video moves with its sound",
                                 description="By how much a video's picture lags behind its sound, and the correlation of the two then.")
    parser.add_argument("video", metavar="VIDEO", help="any video with sound, of this program or not")
    parser.add_argument("--max-lag", type=number(0.01, 30), default=1.0, metavar="SECONDS", help="lags tried either way (default: 1)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Score and print."""
    with ProgressBar() as progress:
        score = score_sync(local_file(options.video), max_lag=options.max_lag, progress=progress)
    if options.json:
        say_json({"lag_seconds": score.lag_seconds, "correlation": score.correlation})
        return 0
    side = "after" if score.lag_seconds > 0 else "before"
    when = "with the sound" if abs(score.lag_seconds) < 0.02 else f"{abs(score.lag_seconds):.3f} s {side} it"
    say(f"the picture moves {when}; correlation {score.correlation:.2f} with the sound's {score.against}")
    return 0
