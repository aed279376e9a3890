"""Still pictures: PNG files, contact sheets, and a folder of numbered frames with a video writer's protocol."""

import re
import shutil
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import torch

from ..config import check_range
from ..errors import MediaError
from ..shapes import check_shape
from ..whole_files import temporary_path, written_whole


def save_png(path: str | Path, image: torch.Tensor, texts: Mapping[str, str] | None = None) -> Path:
    """Write an image [H, W, 3], uint8, as a PNG file; `texts` are kept in it as named texts. Raises MediaError."""
    _check_images("image", image, "H W 3")
    with written_whole(path, MediaError) as part:
        part.write_bytes(png_bytes(image, texts))
    return Path(path)


def png_bytes(image: torch.Tensor, texts: Mapping[str, str] | None = None) -> bytes:
    """An image [H, W, 3], uint8, as the bytes of a PNG file (8 bits a channel, each row the difference to the one above)."""
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
    """Images [N, H, W, 3], uint8, side by side in rows of `columns` with dark gaps between: one image [H', W', 3]."""
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

    They're gathered in a hidden folder beside `path`, which takes its name on a clean exit; an exception leaves nothing. A folder
    of that name may exist if it's empty, or holds nothing but frames of an earlier run: those are replaced.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.num_frames = 0
        self._part = temporary_path(self.path)

    def __enter__(self) -> "FrameFolderWriter":
        if self.path.exists() and not self.path.is_dir():
            raise MediaError(f"{self.path}: this is a file, expected the name of a folder for the frames")
        if self.path.is_dir() and not all(re.fullmatch(r"frame_\d{6,}\.png", file.name) for file in self.path.iterdir()):
            raise MediaError(f"{self.path}: the folder holds other files than frames; name a new or empty one")
        try:
            self._part.mkdir(parents=True)
        except OSError as error:
            raise MediaError(f"{self.path}: the folder can't be made ({error.strerror or error})") from error
        return self

    def write(self, frames: torch.Tensor) -> None:
        """Add frames [n, H, W, 3], uint8."""
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
                if self.path.is_dir():
                    shutil.rmtree(self.path)
                self._part.rename(self.path)
        except OSError as failure:
            raise MediaError(f"{self.path}: can't be replaced ({failure.strerror or failure})") from failure
        finally:
            shutil.rmtree(self._part, ignore_errors=True)


def _check_images(name: str, images: torch.Tensor, axes: str) -> None:
    check_shape(name, images, axes)
    if images.dtype != torch.uint8 or 0 in images.shape:
        raise MediaError(f"{name}: got {images.dtype} of shape {list(images.shape)}, expected uint8 (0..255) and no empty axis")
