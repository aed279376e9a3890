"""``listen``: what the joint space hears in a sound."""

import argparse

from ..assembly import load_model
from ..generation import classify_sound
from .options import add_model, add_sound, print_notes, sound_of
from .progress import ProgressBar
from .terminal import say, say_json


def add_command(commands: argparse._SubParsersAction) -> None:
    """Add ``listen`` to the commands."""
    parser = commands.add_parser("listen", help="label a sound",
                                 description="Scores a sound against the scenes, or words of yours, with the joint space.")
    add_sound(parser)
    add_model(parser)
    parser.add_argument("--labels", default="", metavar="A,B,C", help="words to choose among (default: the model's own scenes)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Listen and print."""
    labels = tuple(text.strip() for text in options.labels.split(",") if text.strip())
    with ProgressBar() as progress:
        analysed = classify_sound(load_model(options.model, options.device), sound_of(options), labels, progress)
    print_notes(analysed.notes)
    if options.json:
        say_json(analysed.to_dict())
        return 0
    if not analysed.sure:
        say(f"not sure: no scene is clear ({analysed.labels[0].text} comes nearest)")
    for label in analysed.labels:
        say(f"{label.probability:6.1%}  {label.text}  (score {label.score:.3f})")
    for segment in analysed.segments:
        named = segment.labels[0].text if segment.sure else f"not sure ({segment.labels[0].text})"
        say(f"{segment.start:7.1f} - {segment.end:5.1f} s  {named}  {segment.labels[0].probability:.0%}")
    return 0
