"""Pictures to learn from, by number: the frames of a prepared data set, or a folder of pictures.

What a step sees follows from its number alone: each epoch has its own order, and item i of step k is picture k B + i of all epochs.
"""

import hashlib
from bisect import bisect_right
from itertools import accumulate
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch.nn import functional as F

from ...datasets import ClipData
from ...errors import DataError
from ...pixels import from_uint8

_ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif")


class ImageData(Protocol):
    """Pictures that a generator learns from. Reading is safe from several threads."""

    hash: str
    """Tells what the pictures are: other pictures, another hash."""
    labels: tuple[str, ...]
    """The labels in the order of their numbers; none unless every picture has one."""

    def __len__(self) -> int: ...

    def label(self, index: int) -> int:
        """The number of the label of picture `index`, where there are labels."""

    def image(self, index: int) -> torch.Tensor:
        """Picture `index`: [3, size, size] float32 in -1..1."""


class ClipImages:
    """The frames of a prepared data set's clips, `size` px, the middle square of each; `split` is "train" or "test".

    Raises DataError where there are none.
    """

    def __init__(self, data: ClipData, size: int, split: str = "train") -> None:
        self.data, self.size = data, size
        self.clips = [clip for clip in data.clips(split) if clip.num_frames]
        self._ends = list(accumulate(clip.num_frames for clip in self.clips))
        self.hash = f"{data.hash}/{split}/{size}"
        self.labels = data.labels if all(clip.label is not None for clip in self.clips) else ()
        if not self.clips:
            raise DataError(f"{data.folder}: holds no frames to learn from ({split}); prepare videos, or the procedural world")

    def __len__(self) -> int:
        return self._ends[-1]

    def label(self, index: int) -> int:
        """The number of the label of the clip that frame `index` is of."""
        label = self.clips[bisect_right(self._ends, index)].label
        return self.labels.index(label or "")

    def image(self, index: int) -> torch.Tensor:
        """Frame `index` of all clips one after another."""
        place = bisect_right(self._ends, index)
        clip = self.clips[place]
        first = index - (self._ends[place] - clip.num_frames)
        return middle_square(self.data.frames(clip, first, 1, size=self.size)[0], self.size)


class FolderImages:
    """The pictures in a folder and those below it, `size` px, the middle square of each. Raises DataError where there are none.

    The label of a picture is the first folder below that it lies in, if every picture lies in one.
    """

    def __init__(self, folder: Path, size: int) -> None:
        self.size = size
        self.paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _ENDINGS)
        if not self.paths:
            raise DataError(f"{folder}: holds neither a prepared data set nor pictures ({', '.join(_ENDINGS)}); make one with `data prepare`")
        said = "\n".join(f"{path.relative_to(folder).as_posix()} {path.stat().st_size}" for path in self.paths)
        self.hash = f"{hashlib.sha256(said.encode()).hexdigest()}/{size}"
        inside = [path.relative_to(folder).parts for path in self.paths]
        self.labels = tuple(sorted({parts[0] for parts in inside})) if all(len(parts) > 1 for parts in inside) else ()
        self._numbers = [self.labels.index(parts[0]) for parts in inside] if self.labels else []

    def __len__(self) -> int:
        return len(self.paths)

    def label(self, index: int) -> int:
        """The number of the folder that picture `index` lies in."""
        return self._numbers[index]

    def image(self, index: int) -> torch.Tensor:
        """Picture `index` in the order of the names. Raises MediaError."""
        from ...media import read_image  # here, so that training on prepared data goes without its packages

        pixels = np.asarray(read_image(self.paths[index]))
        return middle_square(from_uint8(torch.from_numpy(pixels.copy())), self.size)


def open_images(folder: Path, size: int) -> ImageData:
    """The pictures in `folder`, square and `size` px: the training clips of a prepared data set, else a folder of pictures. Raises DataError."""
    if not folder.is_dir():
        raise DataError(f"{folder}: isn't a folder; make a data set with: python -m sgvg_core data prepare SOURCE -o {folder}")
    prepared = any((folder / name).exists() for name in ("data.json", "manifest.jsonl", "shards"))
    return ClipImages(ClipData.open(folder), size) if prepared else FolderImages(folder, size)


def middle_square(image: torch.Tensor, size: int) -> torch.Tensor:
    """The middle square of a image [3, H, W], averaged or interpolated to [3, size, size]. `size` is in pixels; `image` may be in any range."""
    side = min(image.shape[1:])
    top, left = (image.shape[1] - side) // 2, (image.shape[2] - side) // 2
    square = image[:, top : top + side, left : left + side]
    if side == size:
        return square.contiguous()
    return F.interpolate(square[None], (size, size), mode="bilinear", antialias=True, align_corners=False)[0].clamp(-1, 1)


class Epochs:
    """Which of `num_items` the items of a step are (`batch` of them): every epoch goes through all of them, in its own order."""

    def __init__(self, num_items: int, batch: int, seed: int) -> None:
        self.num_items, self.batch, self.seed = num_items, batch, seed
        self._orders: dict[int, np.ndarray] = {}

    def index(self, step: int, item: int) -> int:
        """The number of item `item` of the global batch of `step`."""
        epoch, place = divmod(step * self.batch + item, self.num_items)
        order = self._orders.get(epoch)
        if order is None:
            order = np.random.default_rng([self.seed, epoch]).permutation(self.num_items)
            self._orders = {**{kept: self._orders[kept] for kept in self._orders if kept >= epoch - 1}, epoch: order}
        return int(order[place])
