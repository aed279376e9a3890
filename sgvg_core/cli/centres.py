"""``centres``: what truncation may draw to besides the mean latent, computed once and stored."""

import argparse
from pathlib import Path

import torch

from ..assembly import find_model_generator, load_generator, save_latents
from ..generation import compute_centres, read_label
from ..generation.render import frames
from ..media import checked_image, contact_sheet, save_image
from ..progress import Progress
from ..synthesis import Generator
from .options import LABEL_SAYS, read_seed, whole
from .outputs import check_apart, checked_file, files_of_model
from .progress import ProgressBar
from .terminal import say

_ENDINGS = (".safetensors", ".npy", ".npz")
_COLUMNS = 8


def add_command(commands: argparse._SubParsersAction) -> None:
    """Add ``centres`` to the commands."""
    parser = commands.add_parser(
        "centres",
        help="centres of a generator's latents, for truncation",
        description="Sort a generator's latents into clusters and store their centres. `generate --centres FILE --psi 0.7` then draws the start "
        "latent towards the nearest of them: the mean of unlike scenes is a grey nothing, the mean of like ones is a scene.",
    )
    parser.add_argument("generator", metavar="GENERATOR", type=Path, help="a file with a generator, of any known layout, or a model folder")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help="a .safetensors, .npy or .npz file")
    parser.add_argument("--num", type=whole(1), default=16, help="how many centres (default: 16)")
    parser.add_argument("--codes", type=whole(1), default=4000, help="how many codes are mapped and sorted (default: 4000)")
    parser.add_argument("--label", type=read_label, default=None, metavar="N", help=LABEL_SAYS.format("codes of all classes"))
    parser.add_argument("--seed", type=read_seed, default=0, help="the same seed gives the same centres (default: 0)")
    parser.add_argument("--sheet", type=Path, default=None, metavar="PICTURE", help="also write what the centres look like: .png, .jpg or .webp")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (default: auto)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Compute and store."""
    checked_file("--output", options.output, _ENDINGS)
    if options.sheet is not None:
        checked_image(options.sheet)
    check_apart([options.output, options.sheet], files_of_model(options.generator))
    path = find_model_generator(options.generator) if options.generator.is_dir() else options.generator
    generator = load_generator(path, options.device)
    with ProgressBar() as progress:
        centres = compute_centres(
            generator, options.num, num_codes=options.codes, seed=options.seed, label=options.label, progress=progress
        )
        save_latents(options.output, centres)
        if options.sheet is not None:
            save_image(options.sheet, contact_sheet(images_of(generator, centres, progress), min(_COLUMNS, len(centres))))
    say(f"{options.output}: {len(centres)} centres of {options.codes} codes, {centres.shape[1]} latents of {centres.shape[2]}")
    return 0


def images_of(generator: Generator, ws: torch.Tensor, progress: Progress) -> torch.Tensor:
    """What latents `ws` [N, L, D] look like, uint8 [N, H, W, 3]."""
    found: list[torch.Tensor] = []
    for some in frames(generator, [ws]):
        found.append(some)
        progress(sum(map(len, found)), len(ws), "pictures")
    return torch.cat(found)
