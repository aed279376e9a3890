"""From an image to latents: by descent through any generator, and by the encoders of pSp, e4e and ReStyle, for weights that users own."""

from .encoder import ImageEncoder
from .ground import Ground, codes_of, map_codes, measure_ground
from .images import FITS, fit_image, read_image
from .inversion import check_same_latents, encoded_start, invert, prepare_images
from .linear_encoder import LinearEncoder, fit_encoder
from .pivot_tuning import TuningSettings, load_delta, save_delta, tune_pivot, tuned_generator
from .projection import PERCEPTUAL, SPACES, STEPS, Candidates, InversionSettings, Inverted, invert_image, psnr_of

__all__ = [
    "Candidates",
    "FITS",
    "Ground",
    "ImageEncoder",
    "InversionSettings",
    "Inverted",
    "LinearEncoder",
    "PERCEPTUAL",
    "SPACES",
    "STEPS",
    "TuningSettings",
    "check_same_latents",
    "codes_of",
    "encoded_start",
    "fit_encoder",
    "fit_image",
    "invert",
    "invert_image",
    "load_delta",
    "map_codes",
    "measure_ground",
    "prepare_images",
    "psnr_of",
    "read_image",
    "save_delta",
    "tune_pivot",
    "tuned_generator",
]
