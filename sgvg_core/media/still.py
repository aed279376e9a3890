"""The one reader of still pictures: whatever a file holds becomes upright RGB of 8 bits, as a browser on white paper shows it."""

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from ..errors import MediaError

_BACKGROUND = (255, 255, 255)
_ERRORS = (OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError, OverflowError, ZeroDivisionError, MemoryError,
           Image.DecompressionBombError)
"""What Pillow raises on damaged files."""


def read_image(path: str | Path | bytes, *, formats: tuple[str, ...] | None = None, name: str | None = None) -> Image.Image:
    """A picture file `path` (or its bytes) as an upright RGB image. Raises MediaError.

    An orientation tag is followed; 16 bits and floats are scaled to 8; what's transparent is laid on white, whatever colour is hidden there;
    CMYK, palettes and 1 bit become RGB; of an animation the first picture counts. `formats` are Pillow's names of those allowed (None:
    all), `name` is what an error calls bytes.
    """
    where = name or (path if not isinstance(path, bytes) else "picture")
    try:
        with Image.open(io.BytesIO(path) if isinstance(path, bytes) else path, formats=formats) as image:
            image.load()
            return as_rgb_image(ImageOps.exif_transpose(image))
    except _ERRORS as error:
        raise MediaError(f"{where}: can't be read as a picture ({str(error)[:200] or type(error).__name__}); mend or remove it") from error


def as_rgb_image(image: Image.Image) -> Image.Image:
    """An image of any mode as RGB of 8 bits."""
    if image.mode.startswith("I") or image.mode == "F":
        return Image.fromarray(_eight_bits(image)).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        return on_background(image.convert("RGBA"))
    return image.convert("RGB")


def on_background(image: Image.Image) -> Image.Image:
    """An RGBA image laid on white."""
    return Image.alpha_composite(Image.new("RGBA", image.size, (*_BACKGROUND, 255)), image).convert("RGB")


def _eight_bits(image: Image.Image) -> np.ndarray:
    """Greys of 16 or 32 bits, or of floats in 0..1 or 0..255, as 8 bits; a grey that stands for "transparent" becomes white."""
    values = np.nan_to_num(np.asarray(image).astype(np.float64), nan=0.0, posinf=255.0, neginf=0.0)
    if image.mode == "F":
        scale = 255.0 if values.max(initial=0) <= 1 else 1.0
    else:
        scale = 255 / 65_535 if image.mode != "I" or values.max(initial=0) <= 65_535 else 255 / 2**31
    grey = np.clip(np.round(values * scale), 0, 255).astype(np.uint8)
    hidden = image.info.get("transparency")
    return np.where(values == hidden, np.uint8(255), grey) if isinstance(hidden, int) else grey
