"""From a picture to latents: the encoders of pSp, e4e and ReStyle, for weights that users own."""

from .encoder import ImageEncoder
from .inversion import invert, prepare_images

__all__ = [
    "ImageEncoder",
    "invert",
    "prepare_images",
]
