"""Options that several commands share, and their words."""

import argparse
import math
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ConfigError, shown
from ..latents import GROUPS
from ..randomness import MAX_SEED
from .terminal import say

if TYPE_CHECKING:
    from ..generation import Sound

LABEL_SAYS = "the class of a conditional generator, or a mix such as 3:0.7,5:0.3 (default: {})"


_MOST = 2**31 - 1
MAX_THREADS = 1024
_MOST_SECONDS = 1e8


def whole(least: int = 0, most: int = _MOST) -> Callable[[str], int]:
    """A reader of options: a whole number from `least` to `most`, refused in words that name both."""

    def read(text: str) -> int:
        try:
            value = int(text) if len(text) <= 100 else None
        except ValueError:
            value = None
        if value is None or not least <= value <= most:
            raise argparse.ArgumentTypeError(f"got '{shown(text, 40)}', expected a whole number from {least} to {most}")
        return value

    return read


def number(least: float = 0.0, most: float = _MOST_SECONDS, *, above: bool = False) -> Callable[[str], float]:
    """A reader of options: a number from `least` to `most`, refused in words that name both; with `above`, `least` itself isn't taken."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not least <= value <= most or (above and value == least):
            low = f"above {least:g}, up" if above else f"from {least:g}"
            raise argparse.ArgumentTypeError(f"got '{shown(text, 40)}', expected a number {low} to {most:g}")
        return value

    return read


read_seed = whole(-(2**63), MAX_SEED)


def add_sound(parser: argparse.ArgumentParser) -> None:
    """The sound file with its start and length, and the model."""
    parser.add_argument("sound", metavar="SOUND", help="any sound file, or a video with sound; - reads standard input")
    parser.add_argument("--start", type=number(), default=0.0, metavar="SECONDS", help="begin here (default: 0)")
    parser.add_argument("--length", type=number(above=True), default=None, metavar="SECONDS", help="take this much (default: all)")
    add_reading(parser)


def add_reading(parser: argparse.ArgumentParser) -> None:
    """Which of several sound tracks is read, and what becomes of damaged ones."""
    words = "which of several sound tracks, from 1 (default: the one that the file marks, else the first)"
    parser.add_argument("--track", type=whole(1, 64), default=None, metavar="N", help=words)
    parser.add_argument("--strict", action="store_true", help="refuse a sound that lost some of itself to damage, instead of saying so")


def sound_of(options: argparse.Namespace) -> "Sound":
    """The sound that the options name. Raises MediaError."""
    from ..generation import Sound  # here, as commands that read no sound go without its packages

    return Sound.from_file(options.sound, options.start, options.length, track=options.track, strict=options.strict)


def print_notes(notes: Iterable[str]) -> None:
    """Say on the error stream, a line each, what the user should know of a sound."""
    for note in notes:
        say(f"note: {note}", sys.stderr)


def add_model(parser: argparse.ArgumentParser) -> None:
    """The model folder and the device."""
    parser.add_argument("--model", type=Path, default=None, metavar="FOLDER", help="a model folder (default: the bundled landscapes)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (default: auto)")


def use_threads(threads: int | None) -> None:
    """Limit torch to this number of threads (None: its own choice). Raises ConfigError below one."""
    if threads is None:
        return
    if threads < 1:
        raise ConfigError(f"--threads: got {threads}, expected 1 or more")
    import torch  # here, as its import takes a second

    torch.set_num_threads(threads)


def parse_strength(text: str) -> dict[str, float]:
    """``"coarse=1,mid=0.5"`` as a dictionary; groups that aren't named keep 1. Raises ConfigError for anything else."""
    strengths: dict[str, float] = {}
    for part in filter(None, text.split(",")):
        name, _, value = part.partition("=")
        try:
            strengths[name.strip()] = float(value)
        except ValueError as error:
            raise ConfigError(f"--strength: got {shown(part)!r}, expected coarse=NUMBER, mid=NUMBER or fine=NUMBER") from error
    unknown = sorted(set(strengths) - set(GROUPS))
    if unknown:
        raise ConfigError(f"--strength: got {', '.join(unknown)}, expected {', '.join(GROUPS)}")
    return strengths
