"""``demo``: the main job with nothing but this pack: a sound in (or one that the world makes), a video and a contact sheet out."""

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from ..assembly import load_model
from ..atomic_files import checked_target
from ..errors import ConfigError
from ..generation import Sound, generate
from ..media import save_png, write_wav
from ..world import make_envelope, synth
from .options import add_model, read_seed
from .outputs import check_apart, files_of_model
from .progress import ProgressBar
from .terminal import say

_SECONDS, _RATE = 12.0, 44_100
_SEED = 8


def add_command(commands: argparse._SubParsersAction) -> None:
    """Add ``demo`` to the commands."""
    about = "One film, from a sound or from rain that becomes thunder."
    parser = commands.add_parser("demo", help="one film with the bundled model", description=about)
    parser.add_argument("sound", nargs="?", type=Path, metavar="SOUND", help="a sound file (default: 12 s of rain that becomes thunder)")
    parser.add_argument("-o", "--output", type=Path, default=Path("output"), metavar="FOLDER", help="where the film goes (default: output)")
    words = f"of the film and of the sound that the world makes (default: {_SEED})"
    parser.add_argument("--seed", type=read_seed, default=_SEED, help=words)
    add_model(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Make the film and print where it is."""
    began = time.monotonic()
    source = options.sound or options.output / "rain_into_thunder.wav"
    video_path, sheet_path = (options.output / f"{source.stem}{ending}" for ending in (".mp4", ".png"))
    _check_outputs(options, [video_path, sheet_path])
    if options.sound is None:
        write_wav(source, torch.from_numpy(rain_into_thunder(options.seed))[None], _RATE)
    model = load_model(options.model, options.device)
    with ProgressBar() as progress:
        video = generate(Sound.from_file(source), video_path, model=model, seed=options.seed, progress=progress)
    save_png(sheet_path, video.sheet)
    say(f"{video.num_frames} frames from {source.name} in {time.monotonic() - began:.1f} s")
    say(f"video: {video_path.resolve()}")
    say(f"sheet: {sheet_path.resolve()}")
    return 0


def _check_outputs(options: argparse.Namespace, paths: list[Path]) -> None:
    """Make the folder. Raises ConfigError or MediaError where nothing can be written there, or the sound would be lost: before any work."""
    if options.output.exists() and not options.output.is_dir():
        raise ConfigError(f"--output: got {options.output}, which is a file; expected the name of a folder")
    options.output.mkdir(parents=True, exist_ok=True)
    for path in paths:
        checked_target(path, ConfigError)
    check_apart(paths, [options.sound, *files_of_model(options.model)])


def rain_into_thunder(seed: int) -> np.ndarray:
    """Twelve seconds of sound, float32 [N] at 44.1 kHz: rain that gives way to thunder in the middle."""
    num_samples = int(_SECONDS * _RATE)
    fade = np.clip((np.arange(num_samples) / _RATE - (_SECONDS / 2 - 0.5)) / 1.0, 0, 1)
    parts = [synth(kind, seed, make_envelope(kind, seed, _SECONDS, _RATE), _RATE) for kind in ("raining", "thunderstorm")]
    mixed = parts[0] * np.sqrt(1 - fade) + parts[1] * np.sqrt(fade)
    return (0.8 * mixed / max(1e-6, float(np.abs(mixed).max()))).astype(np.float32)
