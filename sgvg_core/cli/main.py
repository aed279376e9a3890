"""The command line: ``python -m sgvg_core generate | listen | demo | evaluate | train | inspect | convert | centres | data ...``."""

import argparse
import sys
from collections.abc import Callable, Sequence

from ..environment import check_environment
from ..errors import SGVGError
from . import centres, convert, data, demo, evaluate, generate, inspect, listen, train

_COMMANDS: tuple[Callable[[argparse._SubParsersAction], None], ...] = (
    generate.add_command,
    listen.add_command,
    demo.add_command,
    evaluate.add_command,
    train.add_command,
    inspect.add_command,
    convert.add_command,
    centres.add_command,
    data.add_command,
)


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = argparse.ArgumentParser(prog="python -m sgvg_core", description="Pictures that move the way a sound means.")
    parser.add_argument("--debug", action="store_true", help="show the whole traceback of an error")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for add_command in _COMMANDS:
        add_command(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is 0, 2 for an error that the user can mend, 130 when cancelled."""
    debug = False
    try:
        options = build_parser().parse_args(arguments)
        debug = options.debug
        check_environment()
        return int(options.run(options) or 0)
    except KeyboardInterrupt:
        print("\ncancelled; nothing half-written is left", file=sys.stderr)
        return 130
    except SGVGError as error:
        if debug:
            raise
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        if debug:
            raise
        print(f"error: {error.filename or 'file'}: {error.strerror or error}", file=sys.stderr)
        return 2
