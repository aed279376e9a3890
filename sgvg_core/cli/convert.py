"""``convert``: a file of any known layout to a safetensors file of ours, which nothing can hide in."""

import argparse
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..assembly import build_recognised_generator, find_walker
from ..checkpoints import write_weights
from ..checkpoints.layouts.recognised import Recognised
from ..checkpoints.source import checkpoint_sha256
from ..checkpoints.stored import in_words, read_stored
from ..config import from_dict
from ..errors import ConfigError
from ..progress import Progress, silent
from .inspect import CONFIGURATIONS
from .outputs import check_apart, checked_file
from .progress import ProgressBar
from .terminal import say


def add_command(commands: argparse._SubParsersAction) -> None:
    """Add ``convert`` to the commands."""
    parser = commands.add_parser(
        "convert",
        help="a checkpoint to safetensors",
        description="Convert a file of weights or latents of any known layout to safetensors, with its configuration. Nothing in it is run.",
    )
    said = ".pkl, .pt, .pth, .safetensors, .npy or .npz; the released code's three recurrent blocks (coarse, mid, fine) become one walker"
    parser.add_argument("files", metavar="FILE", type=Path, nargs="+", help=said)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.safetensors")
    parser.add_argument("--half", action="store_true", help="store float16: half the size, no longer the exact numbers")
    parser.add_argument("--part", default=None, metavar="NAME", help="another network of the file: G, D, ... as `inspect` names them")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Convert and say what was written."""
    with ProgressBar() as progress:
        found = convert(options.files, options.output, half=options.half, part=options.part, progress=progress)
    say(f"{options.output}: {in_words(found.kind)}, {'float16' if options.half else 'float32'}, {options.output.stat().st_size / 2**20:.1f} MiB")
    for note in found.notes:
        say(f"  note: {note}")
    return 0


def convert(paths: Sequence[Path], output: Path, *, half: bool = False, part: str | None = None, progress: Progress = silent) -> Recognised:
    """Write what a file holds, or three recurrent blocks as one walker, to `output`; the answer is what it was.

    `part` is the one of several networks that is meant (None: there's one); `half` stores float16. The header gets each source's SHA-256.
    Raises CheckpointError or ConfigError; then nothing is left at `output`.
    """
    checked_file("--output", output, (".safetensors",))
    check_apart([output], paths)
    sources = [{"name": path.name, "sha256": checkpoint_sha256(path, progress)} for path in paths]
    progress(0, None, "reading")
    found = read_stored(paths[0]) if len(paths) == 1 else find_walker(paths)
    if part is not None:
        if part not in found.parts:
            raise ConfigError(f"--part: got {part!r}, expected {', '.join(found.parts) or 'none, since the file holds one network'}")
        found = found.parts[part]
    found = dataclasses.replace(found, parts={})
    progress(0, None, "converting")
    source = {**(sources[0] if len(sources) == 1 else {"files": sources}), "layout": found.layout, "notes": list(found.notes)}
    config, state = _ready(found, ", ".join(map(str, paths)))
    progress(0, None, "writing")
    write_weights(output, state, kind=found.kind, config=config, extra={**_plain(found.extra), "source": source}, half=half)
    return found


def _ready(found: Recognised, where: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Configuration and tensors as they're stored; those of a generator are the built one's, so they're known to fit."""
    known = CONFIGURATIONS.get(found.kind)
    config = found.config if known is None else dataclasses.asdict(from_dict(known, found.config, where))
    if found.kind.startswith("generator"):
        return config, build_recognised_generator(found, where).state_dict()
    return config, {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in found.state.items()}


def _plain(extra: dict[str, Any]) -> dict[str, Any]:
    """The entries that JSON can hold."""
    kept = {}
    for name, value in extra.items():
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError):
            continue
        kept[name] = value
    return kept
