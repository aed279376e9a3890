"""``train generator --data DATA``: a StyleGAN2 learns from pictures of one's own, against its discriminator.

Without --data the generator is taught by the procedural world (``train``).
"""

import argparse
from pathlib import Path

from ..config import check_choice
from ..errors import ConfigError
from ..presets import PRESET_NAMES
from .options import use_threads
from .progress import ProgressBar
from .stage_options import add_run, add_settings, check_fitting, run_policy, said_changes, stage_config
from .terminal import say

TEACHERS = ("world", "pictures")
_STEPS = 20_000


def add_own_data(parser: argparse.ArgumentParser) -> None:
    """The options that make ``train generator`` learn from data."""
    about = "A StyleGAN2 against its discriminator. The run is exact: killed and started again it ends with the same bits."
    group = parser.add_argument_group("with --data", about)
    words = "learn from the pictures of a prepared data set, or of a folder of pictures"
    group.add_argument("--data", type=Path, default=None, metavar="DATA", help=words)
    words = "world: taught by the renderer (default without --data); pictures: adversarial (default with it)"
    group.add_argument("--teacher", choices=TEACHERS, default=None, help=words)
    add_settings(group)  # type: ignore[arg-type]
    add_run(group, _STEPS)  # type: ignore[arg-type]


def learns_from_data(options: argparse.Namespace) -> bool:
    """Whether the options ask for pictures of one's own. Raises ConfigError where they don't fit each other."""
    data, teacher = getattr(options, "data", None), getattr(options, "teacher", None)
    if teacher == "pictures" and data is None:
        raise ConfigError("--teacher pictures: needs --data DATA; make one with: python -m sgvg_core data prepare SOURCE -o DATA")
    if teacher == "world" and data is not None:
        raise ConfigError(f"--teacher world: draws its own pictures, but --data {data} was given; leave out one of them")
    check_fitting(options, also=("init_from",))
    return data is not None


def run_own_data(options: argparse.Namespace) -> int:
    """Train, or resume; prints the path of the generator."""
    from ..training.clips.adversarial import train_adversarial  # here, so that other commands start at once
    from ..training.clips.adversarial_config import ADVERSARIAL_PRESETS
    from ..training.clips.class_labels import class_labels
    from ..training.clips.images import open_images
    from ..training.clips.init_from import read_initial_networks
    from ..training.runs.history import note_command
    from ..training.runs.ranks import joined_ranks

    if options.preset is not None:
        check_choice("--preset", options.preset, PRESET_NAMES)
    use_threads(options.threads)
    config = stage_config(options, ADVERSARIAL_PRESETS, "small")
    policy = run_policy(options, sum(options.minutes) if options.minutes else None, _STEPS)
    with joined_ranks(options.device) as ranks, ProgressBar() as progress:
        data = open_images(options.data, config.size)
        file = options.init_from
        labels = class_labels(data).names if config.labels else ()
        initial = None if file is None else read_initial_networks(file, config, len(labels))
        if ranks.is_first:
            options.work.mkdir(parents=True, exist_ok=True)
            said = {"data": "DATA", "init-from": None if file is None else file.name, "preset": options.preset, "steps": policy.num_steps}
            said = {name: value for name, value in said.items() if name != "init-from" or value}
            note_command(options.work, "generator", {**said, **said_changes(options)})
            for note in () if initial is None else initial.notes:
                say(note)
        result = train_adversarial(
            options.work, data, config, policy=policy, init_from=initial, ranks=ranks, workers=options.readers, progress=progress
        )
        if ranks.is_first:
            say(str(result))
            if labels:
                say("labels: " + ", ".join(f"{number} {label}" for number, label in enumerate(labels)))
    return 0
