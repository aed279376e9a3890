"""What was loaded, in the few lines that a loader shows."""

from ..sgvg_core.assembly import SoundModel
from ..sgvg_core.checkpoints import Recognised
from ..sgvg_core.generation import size_of_image
from ..sgvg_core.image_inversion import ImageEncoder
from ..sgvg_core.sound_inversion import AdaptedSoundEncoder, AnySoundEncoder, ReleasedSoundEncoder
from ..sgvg_core.synthesis import Generator, StyleGAN3Generator
from ..sgvg_core.walker import AdaptedWalker, AnyWalker, ReleasedWalker

_COLOURS = {1: ", grey", 4: ", with alpha"}


def generator_in_words(generator: Generator) -> list[str]:
    """Kind, size, latents, classes and parameters of a generator."""
    height, width = size_of_image(generator)
    classes = [f"{generator.c_dim} classes: choose by class label, 0 to {generator.c_dim - 1}"] if generator.c_dim else []
    return [
        f"{_kind(generator)}, {width} x {height}{_COLOURS.get(generator.img_channels, '')}",
        f"{generator.num_ws} latents of {generator.w_dim} (num_ws {generator.num_ws})",
        *classes,
        f"{sum(parameter.numel() for parameter in generator.parameters()):,} parameters",
    ]


def _kind(generator: Generator) -> str:
    if not isinstance(generator, StyleGAN3Generator):
        return "StyleGAN2"
    radial = any(layer.activation is not None and layer.activation.down_filter.ndim == 2 for layer in generator.synthesis.layers)
    return "StyleGAN3-R" if radial else "StyleGAN3-T"


def notes_in_words(found: Recognised) -> list[str]:
    """Where a network comes from, and what was assumed or left out."""
    return ["file of this program" if found.layout == "own" else f"layout {found.layout}", *(f"note: {note}" for note in found.notes)]


def model_in_words(model: SoundModel) -> str:
    """A whole model: what it draws, and what it can hear and read."""
    if model.joint_space is None:
        hears = "no joint space: it can't choose by words or sound"
    else:
        scenes = len(model.joint_space.labels)
        hears = f"joint space of sound, picture and text{f', {scenes} scenes' if scenes else ''}"
    return "\n".join([*generator_in_words(model.generator)[:-1], hears])


def part_in_words(part: str, files: str, num_ws: int, fitted: AnySoundEncoder | AnyWalker) -> str:
    """A sound encoder or walker (`part` says which): its files, whose it is, and whether its `num_ws` latents were fitted to the generator's."""
    origin = "released code" if _is_released(fitted) else "ours"
    said = "" if num_ws == fitted.num_ws else f", fitted by layer to {fitted.num_ws}"
    return f"{part}: {files} ({origin}), {num_ws} latents of {fitted.w_dim}{said}"


def advice_for_walker(walker: AnyWalker) -> list[str]:
    """The settings that a released walker was used with; Recurrent Walker's own are those of ours."""
    return ["the released way: sound once on, beta 0.4, pull 0, 10 frames a second"] if _is_released(walker) else []


def _is_released(fitted: AnySoundEncoder | AnyWalker) -> bool:
    inner = fitted.encoder if isinstance(fitted, AdaptedSoundEncoder) else fitted.walker if isinstance(fitted, AdaptedWalker) else fitted
    return isinstance(inner, ReleasedSoundEncoder | ReleasedWalker)


def encoder_in_words(encoder: ImageEncoder) -> str:
    """An encoder of pictures."""
    kind = f"{'ReStyle, ' if encoder.refines else ''}{'offsets from the first latent (e4e)' if encoder.deltas else 'each latent for itself (pSp)'}"
    return f"{kind}\npictures of {encoder.image_size} x {encoder.image_size}, {encoder.num_ws} latents of {encoder.w_dim}"
