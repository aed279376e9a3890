"""Pictures to latents: made ready, encoded, and with ReStyle's encoders refined pass after pass."""

from collections.abc import Callable

import torch
from torch.nn import functional as F

from ..config import check_range
from ..errors import ConfigError, ShapeError
from ..progress import Progress, silent
from ..synthesis import Generator, rgb_images
from .encoder import ImageEncoder
from .images import fit_image

Generate = Callable[[torch.Tensor], torch.Tensor]
"""Latents [N, L, D] -> images [N, 3, H, W] in -1..1: the generator that the encoder was trained with, without its noise changing."""

RESTYLE_PASSES = 5
"""Passes with which ReStyle's encoders were trained and measured."""


def prepare_images(images: torch.Tensor, size: int) -> torch.Tensor:
    """Images [N, 3, H, W] in -1..1 at `size` x `size`, antialiased bilinear, as the encoders were trained. Raises ShapeError."""
    if images.ndim != 4 or images.shape[1] != 3 or 0 in images.shape:
        raise ShapeError(f"pictures: got shape {list(images.shape)}, expected [N, 3, H, W]")
    images = images.float()
    if tuple(images.shape[2:]) == (size, size):
        return images
    return F.interpolate(images, size=(size, size), mode="bilinear", antialias=True, align_corners=False)


@torch.no_grad()
def invert(
    encoder: ImageEncoder,
    images: torch.Tensor,
    generate: Generate | None = None,
    *,
    num_passes: int = RESTYLE_PASSES,
    progress: Progress = silent,
) -> torch.Tensor:
    """Latents [N, L, D] of images [N, 3, H, W] in -1..1, float32 on the encoder's device.

    ReStyle (Alaluf et al. 2021): each of `num_passes` sees the picture together with what the generator makes of the latents so far, the first one
    together with the picture of the mean latent, and answers a correction. Such encoders need `generate`; for the others it isn't asked
    (None) and one
    pass is all. Raises ShapeError, and ConfigError where an encoder needs what it isn't given or sees no RGB pictures.
    """
    device = encoder.latent_avg.device
    ready = prepare_images(images, encoder.image_size).to(device)
    if encoder.in_channels == 3:
        progress(1, 1, "invert")
        return encoder(ready)
    if not encoder.refines:
        raise ConfigError(f"image encoder: made for pictures of {encoder.in_channels} channels (a label map or a sketch), expected 3 or 6")
    if generate is None:
        raise ConfigError("image encoder: a ReStyle encoder looks at what the generator makes of its latents; give it the generator too")
    check_range("num_passes", num_passes, 1, 100)
    made = _shown(generate(encoder.latent_avg[None]), encoder).expand(len(ready), -1, -1, -1)
    ws: torch.Tensor | None = None
    for done in range(num_passes):
        if ws is not None:
            made = _shown(generate(ws), encoder)
        ws = encoder(torch.cat([ready, made], 1), ws)
        progress(done + 1, num_passes, "invert")
    return ws  # type: ignore[return-value]  # there's at least one pass


def check_same_latents(encoder: ImageEncoder, generator: Generator, encoder_name: str, generator_name: str) -> None:
    """Raise ConfigError where an encoder answers other latents than a generator takes; it says `encoder_name` and `generator_name`."""
    seen, wanted = (encoder.num_ws, encoder.w_dim), (generator.num_ws, generator.w_dim)
    if seen != wanted:
        raise ConfigError(
            f"image encoder: {encoder_name} answers {seen[0]} latents of {seen[1]}, but {generator_name} takes {wanted[0]} of {wanted[1]}; take "
            "the generator that it was trained with"
        )


def encoded_start(encoder: ImageEncoder, generator: Generator, image: torch.Tensor, fit: str = "crop", progress: Progress = silent) -> torch.Tensor:
    """An encoder's answer [1, L, D] to `image` [1, 3, H, W] in -1..1, a start for `invert_image`: of the picture as that fits it (`fit`, one of
    `FITS`).

    Raises ConfigError, ShapeError.
    """
    check_same_latents(encoder, generator, "the encoder", "the generator")
    wanted = fit_image(image, generator.img_size, fit)

    def generate(ws: torch.Tensor) -> torch.Tensor:
        return rgb_images(generator, ws.to(generator.w_avg.device), noise_mode="const")

    return invert(encoder, wanted, generate, progress=progress).float().cpu()


def _shown(images: torch.Tensor, encoder: ImageEncoder) -> torch.Tensor:
    """What the generator made, averaged down (never antialiased otherwise) to the encoder's size, as in ReStyle."""
    size = (encoder.image_size, encoder.image_size)
    return F.adaptive_avg_pool2d(images.to(encoder.latent_avg), size)
