"""Still pictures: PNG, JPEG and WebP files, contact sheets, and a folder of numbered frames with a video writer's protocol."""

import hashlib
import io
import json
import re
import shutil
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import torch

from ..atomic_files import (
    aside_path,
    atomic_write,
    check_folder_name,
    checked_target,
    temporary_path,
)
from ..config import check_range
from ..errors import MediaError
from ..shapes import check_shape

IMAGES = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
"""The endings of a still picture's name, and their kinds."""
_QUALITY = 92


def checked_image(path: str | Path) -> Path:
    """`path`, if a still picture can be written there, of the kind that its ending names. Raises MediaError."""
    if Path(path).suffix.lower() not in IMAGES:
        what = f"the ending {Path(path).suffix}" if Path(path).suffix else "no ending"
        raise MediaError(f"{path}: got {what}, expected the name of a picture in {', '.join(IMAGES)}")
    return checked_target(path, MediaError)


def save_image(path: str | Path, image: torch.Tensor) -> Path:
    """Write an image [H, W, 3], uint8, as the kind of file that the ending names (see `IMAGES`). Raises MediaError."""
    kind = IMAGES[checked_image(path).suffix.lower()]
    if kind == "PNG":
        return save_png(path, image)
    _check_images("image", image, "H W 3")
    from PIL import Image  # here, so that PNG files can be written without it

    largest = max(image.shape[:2])
    if largest > _LARGEST_SIDES[kind]:
        raise MediaError(f"{path}: got a picture of {largest} pixels, but a {kind} holds at most {_LARGEST_SIDES[kind]}; name a .png")
    whole = io.BytesIO()  # Pillow itself doesn't notice that a disk is full
    Image.fromarray(image.detach().cpu().numpy()).save(whole, kind, quality=_QUALITY)
    with atomic_write(path, MediaError) as part:
        part.write_bytes(whole.getbuffer())
    return Path(path)


_LARGEST_SIDES = {"JPEG": 65_535, "WEBP": 16_383}


def save_png(path: str | Path, image: torch.Tensor, texts: Mapping[str, str] | None = None) -> Path:
    """Write an image [H, W, 3], uint8, as a PNG file; `texts` are kept in it as named texts (None: there are none). Raises MediaError."""
    _check_images("image", image, "H W 3")
    with atomic_write(path, MediaError) as part:
        part.write_bytes(png_bytes(image, texts))
    return Path(path)


def png_bytes(image: torch.Tensor, texts: Mapping[str, str] | None = None) -> bytes:
    """An image [H, W, 3], uint8, as the bytes of a PNG file (8 bits a channel, each row the difference to the one above).

    `texts` are kept in it as named texts (None: there are none).
    """
    height, width, _ = image.shape
    rows = image.detach().cpu().reshape(height, width * 3)
    above = torch.cat([torch.zeros_like(rows[:1]), rows[:-1]])
    filtered = torch.cat([torch.full((height, 1), 2, dtype=torch.uint8), rows - above], dim=1)
    chunks = [_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))]
    for key, text in (texts or {}).items():
        chunks.append(_chunk(b"iTXt", key.encode("latin-1", "replace")[:79] + b"\0\0\0\0\0" + text.encode()))
    chunks += [_chunk(b"IDAT", zlib.compress(filtered.contiguous().numpy().tobytes(), 6)), _chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def contact_sheet(images: torch.Tensor, columns: int, *, gap: int = 2) -> torch.Tensor:
    """Images [N, H, W, 3], uint8, side by side in rows of `columns` with dark gaps between: one image [H', W', 3]. `gap` is in pixels."""
    _check_images("images", images, "N H W 3")
    check_range("contact sheet columns", columns, 1, 1000)
    num_images, height, width, _ = images.shape
    columns = min(columns, num_images)
    num_rows = -(-num_images // columns)
    sheet = torch.full((num_rows * (height + gap) - gap, columns * (width + gap) - gap, 3), 24, dtype=torch.uint8)
    for index, image in enumerate(images):
        top, left = index // columns * (height + gap), index % columns * (width + gap)
        sheet[top:top + height, left:left + width] = image
    return sheet


class FrameFolderWriter:
    """Frames as numbered PNG files in a folder, with the protocol of `VideoWriter`.

    They're gathered in a hidden folder next to `path`, which takes its name on a clean exit; an exception leaves nothing. A folder of that
    name may exist if it's empty, or as an earlier run made it, which a file in it (`MARKER`) tells: it's moved aside, and removed when the
    new one is there. Raises MediaError at once where that can't be.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = check_frame_folder(path)
        self.num_frames = 0
        self._part = temporary_path(self.path)

    def __enter__(self) -> "FrameFolderWriter":
        try:
            self._part.mkdir(parents=True)
        except OSError as error:
            raise MediaError(f"{self.path}: the folder can't be made ({error.strerror or error})") from error
        return self

    def write(self, frames: torch.Tensor) -> None:
        """Add frames [n, H, W, 3], uint8. Raises MediaError where they can't be written."""
        _check_images("frames", frames, "N H W 3")
        for frame in frames:
            try:
                (self._part / f"frame_{self.num_frames:06d}.png").write_bytes(png_bytes(frame))
            except OSError as error:
                raise MediaError(f"{self.path}: can't be written ({error.strerror or error}); check the free space") from error
            self.num_frames += 1

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            if kind is None:
                (self._part / MARKER).write_text(_marker_of(self._part), encoding="utf-8")
                _take_place(self._part, check_frame_folder(self.path))  # looked at again: a film takes long
        except OSError as failure:
            raise MediaError(f"{self.path}: can't be replaced ({failure.strerror or failure})") from failure
        finally:
            shutil.rmtree(self._part, ignore_errors=True)


MARKER = ".sgvg_frames.json"
"""In a folder of frames: how many they are, and a hash of their names and sizes, by which they're known as this program's own."""
_OF_THE_SYSTEM = (".DS_Store", "Thumbs.db", "desktop.ini")
"""What file managers put into folders by themselves."""


def check_frame_folder(path: str | Path) -> Path:
    """`path`, if a folder of frames can be made there, or take the place of an earlier one. Raises MediaError."""
    folder = check_folder_name(path, MediaError)
    if folder.is_dir() and not _is_ours(folder):
        raise MediaError(f"{folder}: the folder holds other files than frames that this program wrote; name a new or empty one")
    return folder


def _is_ours(folder: Path) -> bool:
    """Whether a folder is empty, or as a `FrameFolderWriter` left it."""
    entries = {entry.name for entry in folder.iterdir()} - set(_OF_THE_SYSTEM)
    if not entries:
        return True
    if MARKER not in entries or not all(re.fullmatch(r"frame_\d{6,}\.png", name) for name in entries - {MARKER}):
        return False
    try:
        return (folder / MARKER).read_text(encoding="utf-8") == _marker_of(folder)
    except (OSError, ValueError):
        return False


def _marker_of(folder: Path) -> str:
    names = sorted(path.name for path in folder.glob("frame_*.png"))
    digest = hashlib.sha256("".join(f"{name} {(folder / name).stat().st_size}\n" for name in names).encode())
    return json.dumps({"made_by": "sgvg_core", "num_frames": len(names), "names_and_sizes_sha256": digest.hexdigest()}) + "\n"


def _take_place(part: Path, folder: Path) -> None:
    """Give a finished folder its name. What is there is kept until it has it; whatever stops this in between, one of them is there."""
    if not folder.exists():
        part.rename(folder)
        return
    old = aside_path(folder)
    try:
        folder.rename(old)
        part.rename(folder)
    except BaseException:
        if old.exists() and not folder.exists():
            old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _check_images(name: str, images: torch.Tensor, axes: str) -> None:
    check_shape(name, images, axes)
    if images.dtype != torch.uint8 or 0 in images.shape:
        raise MediaError(f"{name}: got {images.dtype} of shape {list(images.shape)}, expected uint8 (0..255) and no empty axis")
