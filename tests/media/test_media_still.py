"""Every picture is learned as a browser on white paper shows it."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sgvg_core.errors import MediaError
from sgvg_core.media import read_image

RED, GREEN = (200, 30, 20), (20, 160, 40)


def halves(mode: str = "RGB") -> Image.Image:
    """Red above green, 32 x 24."""
    pixels = np.empty((24, 32, 3), np.uint8)
    pixels[:12], pixels[12:] = RED, GREEN
    return Image.fromarray(pixels).convert(mode)


def corners(image: Image.Image) -> list[tuple[int, int, int]]:
    array = np.asarray(image)
    return [tuple(int(value) for value in array[y, x]) for y, x in ((1, 1), (1, -2), (-2, 1), (-2, -2))]


def close(seen: list[tuple[int, int, int]], wanted: list[tuple[int, int, int]], by: int = 12) -> bool:
    return all(abs(a - b) <= by for one, other in zip(seen, wanted, strict=True) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize(("orientation", "expected"), [
    (1, [RED, RED, GREEN, GREEN]), (3, [GREEN, GREEN, RED, RED]), (6, [GREEN, RED, GREEN, RED]), (8, [RED, GREEN, RED, GREEN]),
    (4, [GREEN, GREEN, RED, RED])])
def test_an_orientation_tag_turns_the_image(tmp_path: Path, ending: str, orientation: int, expected: list[tuple[int, int, int]]) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    halves().save(tmp_path / f"a.{ending}", exif=exif, **({"quality": 95} if ending in ("jpg", "webp") else {}))
    image = read_image(tmp_path / f"a.{ending}")
    assert image.size == ((24, 32) if orientation > 4 else (32, 24))
    assert close(corners(image), expected)


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_greys_of_16_bits_are_scaled(tmp_path: Path, ending: str) -> None:
    ramp = np.tile(np.linspace(0, 65_535, 64).astype(np.uint16), (8, 1))
    Image.fromarray(ramp).save(tmp_path / f"a.{ending}")
    seen = np.asarray(read_image(tmp_path / f"a.{ending}"))
    assert seen.shape == (8, 64, 3)
    assert np.abs(seen[..., 0] - ramp / 257).max() <= 0.51
    assert (seen[..., 0] == seen[..., 2]).all()


@pytest.mark.parametrize(("array", "scale"), [(np.float32(1), 255.0), (np.float32(255), 1.0), (np.int32(65_535), 255 / 65_535)])
def test_floats_and_32_bits_are_scaled(tmp_path: Path, array: np.generic, scale: float) -> None:
    ramp = (np.tile(np.linspace(0, 1, 32), (4, 1)) * array).astype(array.dtype)
    Image.fromarray(ramp).save(tmp_path / "a.tif")
    assert np.abs(np.asarray(read_image(tmp_path / "a.tif"))[..., 1] - ramp * scale).max() <= 0.51


def transparent(mode: str) -> bytes:
    """A picture whose lower half is transparent over a hidden colour."""
    buffer = io.BytesIO()
    if mode == "P":
        image = halves().quantize(2)
        image.save(buffer, "PNG", transparency=int(np.asarray(image)[-1, -1]))
    elif mode == "RGB key":
        halves().save(buffer, "PNG", transparency=GREEN)
    elif mode == "GIF":
        image = halves().quantize(2)
        image.save(buffer, "GIF", transparency=int(np.asarray(image)[-1, -1]))
    else:
        image = halves("RGBA" if mode == "RGBA" else "LA")
        alpha = np.full((24, 32), 255, np.uint8)
        alpha[12:] = 0
        image.putalpha(Image.fromarray(alpha))
        image.save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "RGB key", "GIF"])
def test_what_is_transparent_is_white_whatever_is_hidden_there(mode: str) -> None:
    seen = corners(read_image(transparent(mode)))
    above = [(81, 81, 81)] * 2 if mode == "LA" else [RED] * 2
    assert close(seen, [*above, (255, 255, 255), (255, 255, 255)], by=6)


def test_half_transparent_is_half_white() -> None:
    image, buffer = halves("RGBA"), io.BytesIO()
    image.putalpha(128)
    image.save(buffer, "PNG")
    assert close(corners(read_image(buffer.getvalue()))[:1], [(227, 142, 137)], by=2)


@pytest.mark.parametrize(("mode", "kind", "by"), [("CMYK", "JPEG", 14), ("CMYK", "TIFF", 3), ("P", "PNG", 3), ("P", "GIF", 3), ("YCbCr", "JPEG", 14)])
def test_other_modes_become_rgb(mode: str, kind: str, by: int) -> None:
    buffer = io.BytesIO()
    (halves().quantize(16) if mode == "P" else halves(mode)).save(buffer, kind, **({"quality": 95} if kind == "JPEG" else {}))
    assert close(corners(read_image(buffer.getvalue())), [RED, RED, GREEN, GREEN], by=by)


def test_one_bit_is_black_and_white() -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.arange(24 * 32).reshape(24, 32) >= 12 * 32).save(buffer, "PNG")
    assert corners(read_image(buffer.getvalue())) == [(0, 0, 0)] * 2 + [(255, 255, 255)] * 2


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_image_counts(kind: str) -> None:
    buffer = io.BytesIO()
    blue = Image.new("RGB", (32, 24), (0, 0, 255))
    halves().save(buffer, kind, save_all=True, append_images=[blue], **({"lossless": True} if kind == "WEBP" else {}))
    assert close(corners(read_image(buffer.getvalue())), [RED, RED, GREEN, GREEN], by=4)


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n", b"GIF89a", transparent("RGBA")[:90], b"no picture"])
def test_damaged_images_are_named(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(MediaError, match=r"a\.png: can't be read as a picture .*mend or remove it"):
        read_image(tmp_path / "a.png")
