"""The sheet of samples of the adversarial training: real images, and those of codes that are always the same."""

import torch

from ...media import contact_sheet
from ...pixels import to_uint8
from ...randomness import normal
from ...synthesis import StyleGAN2Generator
from .class_labels import ClassLabels
from .images import ImageData

_SHEET_COLUMNS, _SHEET_ROWS = 8, 4
_MOST_CLASSES = 24
"""On a sheet."""
_REAL_OF_CLASS = 2
"""Real pictures at the left of a class's row."""


@torch.no_grad()
def sample_sheet(G: StyleGAN2Generator, data: ImageData, seed: int, classes: ClassLabels | None = None) -> torch.Tensor:
    """Real pictures, and those that the generator `G` makes of codes that are always the same, uint8 [H, W, 3].

    Without labels a row of real ones is above. With `classes` each row is one, in the order of their numbers: real pictures of it at
    the left, then the same codes in every row.
    """
    images = _rows_of_all(G, data, seed) if classes is None else _rows_of_classes(G, data, seed, classes)
    return contact_sheet(to_uint8(images), _SHEET_COLUMNS)


def _rows_of_all(G: StyleGAN2Generator, data: ImageData, seed: int) -> torch.Tensor:
    z = torch.stack([normal(seed, "sheet", item, G.z_dim) for item in range(_SHEET_COLUMNS * _SHEET_ROWS)])
    step = max(1, len(data) // _SHEET_COLUMNS)
    real = torch.stack([data.image(place * step % len(data)) for place in range(_SHEET_COLUMNS)])
    return torch.cat([real, *(_made(G, some) for some in z.split(_SHEET_COLUMNS))])


def _rows_of_classes(G: StyleGAN2Generator, data: ImageData, seed: int, classes: ClassLabels) -> torch.Tensor:
    z = torch.stack([normal(seed, "sheet", item, G.z_dim) for item in range(_SHEET_COLUMNS - _REAL_OF_CLASS)])
    rows = []
    for number in range(min(classes.count, _MOST_CLASSES)):
        real = [data.image(place) for place in classes.examples(number, _REAL_OF_CLASS)]
        real += [torch.zeros(3, *G.img_size)] * (_REAL_OF_CLASS - len(real))  # grey
        rows += [torch.stack(real), _made(G, z, classes.vectors([number] * len(z)))]
    return torch.cat(rows)


def _made(G: StyleGAN2Generator, z: torch.Tensor, c: torch.Tensor | None = None) -> torch.Tensor:
    """Pictures of codes, on the CPU."""
    device = G.w_avg.device
    images: torch.Tensor = G.synthesis(G.mapping(z.to(device), None if c is None else c.to(device)))
    return images.cpu()
