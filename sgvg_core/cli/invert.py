"""``invert``: a picture in, latents of the generator out."""

import argparse
import dataclasses
from pathlib import Path

import torch

from ..assembly import SoundModel, load_image_encoder, load_model
from ..editing import invert_with_model, save_source, show
from ..editing.sources import perceptual_of
from ..image_inversion import (
    FITS,
    PERCEPTUAL,
    SPACES,
    STEPS,
    InversionSettings,
    Inverted,
    TuningSettings,
    check_same_latents,
    encoded_start,
    read_image,
    save_delta,
    tune_pivot,
    tuned_generator,
)
from ..media import checked_image, save_image
from ..progress import Progress
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
    words = "begin at the answer of an encoder for this generator: a file of pSp, e4e or ReStyle (docs/released_weights.md)"
    parser.add_argument("--image-encoder", type=Path, default=None, metavar="FILE", help=words)
    parser.add_argument("--seed", type=read_seed, default=0, help="of the candidates for the start (default: 0)")
    parser.add_argument("--picture", dest="shown", type=Path, default=None, metavar="OUT.png", help="also write what the latents show")
    words = "also change the generator's finest layers until they show the picture, and write the differences (pivot tuning): .safetensors"
    parser.add_argument("--tune", type=Path, default=None, metavar="FILE", help=words)
    parser.add_argument("--tune-steps", type=whole(1, 100_000), default=TuningSettings.num_steps, metavar="N",
                        help=f"steps of that (default: {TuningSettings.num_steps})")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def add_inversion(parser: argparse.ArgumentParser) -> None:
    """How a picture is inverted."""
    steps = ", ".join(f"{count} for {space}" for space, count in STEPS.items())
    parser.add_argument("--space", choices=SPACES, default="w+", help="one latent for all layers, one a layer, or that and the noise (default: w+)")
    parser.add_argument("--steps", type=whole(0, 100_000), default=None, metavar="N", help=f"steps of descent (default: {steps})")
    words = "by which distance it shall look alike: the joint space's own, or ST-LPIPS (pip install --no-deps stlpips-pytorch; default: joint-space)"
    parser.add_argument("--perceptual", choices=PERCEPTUAL, default="joint-space", help=words)
    parser.add_argument("--fit", choices=FITS, default="crop", help="how a picture of another shape is brought to the generator's (default: crop)")


def inversion_of(options: argparse.Namespace, *, keep_at_cancel: bool = False) -> InversionSettings:
    """What the options of `add_inversion` say. `keep_at_cancel`: Ctrl-C keeps the best so far."""
    return InversionSettings(space=options.space, num_steps=options.steps, seed=options.seed, fit=options.fit, perceptual=options.perceptual,
                             keep_at_cancel=keep_at_cancel)


def _start(options: argparse.Namespace, model: SoundModel, image: torch.Tensor, progress: Progress) -> torch.Tensor | None:
    """The encoder's answer [1, L, D] to an image [1, 3, H, W]; None where none is named."""
    if options.image_encoder is None:
        return None
    encoder = load_image_encoder(options.image_encoder, options.device, w_avg=model.generator.w_avg)
    check_same_latents(encoder, model.generator, str(options.image_encoder), model.name)
    return encoded_start(encoder, model.generator, image, options.fit, progress)


def _tuned(options: argparse.Namespace, model: SoundModel, image: torch.Tensor, found: Inverted, progress: Progress) -> torch.Tensor | None:
    """Tune the generator to the picture and write the differences: what it shows then, uint8 [H, W, 3]; None where that isn't asked for."""
    if options.tune is None or found.cancelled:
        return None
    settings = TuningSettings(num_steps=options.tune_steps, seed=options.seed)
    perceptual = perceptual_of(model, options.perceptual)
    delta = tune_pivot(model.generator, image, found.ws, settings, perceptual=perceptual, fit=options.fit, progress=progress)
    save_delta(options.tune, delta)
    return show(dataclasses.replace(model, generator=tuned_generator(model.generator, delta)), found.ws)[0]


def run(options: argparse.Namespace) -> int:
    """Invert as the options say; a cancel keeps the best so far."""
    checked_file("--output", options.output, (".safetensors",) if options.space == "w+noise" else (".safetensors", ".npy", ".npz"))
    if options.shown is not None:
        checked_image(options.shown)
    if options.tune is not None:
        checked_file("--tune", options.tune, (".safetensors",))
    check_apart([options.output, options.shown, options.tune], [options.picture, options.image_encoder, *files_of_model(options.model)])
    image = read_image(options.picture)
    model = load_model(options.model, options.device)
    with ProgressBar() as progress:
        start_ws = _start(options, model, image, progress)
        found = invert_with_model(model, image, inversion_of(options, keep_at_cancel=True), start_ws=start_ws, progress=progress)
        tuned = _tuned(options, model, image, found, progress)
    save_source(options.output, found.ws, found.noise)
    if options.shown is not None:
        save_image(options.shown, found.image if tuned is None else tuned)
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
