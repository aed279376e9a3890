"""What was run in a work folder, a line a command."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HISTORY = "history.jsonl"
"""In the work folder: one line a command that was run."""


def note_command(work: Path, stage: str, options: Mapping[str, Any]) -> None:
    """Remember a command for the model card; without folders, which are this machine's own.

    `stage` is the command's name, `options` what was given.
    """
    with (work / HISTORY).open("a") as lines:
        lines.write(json.dumps({"stage": stage, **options}) + "\n")
