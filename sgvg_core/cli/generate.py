"""``generate``: a sound in, a video out."""

import argparse
import json
from pathlib import Path

from ..assembly import load_model
from ..atomic_files import atomic_write
from ..clock import to_fps
from ..errors import ConfigError
from ..generation import (
    ANCHORS,
    MAX_CENTRES,
    GenerateSettings,
    PoseKeys,
    Sound,
    generate,
    read_label,
    read_pose,
    read_pose_table,
)
from ..generation.film import check_output
from ..generation.render import NOISE_MODES
from ..generation.settings import STARTS, UNSURE
from ..generation.text_constraint import read_prompts
from ..media import checked_image, probe_sound, save_image
from ..walker import DEFAULT_PULL, WalkSettings
from .options import LABEL_SAYS, add_model, add_sound, number, parse_strength, print_notes, read_seed, sound_of, whole
from .outputs import check_apart, checked_file, files_of_model
from .progress import ProgressBar
from .terminal import say


def add_command(commands: argparse._SubParsersAction) -> None:
    """Add ``generate`` to the commands."""
    parser = commands.add_parser("generate", help="a sound in, a video out", description="A video that moves as a sound goes, with the sound in it.")
    add_sound(parser)
    parser.add_argument("-o", "--output", type=Path, required=True,
                        help="a film (.mp4, .mov, .mkv, .webm; .gif without sound), or a folder for a PNG sequence")
    add_model(parser)
    parser.add_argument("--fps", default="25", help="frames a second: 25, 29.97, 24000/1001, or 'source' for a video's own (default: 25)")
    parser.add_argument("--seed", type=read_seed, default=0, help="the same seed gives the same film (default: 0)")
    parser.add_argument("--from", dest="start_from", choices=STARTS, default="sound", help="start picture: by the sound, at random, or the mean")
    parser.add_argument("--prompt", action="append", default=[], metavar="TEXT[:WEIGHT]", help="what the start picture should show; may be repeated")
    parser.add_argument("--negative", action="append", default=[], metavar="TEXT[:WEIGHT]", help="what it should not show; may be repeated")
    parser.add_argument("--candidates", type=whole(), default=96, help="pictures sampled when the start is chosen (default: 96)")
    parser.add_argument("--psi", type=number(-2, 2), default=1.0, help="truncation of the start latent (default: 1, none)")
    parser.add_argument("--centres", type=_centres, default=0, metavar="N|FILE",
                        help="truncate towards the nearest of N centres, or of a file's latents, "
                        "instead of the mean (default: 0, the mean); see `centres`")
    parser.add_argument("--label", type=read_label, default=None, metavar="N", help=LABEL_SAYS.format("each code draws one by the seed"))
    parser.add_argument("--pose", default=None, metavar="TRACKS|CSV", help="StyleGAN3: shift, turn and zoom over the film, such as "
                        "zoom=1:1.2,rotate=0:30,x=0:0.2:0 (each track one number, or keyframes spread evenly; x and y in picture widths, rotate "
                        "in degrees), or a table whose columns are seconds and any of x, y, rotate, zoom")
    parser.add_argument("--anchor", choices=ANCHORS, default="none", help="StyleGAN3: where the picture is placed: by each latent (none), as the "
                        "mean latent would be (exact), or in the way of the released code (default: none)")
    parser.add_argument("--beta", type=number(0, 1), default=1.0, help="share of each new latent that is taken, 0..1 (default: 1)")
    parser.add_argument("--strength", type=parse_strength, default={}, metavar="coarse=,mid=,fine=", help="multiplies each block's steps")
    parser.add_argument("--pull", type=number(0, 100), default=DEFAULT_PULL,
                        help=f"draw the latent back to the start, per second (default: {DEFAULT_PULL})")
    parser.add_argument("--causal", action="store_true", help="hear only the past, as a live use would")
    parser.add_argument("--unsure", choices=UNSURE, default="stay", help="what a film does whose sound is none of the model's scenes: stay where it "
                        "starts, or follow it anyway (default: stay)")
    parser.add_argument("--sound-once", action="store_true", help="the released code's way: the sound enters once, before the first frame")
    parser.add_argument("--size", type=whole(), default=None, help="side of the picture (default: the generator's own)")
    parser.add_argument("--dtype", default="float32", help="auto, float32, float16 or bfloat16 (default: float32)")
    parser.add_argument("--noise", choices=NOISE_MODES, default="const", help="noise inputs of the generator (default: const)")
    parser.add_argument("--batch", type=whole(1, 4096), default=4, help="frames synthesized at once (default: 4)")
    parser.add_argument("--sound", dest="sound_codec", choices=("auto", "copy", "aac", "flac", "none"), default="auto", help="the sound in the file")
    parser.add_argument("--sheet", type=Path, default=None, metavar="PICTURE", help="also write a contact sheet: .png, .jpg or .webp")
    parser.add_argument("--report", type=Path, default=None, metavar="JSON", help="also write what was done")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Generate as the options say."""
    _check_outputs(options)
    sound = sound_of(options)
    settings = GenerateSettings(
        fps=_frame_rate(options.fps, sound),  # type: ignore[arg-type]
        seed=options.seed,
        start_from=options.start_from,
        prompts=tuple(prompt for text in options.prompt for prompt in read_prompts(text)),
        negatives=tuple(prompt for text in options.negative for prompt in read_prompts(text)),
        num_candidates=options.candidates,
        truncation_psi=options.psi,
        centres=options.centres,
        label=options.label,
        anchor=options.anchor,
        pose=_pose(options.pose),
        walk=WalkSettings(beta=options.beta, pull=options.pull, sound_once=options.sound_once, **options.strength),
        causal=options.causal,
        unsure=options.unsure,
        noise_mode=options.noise,
        size=options.size,
        dtype=options.dtype,
        batch=options.batch,
    )
    model = load_model(options.model, options.device)
    with ProgressBar() as progress:
        video = generate(sound, options.output, model=model, settings=settings, sound_codec=options.sound_codec, progress=progress)
    if options.sheet is not None:
        save_image(options.sheet, video.sheet)
    if options.report is not None:
        with atomic_write(options.report, ConfigError) as part:
            part.write_text(json.dumps(video.report, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    print_notes(video.report["notes"])
    if options.output.suffix.lower() == ".gif":
        say("a gif holds no sound: name an .mp4, .mov, .mkv or .webm for a film with it")
    say(f"{video.path}: {video.num_frames} frames at {float(video.fps):.4g} a second, {video.report['seconds']} s")
    return 0


def _check_outputs(options: argparse.Namespace) -> None:
    """Raise MediaError or ConfigError for what can't be written, or would be written over an input: before any work."""
    check_output(options.output, [options.sound], options.sound_codec)
    if options.sheet is not None:
        checked_image(options.sheet)
    if options.report is not None:
        checked_file("--report", options.report, (".json",))
    inputs = [options.sound, *files_of_model(options.model), *(name for name in (options.centres, options.pose) if isinstance(name, str))]
    check_apart([options.output, options.sheet, options.report], inputs)


def _centres(said: str) -> int | str:
    """A number of centres, or the name of a file of latents."""
    return whole(0, MAX_CENTRES)(said) if said.isdecimal() else said


def _pose(said: str | None) -> PoseKeys | None:
    """The keyframes in the line, or in the table that it names."""
    if said is None:
        return None
    return read_pose_table(said) if Path(said).suffix.lower() == ".csv" else read_pose(said)


def _frame_rate(wanted: str, sound: Sound) -> object:
    """The rate asked for; 'source' is that of the video the sound comes from."""
    if wanted != "source":
        return to_fps(wanted)
    fps = probe_sound(sound.path or "", sound.track_number).fps
    if fps is None:
        raise ConfigError(f"--fps source: {sound.path} has no video; give a number such as 25")
    return fps
