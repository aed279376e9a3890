"""The terminal: what is printed there whatever it's made of, and signals that end a command as Ctrl-C does."""

import contextlib
import json
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any, TextIO

from ..errors import shown

MAX_LINE = 10_000
"""Characters of a line; text from files mustn't fill a terminal."""


def say(text: str, to: TextIO | None = None) -> None:
    """Print one line, `text`, to the stream `to` (None: standard output).

    Characters that would steer the terminal are shown as escapes, a line break in a file's name too.
    """
    print(shown(text, MAX_LINE), file=to or sys.stdout)


def say_lines(text: str, to: TextIO | None = None) -> None:
    """Print text of several lines as `say` prints one (`to` is its); none for an empty text. Without a stream it's standard output."""
    for line in text.split("\n") if text else ():
        say(line, to)


def say_json(value: Any, indent: int | None = None) -> None:
    """Print a `value` as JSON that any console can encode: what isn't ASCII is escaped, which means the same.

    `indent` is the number of spaces of each level; None: one line.
    """
    print(json.dumps(value, indent=indent))


def make_printable() -> None:
    """From now on a character that the console can't encode is printed as an escape, instead of ending the program."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


class Stopped(KeyboardInterrupt):
    """A signal that asks a program to end; `number` is the signal's."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


@contextlib.contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Inside, SIGTERM, SIGHUP and Windows' Ctrl-Break raise `Stopped` where the program is, once: tidying up isn't disturbed again."""
    names = [name for name in ("SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]
    before: dict[int, Any] = {}

    def stop(number: int, _: Any) -> None:
        for each in before:
            signal.signal(each, signal.SIG_IGN)
        raise Stopped(number)

    try:
        if threading.current_thread() is threading.main_thread():
            for number in (getattr(signal, name) for name in names):
                if signal.getsignal(number) is not signal.SIG_IGN:  # nohup's wish
                    before[number] = signal.signal(number, stop)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
