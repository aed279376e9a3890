"""``demo``: the main job with nothing but this pack: a sound in (or one that the world makes), a video and a contact sheet out."""

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from ..assembly import load_model
from ..generation import Sound, generate
from ..media import save_png, write_wav
from ..world import make_envelope, synth
from .options import add_model
from .progress import ProgressBar

_SECONDS, _RATE = 12.0, 44_100
_SEED = 8


def add_command(commands: argparse._SubParsersAction) -> None:
    """Add ``demo`` to the commands."""
    about = "One film, from a sound or from rain that becomes thunder."
    parser = commands.add_parser("demo", help="one film with the bundled model", description=about)
    parser.add_argument("sound", nargs="?", type=Path, metavar="SOUND", help="a sound file (default: 12 s of rain that becomes thunder)")
    parser.add_argument("-o", "--output", type=Path, default=Path("output"), metavar="FOLDER", help="where the film goes (default: output)")
    words = f"of the film and of the sound that the world makes (default: {_SEED})"
    parser.add_argument("--seed", type=int, default=_SEED, help=words)
    add_model(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Make the film and print where it is."""
    began = time.monotonic()
    options.output.mkdir(parents=True, exist_ok=True)
    source = options.sound
    if source is None:
        source = options.output / "rain_into_thunder.wav"
        write_wav(source, torch.from_numpy(rain_into_thunder(options.seed))[None], _RATE)
    video_path = options.output / f"{source.stem}.mp4"
    sheet_path = options.output / f"{source.stem}.png"
    model = load_model(options.model, options.device)
    with ProgressBar() as progress:
        video = generate(Sound.from_file(source), video_path, model=model, seed=options.seed, progress=progress)
    save_png(sheet_path, video.sheet)
    print(f"{video.num_frames} frames from {source.name} in {time.monotonic() - began:.1f} s")
    print(f"video: {video_path.resolve()}")
    print(f"sheet: {sheet_path.resolve()}")
    return 0


def rain_into_thunder(seed: int) -> np.ndarray:
    """Twelve seconds of sound, float32 [N] at 44.1 kHz: rain that gives way to thunder in the middle."""
    num_samples = int(_SECONDS * _RATE)
    fade = np.clip((np.arange(num_samples) / _RATE - (_SECONDS / 2 - 0.5)) / 1.0, 0, 1)
    parts = [synth(kind, seed, make_envelope(kind, seed, _SECONDS, _RATE), _RATE) for kind in ("raining", "thunderstorm")]
    mixed = parts[0] * np.sqrt(1 - fade) + parts[1] * np.sqrt(fade)
    return (0.8 * mixed / max(1e-6, float(np.abs(mixed).max()))).astype(np.float32)
