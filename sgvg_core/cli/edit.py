"""``edit``: a picture, latents or a film, changed towards a text, a sound or a picture."""

import argparse
from pathlib import Path

from ..assembly import load_model
from ..editing import (
    Edit,
    edit_still,
    load_source,
    parse_edit,
    read_edits,
    save_source,
    strength_strip,
)
from ..editing.sources import tuned_model
from ..errors import ConfigError
from ..media import checked_image, save_image
from ..media.images import IMAGES
from .invert import add_inversion, inversion_of
from .options import add_model, print_notes, read_seed
from .outputs import check_apart, checked_file, files_of_model
from .progress import ProgressBar
from .terminal import say, say_json


def add_command(commands: argparse._SubParsersAction) -> None:
    """Add ``edit`` to the commands."""
    words = "A picture, latents or a film, changed towards a text, a sound or a picture."
    parser = commands.add_parser("edit", help="change a picture or a film of yours towards a text, a sound or a picture", description=words)
    parser.add_argument("source", type=Path, metavar="PICTURE|LATENTS|VIDEO", help="what is edited")
    parser.add_argument("-o", "--output", type=Path, required=True, help="a picture (.png, .jpg, .webp); a film where a film is edited")
    add_model(parser)
    add_edits(parser)
    add_inversion(parser)
    add_tuned(parser)
    parser.add_argument("--seed", type=read_seed, default=0, help="of the candidates for the start (default: 0)")
    parser.add_argument("--strip", type=Path, default=None, metavar="PICTURE", help="also write the picture at several strengths, side by side")
    parser.add_argument("--latents", type=Path, default=None, metavar="LATENTS", help="also write the edited latents: .safetensors, .npy or .npz")
    parser.add_argument("--side-by-side", action="store_true", help="a film: the untouched one next to the edited one")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def add_edits(parser: argparse.ArgumentParser) -> None:
    """The edits of a picture or a film."""
    words = ("'text=at night; strength=2; layers=fine; curve=loudness': one of text, sound, picture, embedding or direction, and any of strength "
             "(default: 1), layers, curve, region, neutral; may be repeated")
    parser.add_argument("--edit", dest="edits", action="append", default=[], metavar="EDIT", help=words)
    parser.add_argument("--edits", dest="edits_file", type=Path, default=None, metavar="JSON", help="a list of such edits; docs/editing.md")


def add_tuned(parser: argparse.ArgumentParser) -> None:
    """The file of a generator's pivot tuning."""
    parser.add_argument("--tuned", type=Path, default=None, metavar="FILE", help="the tuned weights of `invert --tune`")


def edits_of(options: argparse.Namespace) -> tuple[Edit, ...]:
    """What the options of `add_edits` say: those of the file first. Raises ConfigError."""
    listed = read_edits(options.edits_file) if options.edits_file is not None else ()
    return (*listed, *map(parse_edit, options.edits))


def run(options: argparse.Namespace) -> int:
    """Edit as the options say. Raises ConfigError where they name no edit."""
    edits = edits_of(options)
    if not edits:
        raise ConfigError("edit: got no edit; say what to change, such as --edit 'text=at night'")
    if options.output.suffix.lower() not in IMAGES:
        return _edit_film(options, edits)
    return _edit_still(options, edits)


def _edit_still(options: argparse.Namespace, edits: tuple[Edit, ...]) -> int:
    if options.side_by_side:
        raise ConfigError(f"--side-by-side: only for films, but {options.output} is a picture; name an .mp4, or leave it out (--strip shows steps)")
    checked_image(options.output)
    if options.strip is not None:
        checked_image(options.strip)
    if options.latents is not None:
        checked_file("--latents", options.latents, (".safetensors", ".npy", ".npz"))
    files = [options.source, options.edits_file, options.tuned, *files_of_model(options.model), *files_of_edits(edits)]
    check_apart([options.output, options.strip, options.latents], files)
    model = tuned_model(load_model(options.model, options.device), options.tuned)
    with ProgressBar() as progress:
        source = load_source(model, options.source, inversion_of(options), progress)
        made = edit_still(model, source, edits, progress=progress)
        strip = strength_strip(model, source, made.edits) if options.strip is not None else None
    save_image(options.output, made.image)
    if strip is not None:
        save_image(options.strip, strip)
    if options.latents is not None:
        save_source(options.latents, made.ws, source.noise)
    notes = [note for edit in made.edits for note in edit.notes]
    if options.json:
        found = source.inverted
        inverted = None if found is None else {"psnr": round(found.psnr, 2), "distance": round(found.distance, 2), "seconds": round(found.seconds, 2)}
        say_json({"edits": [{"name": edit.name, "way": edit.way} for edit in made.edits], "notes": notes, "inverted": inverted})
        return 0
    print_notes(notes)
    say(f"{options.output}: {', '.join(f'{edit.name} ({edit.way})' for edit in made.edits)}")
    return 0


def files_of_edits(edits: tuple[Edit, ...]) -> list[Path]:
    """The files that edits name, which mustn't be written over."""
    parts = [part for edit in edits if edit.target is not None for part in edit.target.parts if part.kind != "text"]
    named = [part.value for part in parts] + [each for edit in edits for each in (edit.region, edit.direction)]
    return [Path(each) for each in named if isinstance(each, str)]


def _edit_film(options: argparse.Namespace, edits: tuple[Edit, ...]) -> int:
    """Every frame of a film."""
    if options.strip is not None or options.latents is not None:
        raise ConfigError(f"--strip and --latents: only for pictures, but {options.output} is a film; name a .png, .jpg or .webp")
    if (options.space, options.perceptual) != ("w+", "joint-space"):
        raise ConfigError(f"--space and --perceptual: only for pictures, but {options.output} is a film; leave them out")
    check_apart([options.output], [options.source, options.edits_file, options.tuned, *files_of_model(options.model), *files_of_edits(edits)])
    from ..editing.video import VideoEditSettings, edit_video  # here, as a still needs no video

    model = tuned_model(load_model(options.model, options.device), options.tuned)
    settings = VideoEditSettings(side_by_side=options.side_by_side, seed=options.seed, fit=options.fit, num_steps=options.steps)
    with ProgressBar() as progress:
        report = edit_video(model, options.source, options.output, edits=edits, settings=settings, progress=progress)
    if options.json:
        say_json(report)
        return 0
    print_notes(report.get("notes", ()))
    say(f"{options.output}: {report.get('num_frames', '?')} frames, {report.get('seconds', '?')} s")
    return 0
