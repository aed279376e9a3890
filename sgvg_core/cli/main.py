"""The command line: ``python -m sgvg_core generate | edit | invert | listen | demo | evaluate | train | inspect | convert | centres ...``."""

import argparse
import contextlib
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from ..environment import check_environment, missing_package, packages_for
from ..errors import SGVGError, shown
from .terminal import Stopped, make_printable, say, say_lines, stopped_by_signals

_COMMANDS = ("generate", "edit", "invert", "listen", "demo", "evaluate", "train", "inspect", "convert", "centres", "data", "curves", "sync")
"""A module each; only that of the command at hand is imported, so that training needs no package that reads media."""
_NO_MEMORY = ("not enough memory", "allocate memory", "out of memory", "bad_alloc", "bad allocation")
"""In errors of torch's, which has no class of its own for them on the CPU."""


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, as all others are."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, shown(f"error: {shown(message, 1000)}; {self.prog} --help lists the options", 1200) + "\n")


def build_parser(arguments: Sequence[str] = ()) -> argparse.ArgumentParser:
    """The parser of the command that `arguments` name; of all commands where they name none."""
    parser = _Parser(prog="python -m sgvg_core", description="Pictures that move the way a sound means.")
    parser.add_argument("--debug", action="store_true", help="show the whole traceback of an error")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    named = next((word for word in arguments if not word.startswith("-")), "")
    for name in (named,) if named in _COMMANDS else _COMMANDS:
        importlib.import_module(f".{name}", __package__).add_command(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is 0, 2 for an error that the user can mend, 1 for a fault of the program's.

    `arguments` are those of the command line (None: this process's). 130 when cancelled, 143 when ended by SIGTERM (128 and the number of
    the signal).
    """
    make_printable()
    debug, arguments = False, sys.argv[1:] if arguments is None else arguments
    try:
        with stopped_by_signals():
            options = build_parser(arguments).parse_args(arguments)
            debug = options.debug
            check_environment(packages_for(arguments))
            code = int(options.run(options) or 0)
            sys.stdout.flush()
        return code
    except BrokenPipeError:
        return _reader_gone()
    except BaseException as error:
        if isinstance(error, SystemExit) or (debug and not isinstance(error, KeyboardInterrupt)):
            raise
        code, words = explained(error)
        say(words, sys.stderr)
        say_lines(getattr(error, "sketch", ""), sys.stderr)
        return code


def explained(error: BaseException) -> tuple[int, str]:
    """The exit code and the one line that an error ends with."""
    if isinstance(error, KeyboardInterrupt):
        return 128 + getattr(error, "number", 2), f"{'stopped' if isinstance(error, Stopped) else 'cancelled'}; nothing half-written is left"
    if isinstance(error, SGVGError):
        return 2, f"error: {error}"
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _NO_MEMORY)):
        return 2, f"error: memory ran out ({_said_by(error)}); use a smaller --size, --batch or file, or close other programs"
    if isinstance(error, ImportError) and (words := missing_package(error)) is not None:
        return 2, f"error: {words}"
    if isinstance(error, OSError):
        return 2, f"error: {_where(error)}: {error.strerror or error}"
    return 1, f"error: unexpected, {_said_by(error)}; this is a fault of the program: --debug (before the command) shows where"


def _said_by(error: BaseException) -> str:
    return f"{type(error).__name__}: {shown(str(error).strip().partition(chr(10))[0], 300)}" if str(error).strip() else type(error).__name__


def _where(error: OSError) -> Any:
    name = error.filename2 or error.filename
    return os.fsdecode(name) if isinstance(name, bytes) else "file" if name is None else name


def _reader_gone() -> int:
    """What reads the output has ended (`| head`): so does this program, without a word."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 141
