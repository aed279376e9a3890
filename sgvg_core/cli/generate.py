"""``generate``: a sound in, a video out."""

import argparse
import json
from pathlib import Path

from ..assembly import SoundModel, load_model
from ..atomic_files import atomic_write
from ..clock import to_fps
from ..editing import Edit, Source, load_source, noise_model, tuned_model, walk_edit
from ..errors import ConfigError, shown
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
from ..generation.driven import RANGES, Driven, read_driven
from ..generation.film import GeneratedVideo, check_output
from ..generation.keyframe_plan import read_keyframes
from ..generation.loop_settings import LoopSettings
from ..generation.matte import AGAINST, MatteSettings
from ..generation.render import NOISE_MODES
from ..generation.settings import STARTS, UNSURE
from ..generation.text_constraint import read_prompts
from ..image_inversion import InversionSettings
from ..media import checked_image, probe_sound, save_image
from ..motion import DriftSettings
from ..progress import Progress
from ..synthesis import ENLARGEMENTS
from ..walker import DEFAULT_PULL, WalkSettings
from .edit import add_edits, add_tuned, edits_of, files_of_edits
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
    parser.add_argument("--from", dest="start_from", default="sound", metavar=f"{'|'.join(STARTS)}|PICTURE|LATENTS",
                        help="start picture: by the sound, at random, the mean, or a picture of yours (inverted first) or latents in a file")
    add_edits(parser)
    add_tuned(parser)
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
    parser.add_argument("--curve", action="append", default=[], metavar="NAME=EXPRESSION[, ...]", help=f"numbers that change over time, such as "
                        f"\"mid=bass*1.5, pull=1-onset\"; NAME is one of {', '.join(RANGES)}; see docs/motion.md; may be repeated")
    parser.add_argument("--mix", type=_mix, default=(1, ("fine",)), metavar="SEED[:LAYERS]", help="whose latents the driven number mix takes, and "
                        "which of them: groups or numbers with + between them, such as 7:coarse+mid (default: 1:fine)")
    parser.add_argument("--keyframes", type=Path, default=None, metavar="JSON", help="seeds, latents, words, pictures or labels at seconds, beats "
                        "or bars, which carry the walk along; see docs/motion.md")
    parser.add_argument("--loop", type=_loops, default=(), metavar="BARS[,BARS...]", help="a seamless loop of BARS whole bars (4), or of seconds "
                        "(6s); of several, such as 1,2,4,8, each becomes a file of its own")
    parser.add_argument("--loop-crossfade", type=number(0, 60), default=0.0, metavar="SECONDS",
                        help="the loop's sound fades into its own beginning (default: 0, it's cut)")
    parser.add_argument("--max-step", type=number(0, 1000), default=0.0, metavar="SIGMA",
                        help="bound of the walk's speed, in standard deviations of mapped codes a second (default: 0, none)")
    parser.add_argument("--max-distance", type=number(0, 1000), default=0.0, metavar="DISTANCE",
                        help="bound of its Mahalanobis distance from the mean; mapped codes have about 1 (default: 0, none)")
    parser.add_argument("--axes", type=whole(0, 4096), default=0, help="principal axes of mapped codes that steps go along (default: 0, all)")
    parser.add_argument("--causal", action="store_true", help="hear only the past, as a live use would")
    parser.add_argument("--unsure", choices=UNSURE, default="stay", help="what a film does whose sound is none of the model's scenes: stay where it "
                        "starts, or follow it anyway (default: stay)")
    parser.add_argument("--sound-once", action="store_true", help="the released code's way: the sound enters once, before the first frame")
    parser.add_argument("--size", type=whole(), default=None, help="side of the picture (default: the generator's own)")
    parser.add_argument("--dtype", default="float32", help="auto, float32, float16 or bfloat16 (default: float32)")
    parser.add_argument("--noise", choices=NOISE_MODES, default="const", help="noise inputs of the generator; smooth ones flow (default: const)")
    parser.add_argument("--noise-seconds", type=number(0.02, 3600), default=1.0, metavar="SECONDS",
                        help="after how long smooth noise has changed altogether (default: 1)")
    parser.add_argument("--shape", type=_shape, default=None, metavar="WxH", help="paint wider or higher than the generator was trained for, in its "
                        "own pixels, such as 512x256 (default: as trained); --size resamples that")
    parser.add_argument("--enlargement", choices=ENLARGEMENTS, default="mirror",
                        help="StyleGAN2: how a larger shape is filled; panorama: starts of --seed and the next ones side by side (default: mirror)")
    parser.add_argument("--batch", type=whole(1, 4096), default=4, help="frames synthesized at once, on a CPU each by a core of its own (default: 4)")
    parser.add_argument("--sound", dest="sound_codec", choices=("auto", "copy", "aac", "flac", "none"), default="auto", help="the sound in the file")
    parser.add_argument("--matte", type=Path, default=None, metavar="FILM|FOLDER", help="also write which pixels the sound moved, white on black")
    parser.add_argument("--matte-against", choices=AGAINST, default="silence",
                        help="what frames are held against: the film of silence, the first frame, the frame before (default: silence)")
    parser.add_argument("--sheet", type=Path, default=None, metavar="PICTURE", help="also write a contact sheet: .png, .jpg or .webp")
    parser.add_argument("--report", type=Path, default=None, metavar="JSON", help="also write what was done")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Generate as the options say."""
    edits = edits_of(options)
    _check_outputs(options, edits)
    sound = sound_of(options)
    settings = GenerateSettings(
        fps=_frame_rate(options.fps, sound),  # type: ignore[arg-type]
        seed=options.seed,
        start_from=options.start_from if options.start_from in STARTS else "mean",
        prompts=tuple(prompt for text in options.prompt for prompt in read_prompts(text)),
        negatives=tuple(prompt for text in options.negative for prompt in read_prompts(text)),
        num_candidates=options.candidates,
        truncation_psi=options.psi,
        centres=options.centres,
        label=options.label,
        anchor=options.anchor,
        pose=_pose(options.pose),
        walk=WalkSettings(beta=options.beta, pull=options.pull, sound_once=options.sound_once, **options.strength),
        keyframes=None if options.keyframes is None else read_keyframes(options.keyframes),
        curves=_curves(options.curve),
        mix_seed=options.mix[0],
        mix_layers=options.mix[1],
        causal=options.causal,
        unsure=options.unsure,
        noise_mode=options.noise,
        size=options.size,
        dtype=options.dtype,
        batch=options.batch,
        drift=DriftSettings(options.max_step, options.max_distance, options.axes),
        noise_seconds=options.noise_seconds,
        shape=options.shape,
        enlargement=options.enlargement,
    )
    model = tuned_model(load_model(options.model, options.device), options.tuned)
    said: list[str] = []
    with ProgressBar() as progress:
        source = _start(options, model, progress)
    start_ws = None if source is None else source.ws
    model = model if source is None else noise_model(model, source.noise)
    for output, loop in _films(options):
        with ProgressBar() as progress:
            changes = [walk_edit(model, edits, sound, progress, said.append, source=source)] if edits else []
            video = generate(
                sound, output, model=model, settings=settings, start_ws=start_ws, loop=loop, edits=changes, matte=options.matte,
                matte_settings=MatteSettings(options.matte_against), sound_codec=options.sound_codec, progress=progress,
            )
        _tell(video, options, said)
    return 0


def _films(options: argparse.Namespace) -> list[tuple[Path, LoopSettings | None]]:
    """Each film's file, and its loop: of several loops each has its length in its name."""
    output: Path = options.output
    loops = [LoopSettings(crossfade=options.loop_crossfade, **said) for said in options.loop]
    if len(loops) < 2:
        return [(output, loops[0] if loops else None)]
    names = [f"{loop.bars}bar{'s' * (loop.bars != 1)}" if loop.bars else f"{loop.seconds:g}s" for loop in loops]
    return [(output.with_name(f"{output.stem}-{name}{output.suffix}"), loop) for name, loop in zip(names, loops, strict=True)]


def _tell(video: GeneratedVideo, options: argparse.Namespace, said: list[str]) -> None:
    """The sheet and the report that were asked for, and what was done; `said` is what its edits have to say."""
    if options.sheet is not None:
        save_image(options.sheet, video.sheet)
    if options.report is not None:
        with atomic_write(options.report, ConfigError) as part:
            part.write_text(json.dumps(video.report, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    print_notes([*video.report["notes"], *said])
    if options.output.suffix.lower() == ".gif":
        say("a gif holds no sound: name an .mp4, .mov, .mkv or .webm for a film with it")
    say(f"{video.path}: {video.num_frames} frames at {float(video.fps):.4g} a second, {video.report['seconds']} s")


def _start(options: argparse.Namespace, model: SoundModel, progress: Progress) -> Source | None:
    """The start of one's own that --from names; None where it's one of `STARTS`."""
    if options.start_from in STARTS:
        return None
    if options.prompt or options.negative:
        raise ConfigError(f"--from {options.start_from}: got a start of your own and prompts, expected one of them; prompts choose among drawn codes")
    return load_source(model, options.start_from, InversionSettings(seed=options.seed), progress)


def _check_outputs(options: argparse.Namespace, edits: tuple[Edit, ...]) -> None:
    """Raise MediaError or ConfigError for what can't be written, or would be written over an input: before any work."""
    if len(options.loop) > 1 and (options.sheet, options.report, options.matte) != (None, None, None):
        raise ConfigError("--sheet, --report, --matte: hold one film each, but --loop makes several; make the loops one by one")
    for output, _ in _films(options):
        check_output(output, [options.sound], options.sound_codec)
    if options.matte is not None:
        check_output(options.matte, [options.sound], "none")
    if options.sheet is not None:
        checked_image(options.sheet)
    if options.report is not None:
        checked_file("--report", options.report, (".json",))
    named = [name for name in (options.centres, options.pose, options.keyframes) if isinstance(name, str | Path)]
    inputs = [options.sound, *files_of_model(options.model), *named, options.edits_file, options.tuned, *files_of_edits(edits)]
    if options.start_from not in STARTS:
        if not Path(options.start_from).is_file():
            raise ConfigError(f"--from: got {shown(options.start_from)!r}, which is no file; expected {', '.join(STARTS)}, a picture or latents")
        inputs.append(options.start_from)
    check_apart([options.output, options.sheet, options.report, options.matte], inputs)


def _loops(said: str) -> tuple[dict[str, float], ...]:
    """Loops of bars ("1,2,4") or seconds ("6s"), each once."""
    found: list[dict[str, float]] = []
    for part in filter(None, (part.strip().lower() for part in said.split(","))):
        own: dict[str, float] = {"seconds": number(0.1, 3600)(part[:-1])} if part.endswith("s") else {"bars": whole(1, 1024)(part)}
        if own in found:
            raise argparse.ArgumentTypeError(f"got {part} twice, expected each loop once")
        found.append(own)
    return tuple(found)


def _centres(said: str) -> int | str:
    """A number of centres, or the name of a file of latents."""
    return whole(0, MAX_CENTRES)(said) if said.isdecimal() else said


def _shape(said: str) -> tuple[int, int]:
    """Height and width out of "WIDTHxHEIGHT"."""
    width, _, height = said.lower().partition("x")
    return whole(16, 16_384)(height), whole(16, 16_384)(width)


def _curves(said: list[str]) -> dict[str, Driven]:
    """What is driven by what, of all that was said."""
    found: dict[str, Driven] = {}
    for text in said:
        for name, value in read_driven(text).items():
            if name in found:
                raise ConfigError(f"--curve: {name} is driven twice; join both into one expression")
            found[name] = value
    return found


def _mix(said: str) -> tuple[int, tuple[str | int, ...]]:
    """The seed and the layers of a style mix."""
    seed, _, layers = said.partition(":")
    parts = [part.strip() for part in layers.split("+") if part.strip()] or ["fine"]
    return read_seed(seed), tuple(int(part) if part.isdecimal() else part for part in parts)


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
