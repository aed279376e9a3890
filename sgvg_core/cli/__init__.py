"""The command line: one file a command, options and outputs shared.

It prints, parses and calls; what it does is in the rooms below. Flags keep working for good: older names are in `config.aliases`.
"""

from .main import main

__all__ = [
    "main",
]
