"""``invert``: a picture in, latents of the generator out."""

import argparse
from pathlib import Path

from ..assembly import load_model
from ..editing import invert_with_model, save_source
from ..image_inversion import FITS, SPACES, STEPS, InversionSettings, read_image
from ..media import checked_image, save_image
from .options import add_model, read_seed, whole
from .outputs import check_apart, checked_file, files_of_model
from .progress import ProgressBar
from .terminal import say, say_json


def add_command(commands: argparse._SubParsersAction) -> None:
    """Add ``invert`` to the commands."""
    words = "Latents that show a picture of yours, to begin films and edits from."
    parser = commands.add_parser("invert", help="a picture in, latents out", description=words)
    parser.add_argument("picture", type=Path, metavar="PICTURE", help="any picture file")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="LATENTS", help="latents: .safetensors, .npy or .npz")
    add_model(parser)
    add_inversion(parser)
    parser.add_argument("--seed", type=read_seed, default=0, help="of the candidates for the start (default: 0)")
    parser.add_argument("--picture", dest="shown", type=Path, default=None, metavar="OUT.png", help="also write what the latents show")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def add_inversion(parser: argparse.ArgumentParser) -> None:
    """How a picture is inverted."""
    steps = ", ".join(f"{count} for {space}" for space, count in STEPS.items())
    parser.add_argument("--space", choices=SPACES, default="w+", help="one latent for all layers, one a layer, or that and the noise (default: w+)")
    parser.add_argument("--steps", type=whole(0, 100_000), default=None, metavar="N", help=f"steps of descent (default: {steps})")
    parser.add_argument("--fit", choices=FITS, default="crop", help="how a picture of another shape is brought to the generator's (default: crop)")


def inversion_of(options: argparse.Namespace, *, keep_at_cancel: bool = False) -> InversionSettings:
    """What the options of `add_inversion` say."""
    return InversionSettings(space=options.space, num_steps=options.steps, seed=options.seed, fit=options.fit, keep_at_cancel=keep_at_cancel)


def run(options: argparse.Namespace) -> int:
    """Invert as the options say; a cancel keeps the best so far."""
    checked_file("--output", options.output, (".safetensors",) if options.space == "w+noise" else (".safetensors", ".npy", ".npz"))
    if options.shown is not None:
        checked_image(options.shown)
    check_apart([options.output, options.shown], [options.picture, *files_of_model(options.model)])
    image = read_image(options.picture)
    model = load_model(options.model, options.device)
    with ProgressBar() as progress:
        found = invert_with_model(model, image, inversion_of(options, keep_at_cancel=True), progress=progress)
    save_source(options.output, found.ws, found.noise)
    if options.shown is not None:
        save_image(options.shown, found.image)
    report = {"psnr": round(found.psnr, 2), "distance": round(found.distance, 2), "limit": round(found.limit, 2), "steps": found.num_steps,
              "space": options.space, "cancelled": found.cancelled, "seconds": round(found.seconds, 2)}
    if options.json:
        say_json(report)
    else:
        say(f"{options.output}: {found.psnr:.1f} dB after {found.num_steps} steps, distance {found.distance:.1f} (99 % of the generator's own "
            f"codes lie within {found.limit:.1f}), {found.seconds:.1f} s")
    if found.cancelled and not options.json:
        say("stopped before the end; the best so far was kept")
    return 130 if found.cancelled else 0
