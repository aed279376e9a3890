"""``curves``: numbers over time out of a sound, for other programs and to look at."""

import argparse
from fractions import Fraction
from pathlib import Path

from ..clock import to_fps
from ..curves.analysis import SoundAnalysis, analyse_sound
from ..curves.bars import Bars, read_beats
from ..curves.beat_tracking import Beats
from ..curves.curve_files import ENDINGS, EXAMPLES, save_curves
from ..curves.curve_set import CurveSet, curves_at_frames
from ..curves.measures import ALIASES, DEFAULT_CURVES, MEASURES, SCALES, expanded
from ..curves.plot import THEMES, plot_curves
from ..curves.source import SoundSource
from ..errors import ConfigError
from ..media import local_file, save_image
from .options import add_model, number, whole
from .outputs import check_apart, checked_file
from .progress import ProgressBar
from .terminal import say

_IMAGES = (".png", ".jpg", ".jpeg", ".webp")


def add_command(commands: argparse._SubParsersAction) -> None:
    """Add ``curves`` to the commands."""
    parser = commands.add_parser("curves", help="numbers over time out of a sound",
                                 description="Loudness, onsets, beats, bands and other curves of a sound, a number a frame.")
    parser.add_argument("sound", metavar="SOUND", help="any sound file, or a video with sound; - reads standard input")
    parser.add_argument("-o", "--output", type=Path, default=None, metavar="FILE", help=f"what the name says: {EXAMPLES}")
    parser.add_argument("--fps", default="25", metavar="RATE", help="frames a second, such as 25 or 30000/1001 (default: 25)")
    parser.add_argument("--curves", default=",".join(DEFAULT_CURVES), metavar="A,B,C",
                        help=f"all, {', '.join(ALIASES)}, {', '.join(name for name in MEASURES if '_' not in name)}, ..., or a band such as 80-120hz "
                        "(default: %(default)s)")
    parser.add_argument("--scale", choices=SCALES, default=None,
                        help="measured: each in its unit; absolute: 0..1, the same for every sound; relative: 0..1 between quiet and loud of this "
                        "sound (default: measured; relative for .mid)")
    parser.add_argument("--heard", default="", metavar="A,B,C", help="also how much these words are heard; scenes: the model's own")
    parser.add_argument("--start", type=number(), default=0.0, metavar="SECONDS", help="the film begins here (default: 0)")
    parser.add_argument("--length", type=number(above=True), default=None, metavar="SECONDS", help="the film takes this much (default: all)")
    parser.add_argument("--track", type=whole(1, 64), default=None, metavar="N", help="which of several sound tracks, from 1")
    parser.add_argument("--beats", type=Path, default=None, metavar="FILE", help="take the beats of a file of Beat This or BeatNet")
    _add_looks(parser)
    add_model(parser)
    parser.set_defaults(run=run)


def _add_looks(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--plot", type=Path, default=None, metavar="PICTURE", help="draw them all into one picture (.png, .jpg, .webp)")
    parser.add_argument("--plot-width", type=whole(400, 4000), default=1000, metavar="PIXELS", help="(default: 1000)")
    parser.add_argument("--theme", choices=THEMES, default="dark", help="of the picture (default: dark)")


def run(options: argparse.Namespace) -> int:
    """Measure, write and draw. Raises ConfigError where nothing is asked for."""
    fps, names = to_fps(options.fps), expanded(filter(None, options.curves.split(",")))
    _check_outputs(options)
    if not names and not options.heard:
        raise ConfigError("--curves: got no name, expected at least one, such as loudness")
    with ProgressBar() as progress:
        source = SoundSource.from_file(local_file(options.sound), options.track)
        wanted = names if options.beats is None else (*names, "beat")
        analysis = _with_file(analyse_sound(source, wanted or ("loudness",), progress=progress), options.beats)
        made = _film(analysis, fps, options)
        if options.heard:
            made = made.with_curves({**(made.curves if names else {}), **_heard(options, fps, made.num_frames, progress)})
    if options.output is not None:
        save_curves(made, options.output)
        say(f"{options.output}: {len(made.curves)} curves, {made.num_frames} frames at {float(fps):.6g} fps")
    if options.plot is not None:
        save_image(options.plot, plot_curves(made, width=options.plot_width, theme=options.theme))
        say(str(options.plot))
    _say_summary(analysis, made)
    return 0


def _check_outputs(options: argparse.Namespace) -> None:
    if options.output is None and options.plot is None:
        raise ConfigError("curves: got neither -o FILE nor --plot PICTURE; name at least one")
    if options.output is not None:
        checked_file("-o", options.output, tuple(ENDINGS))
    if options.plot is not None:
        checked_file("--plot", options.plot, _IMAGES)
    check_apart([options.output, options.plot], [options.sound, options.beats])


def _with_file(analysis: SoundAnalysis, beats_file: Path | None) -> SoundAnalysis:
    """The analysis with the beats of a file in the place of its own."""
    if beats_file is None:
        return analysis
    seconds, downbeats = read_beats(beats_file)
    return analysis.with_beats(Beats.given(seconds), Bars.given(downbeats))


def _film(analysis: SoundAnalysis, fps: Fraction, options: argparse.Namespace) -> CurveSet:
    start = Fraction(options.start)
    if start >= analysis.duration:
        raise ConfigError(f"--start: got {options.start:g}, but the sound is over after {float(analysis.duration):.2f} s; choose an earlier start")
    length = None if options.length is None else Fraction(options.length)
    midi = options.output is not None and options.output.suffix.lower() == ".mid"
    scale = options.scale or ("relative" if midi else "measured")
    return curves_at_frames(analysis, fps, analysis.num_frames(fps, start, length), start=start, scale=scale)


def _heard(options: argparse.Namespace, fps: Fraction, num_frames: int, progress: ProgressBar) -> dict:
    from ..assembly import load_model  # here: who asks for no words needs no model
    from ..generation import Sound
    from ..generation.heard_curves import label_curves

    labels = () if options.heard.strip() == "scenes" else tuple(filter(None, (word.strip() for word in options.heard.split(","))))
    model = load_model(options.model, options.device)
    sound = Sound.from_file(options.sound, track=options.track)
    found = label_curves(model, sound, labels, fps=fps, progress=progress)
    return {name: curve.at(fps, num_frames, start=Fraction(options.start)) for name, curve in found.items()}


def _say_summary(analysis: SoundAnalysis, made: CurveSet) -> None:
    say(f"integrated loudness {analysis.integrated_loudness:.1f} LUFS, {float(analysis.duration):.2f} s")
    if made.beats:
        bars = f", {analysis.bars.beats_a_bar} beats a bar" if analysis.bars.beats_a_bar else ""
        say(f"{made.tempo:.1f} BPM (confidence {made.confidence:.2f}), {len(made.beats)} beats{bars}")
    elif analysis.beats.track is not None or any(name.startswith("beat") for name in analysis.names):
        say(f"no beats (confidence {made.confidence:.2f})")
