"""From an image to latents: by descent through any generator, and by the encoders of pSp, e4e and ReStyle, for weights that users own."""

from .encoder import ImageEncoder
from .images import FITS, fit_image, read_image
from .inversion import invert, prepare_images

__all__ = [
    "FITS",
    "ImageEncoder",
    "fit_image",
    "invert",
    "prepare_images",
    "read_image",
]
